import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { actionSpaceText } from "../actionSequences.js";
import type { Budget, PlanLimits } from "../api.js";
import { ActionStrip } from "../charts/ActionStrip.js";
import { LineChart } from "../charts/LineChart.js";
import { PathChart } from "../charts/PathChart.js";
import { countText, durationText, valueText } from "../format.js";
import type { Picture } from "../picture.js";
import { BUDGET_DEFAULT, HORIZON_DEFAULT, predictionsOf, withinLimits } from "../planBudget.js";
import type { FoundPlan, Search } from "../state/planning.js";
import type { Session } from "../state/session.js";
import { distance } from "../vector.js";
import { BlobImage } from "./BlobImage.js";
import { Card } from "./Card.js";
import { Locked } from "./Locked.js";
import { Range } from "./Range.js";

export function PlanCard(session: Session) {
  const { board, sight, planning, ownership } = session;
  const limits = planLimits(session);
  const [horizonWished, setHorizon] = useState(HORIZON_DEFAULT);
  const [budgetWished, setBudget] = useState(BUDGET_DEFAULT);
  const begin = useRef<HTMLButtonElement>(null);
  if (!board.can("plan") || limits === undefined) return null;
  if (!ownership.mayInfer.value) {
    return (
      <Card title="Plan" note="actions that lead to a goal">
        <Locked what="Planning" session={session} />
      </Card>
    );
  }
  const horizon = Math.min(horizonWished, limits.horizon_max);
  const budget = withinLimits(budgetWished, horizon, limits);
  const goal = planning.goal.value;
  const search = planning.search.value;
  const found = planning.found.value;
  const start = sight.pending.value === null ? sight.current.value : null;
  const ready =
    start !== null &&
    goal !== null &&
    goal.model === start.model &&
    !sight.busy.value &&
    session.live.film.value === null;
  const submit = async (event: Event) => {
    event.preventDefault();
    await planning.plan(horizon, budget);
    // The button was away meanwhile, and with it the keyboard's place.
    requestAnimationFrame(() => begin.current?.focus({ preventScroll: true }));
  };
  return (
    <Card title="Plan" note="actions that lead to a goal">
      <div class="way">
        <Place name="Start" picture={start?.picture ?? null} empty="your next picture" />
        <span aria-hidden="true">→</span>
        <Place name="Goal" picture={goal?.picture ?? null} empty="keep a picture as the goal">
          {goal !== null && search === null && (
            <button type="button" class="close" aria-label="Forget the goal" onClick={() => planning.dropGoal()}>
              ×
            </button>
          )}
        </Place>
      </div>
      {search === null ? (
        <form onSubmit={(event) => void submit(event)}>
          <Range label="Actions" min={1} max={limits.horizon_max} value={horizon} onInput={setHorizon} />
          <BudgetFields budget={budget} horizon={horizon} limits={limits} onChange={setBudget} />
          <button type="submit" class="full" disabled={!ready} ref={begin}>
            Plan from the picture to the goal
          </button>
        </form>
      ) : (
        <SearchProgress search={search} onCancel={() => planning.cancel()} />
      )}
      {found !== null && <Found found={found} actionText={actionSpaceText(board.slot.value?.actions ?? {})} />}
    </Card>
  );
}

/** Of one plan; others than the owner may have to do with less. */
function planLimits({ board, ownership }: Session): PlanLimits | undefined {
  const limits = board.device.value?.limits;
  if (limits?.open_predictions_max === undefined || ownership.held.value) return limits?.plan;
  // Its answer takes another prediction for each action.
  const predictionsMax = Math.max(2, limits.open_predictions_max - limits.plan.horizon_max);
  return { ...limits.plan, predictions_max: Math.min(limits.plan.predictions_max, predictionsMax) };
}

interface PlaceProps {
  readonly name: string;
  readonly picture: Picture | null;
  readonly empty: string;
  readonly children?: ComponentChildren;
}

