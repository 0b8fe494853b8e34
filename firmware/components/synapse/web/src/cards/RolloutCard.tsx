import { useState } from "preact/hooks";
import { actionSpaceText, SEQUENCES, type Sequence } from "../actionSequences.js";
import { LineChart } from "../charts/LineChart.js";
import { PathChart } from "../charts/PathChart.js";
import { countText, durationText } from "../format.js";
import type { Run } from "../state/imagination.js";
import type { Session } from "../state/session.js";
import { distance } from "../vector.js";
import { Card } from "./Card.js";
import { Locked } from "./Locked.js";
import { Range } from "./Range.js";

/** More steps than a picture can show. */
const STEPS_MAX = 50;

export function RolloutCard(session: Session) {
  const { board, sight, imagination, ownership } = session;
  const [sequence, setSequence] = useState<Sequence>("circle");
  const [wished, setWished] = useState(16);
  const max = Math.max(1, Math.min(STEPS_MAX, board.device.value?.limits.rollout_steps_max ?? 1));
  const steps = Math.min(wished, max);
  const runs = imagination.runs.value;
  const ready = sight.current.value !== null && sight.pending.value === null && board.can("rollout");
  const spaceText = actionSpaceText(board.slot.value?.actions ?? {});
  const submit = (event: Event) => {
    event.preventDefault();
    void imagination.imagine(sequence, steps);
  };
  return (
    <Card title="Imagine" note="actions, and where they lead">
      {ownership.mayInfer.value ? (
        <form onSubmit={submit} class={imagination.busy.value ? "busy" : ""}>
          <fieldset class="chips">
            <legend>Actions</legend>
            {SEQUENCES.map((name) => (
              <label key={name}>
                <input type="radio" name="sequence" checked={sequence === name} onChange={() => setSequence(name)} />
                <span>{name}</span>
              </label>
            ))}
          </fieldset>
          {spaceText !== "" && (
            <p class="caption">
              Each of an action’s {board.slot.value?.action_elements} values: {spaceText}.
            </p>
          )}
          <Range label="Steps" min={1} max={max} value={steps} onInput={setWished} />
          <button type="submit" class="full" disabled={!ready}>
            Imagine from the picture
          </button>
        </form>
      ) : (
        <Locked what="Imagining" session={session} />
      )}
      {runs.length > 0 && <Paths runs={runs} />}
    </Card>
  );
}

function Paths({ runs }: { readonly runs: readonly Run[] }) {
  const lines = runs.map(({ trajectory, colour }) => ({
    values: trajectory.map((latent) => distance(latent, trajectory[0] ?? latent)),
    colour: `s${colour}`,
  }));
  const ends = runs.map(({ sequence, trajectory }, i) => {
    const away = lines[i]?.values.at(-1) ?? 0;
    return `${sequence}: ${trajectory.length - 1} steps, ends ${away.toFixed(2)} from the start`;
  });
  const longest = Math.max(...runs.map(({ trajectory }) => trajectory.length - 1));
  return (
    <div class="result">
      <PathChart
        label={`Paths of ${countText(runs.length, "imagined sequence")} from the same start.`}
        paths={runs.map(({ trajectory, colour }) => ({ latents: trajectory, colour: `s${colour}` }))}
        caption={(share) =>
          "The path of the latents, seen along the two directions in which they move most " +
          `(${Math.round(share * 100)} % of the movement). The ring is the picture.`
        }
      />
      <LineChart
        label={`Distance from the start. ${ends.join("; ")}.`}
        lines={lines}
        from="zero"
        begin="start"
        end={`step ${longest}`}
      />
      <p class="caption">Distance from the start, step by step.</p>
      <ul class="keys">
        {runs.map(({ sequence, trajectory, inferenceUs, colour }) => (
          <li key={colour} class={`s${colour}`}>
            {sequence}, {trajectory.length - 1} steps <b>{durationText(inferenceUs)}</b>
          </li>
        ))}
      </ul>
    </div>
  );
}
