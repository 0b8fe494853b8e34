import type { Action } from "../api.js";
import { largest, least } from "../vector.js";

const CELL = 56;
const PAD = 9;

/**
 * One small picture an action. Pairs of values are moves in a plane, drawn head to tail as an arrow; values that cannot
 * be paired are bars.
 */
export function ActionStrip({ actions }: { readonly actions: readonly Action[] }) {
  const paired = (actions[0]?.length ?? 0) % 2 === 0;
  const walks = actions.map(walkOf);
  const reach = largest([1e-6, ...(paired ? walks.flatMap(extentOf) : actions.flat().map(Math.abs))]);
  return (
    <ol class="actions" aria-label="Actions of the plan">
      {actions.map((action, step) => (
        <li key={step}>
          <svg
            role="img"
            aria-label={actionText(action, paired)}
            width={CELL}
            height={CELL}
            viewBox={`0 0 ${CELL} ${CELL}`}
          >
            {paired ? <Arrow walk={walks[step] ?? []} reach={reach} /> : <Bars action={action} reach={reach} />}
          </svg>
          <span aria-hidden="true">{step + 1}</span>
        </li>
      ))}
    </ol>
  );
}

type Walk = readonly (readonly [number, number])[];

/** Where the moves lead, one after the other. */
function walkOf(action: Action): Walk {
  let [x, y] = [0, 0];
  const walk: [number, number][] = [[0, 0]];
  for (let i = 0; i + 1 < action.length; i += 2) {
    x += action[i] ?? 0;
    y += action[i + 1] ?? 0;
    walk.push([x, y]);
  }
  return walk;
}

function extentOf(walk: Walk): [number, number] {
  const [xs, ys] = [walk.map(([x]) => x), walk.map(([, y]) => y)];
  return [largest(xs) - least(xs), largest(ys) - least(ys)];
}

/** All walks of a plan have one scale; each is in the middle of its cell, and a dot marks where it begins. */
function Arrow({ walk, reach }: { readonly walk: Walk; readonly reach: number }) {
  const [xs, ys] = [walk.map(([x]) => x), walk.map(([, y]) => y)];
  const at = (value: number, all: readonly number[]) =>
    CELL / 2 + ((value - (least(all) + largest(all)) / 2) / reach) * (CELL - 2 * PAD);
  const points = walk.map(([x, y]) => [at(x, xs), at(y, ys)] as const);
  const middle = [CELL / 2, CELL / 2] as const;
  const [startX, startY] = points[0] ?? middle;
  const [endX, endY] = points.at(-1) ?? middle;
  const [fromX, fromY] = points.at(-2) ?? middle;
  const angle = Math.atan2(endY - fromY, endX - fromX);
  const barb = (turn: number) =>
    `${(endX - 6 * Math.cos(angle + turn)).toFixed(1)} ${(endY - 6 * Math.sin(angle + turn)).toFixed(1)}`;
  return (
    <>
      <circle class="origin" cx={startX} cy={startY} r="2.5" />
      <polyline class="line s0" points={points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ")} />
      <path class="line s0" d={`M${barb(0.5)}L${endX.toFixed(1)} ${endY.toFixed(1)}L${barb(-0.5)}`} />
    </>
  );
}

function Bars({ action, reach }: { readonly action: Action; readonly reach: number }) {
  const wide = (CELL - 2 * PAD) / Math.max(1, action.length);
  return (
    <>
      <path class="axis" d={`M${PAD} ${CELL / 2}H${CELL - PAD}`} />
      {action.map((value, i) => {
        const tall = (Math.abs(value) / reach) * (CELL / 2 - PAD);
        const top = value < 0 ? CELL / 2 : CELL / 2 - tall;
        return (
          <rect
            class="dot s0"
            key={i}
            x={PAD + i * wide}
            y={top}
            width={Math.max(1, wide - 1)}
            height={Math.max(0.5, tall)}
          />
        );
      })}
    </>
  );
}

function actionText(action: Action, paired: boolean): string {
  if (!paired) return action.map((value) => value.toFixed(2)).join(", ");
  const [x, y] = walkOf(action).at(-1) ?? [0, 0];
  return `moves by ${x.toFixed(2)} and ${y.toFixed(2)}`;
}