function Place({ name, picture, empty, children }: PlaceProps) {
  return (
    <figure>
      {picture === null ? (
        <p class="empty">{empty}</p>
      ) : (
        <BlobImage blob={picture.shown} alt={`${name}: ${picture.label}`} />
      )}
      {children}
      <figcaption>{name}</figcaption>
    </figure>
  );
}

interface BudgetProps {
  readonly budget: Budget;
  readonly horizon: number;
  readonly limits: PlanLimits;
  readonly onChange: (budget: Budget) => void;
}

function BudgetFields({ budget, horizon, limits, onChange }: BudgetProps) {
  const set = (part: Partial<Budget>) => onChange({ ...budget, ...part });
  return (
    <details class="more">
      <summary>
        Budget <small>{countText(predictionsOf(budget, horizon), "prediction")}</small>
      </summary>
      <Range
        label="Candidates"
        min={2}
        max={limits.samples_max}
        value={budget.samples}
        onInput={(samples) => set({ samples })}
      />
      <Range
        label="Rounds"
        min={1}
        max={limits.iterations_max}
        value={budget.iterations}
        onInput={(iterations) => set({ iterations })}
      />
      <Range
        label="Best kept"
        min={2}
        max={limits.elites_max}
        value={budget.elites}
        onInput={(elites) => set({ elites })}
      />
      <p class="caption">
        Every round tries that many candidates of {countText(horizon, "action")} and goes on from the best kept.
        {` At most ${countText(limits.predictions_max, "prediction")} in all.`}
      </p>
    </details>
  );
}

function SearchProgress({ search, onCancel }: { readonly search: Search; readonly onCancel: () => void }) {
  const { iteration, iterations, predictions, costs } = search;
  const cost = costs.at(-1);
  const cancel = useRef<HTMLButtonElement>(null);
  useEffect(() => cancel.current?.focus({ preventScroll: true }), []);
  return (
    <div class="result">
      <p class="caption">
        Round {Math.min(iteration + 1, iterations)} of {iterations}, {countText(predictions, "prediction")}
        {cost === undefined ? "" : `, cost ${valueText(cost)}`}
      </p>
      <progress aria-label="Planning" max={iterations} value={iteration} />
      {costs.length > 0 && <CostChart costs={costs} iterations={iterations} />}
      <button type="button" class="full" ref={cancel} onClick={onCancel}>
        Cancel
      </button>
    </div>
  );
}

function CostChart({ costs, iterations }: { readonly costs: readonly number[]; readonly iterations: number }) {
  return (
    <LineChart
      label={`Cost of the best candidate, round by round: ${costs.map(valueText).join(", ")}.`}
      lines={[{ values: costs, colour: "s0" }]}
      from="lowest"
      begin="round 1"
      end={`${iterations}`}
      dots={true}
      roomFor={iterations}
      height={120}
    />
  );
}

function Found({ found, actionText }: { readonly found: FoundPlan; readonly actionText: string }) {
  const { start, goal, answer, costs } = found;
  const before = distance(start.latent, goal.latent);
  const after = distance(answer.trajectory.at(-1) ?? start.latent, goal.latent);
  return (
    <div class="result">
      <p class="caption">
        <b>{countText(answer.actions.length, "action")}</b> in {durationText(answer.timing.inference_us)}. As the model
        imagines them, they end {valueText(after)} from the goal; the start is {valueText(before)} away from it.
      </p>
      <PathChart
        label={
          `Path of ${answer.actions.length} imagined steps from the start, and the goal. ` +
          `It ends ${valueText(after)} from the goal.`
        }
        paths={[{ latents: answer.trajectory, colour: "s0" }]}
        goal={goal.latent}
        caption={(share) =>
          "From the ring, the start, toward the target, the goal; the dashed line is what is left " +
          `(${Math.round(share * 100)} % of the movement lies in this plane).`
        }
      />
      <h3>
        Actions <small>{actionText}</small>
      </h3>
      <ActionStrip actions={answer.actions} />
      {costs.length > 1 && (
        <>
          <h3>
            Cost <small>of the best candidate</small>
          </h3>
          <CostChart costs={costs} iterations={costs.length} />
        </>
      )}
    </div>
  );
}
