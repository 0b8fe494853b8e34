import type { BoardEstimate, BoardTime } from "../boardEstimate.js";
import type { Field } from "../table.js";

/** `-32 % to +37 %`. */
function misfitRange({ vectorMisfit: [low, high] }: BoardEstimate): string {
  const percent = (value: number) => `${value > 0 ? "+" : ""}${(value * 100).toFixed(0)} %`;
  return `${percent(low)} to ${percent(high)}`;
}

/** What has to stand beside every estimate of the library as it is built. */
export function builtText({ cyclesPerInstruction }: BoardEstimate): string {
  return (
    `the library as built, which has no vector kernels: counted instructions at ${cyclesPerInstruction} cycle ` +
    "each, the least possible"
  );
}

/** What has to stand beside every estimate of vector kernels. */
export function vectorText(estimate: BoardEstimate): string {
  return (
    "vector kernels, which this library does not have, at others' published speed on one core: their model " +
    `misses those figures by ${misfitRange(estimate)}`
  );
}

/** Estimated board times, what they are of and how far off they may be; none when there are no times. */
export function boardTimesFields(times: readonly BoardTime[]): Field[] {
  const [first] = times;
  if (first === undefined) return [];
  const entries = (ms: (estimate: BoardEstimate) => number) =>
    times.map(({ entry, estimate }) => `${entry} ${roughly(ms(estimate))}`).join(", ");
  return [
    [
      "on a board",
      `${entries(({ builtLatencyMs }) => builtLatencyMs)} or more (estimate: no vector kernels yet, ` +
        `${first.estimate.cyclesPerInstruction} cycle an instruction)`,
    ],
    [
      "if vectorised",
      `${entries(({ vectorLatencyMs }) => vectorLatencyMs)} (estimate: others' kernels, one core; misses their ` +
        `figures by ${misfitRange(first.estimate)})`,
    ],
  ];
}

/** Two digits: more would be more than is known. */
function roughly(milliseconds: number): string {
  const [value, unit] = milliseconds < 1000 ? [milliseconds, "ms"] : [milliseconds / 1000, "s"];
  return `${Number(value.toPrecision(2))} ${unit}`;
}
