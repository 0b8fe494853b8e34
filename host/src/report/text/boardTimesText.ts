import type { BoardTime } from "../../engine/boardTimes.js";
import type { BoardEstimate } from "../boardEstimate.js";

/** `-32 % to +37 %`. */
export function misfitRange({ misfit: [low, high] }: BoardEstimate): string {
  const percent = (value: number) => `${value > 0 ? "+" : ""}${(value * 100).toFixed(0)} %`;
  return `${percent(low)} to ${percent(high)}`;
}

/** Estimated board times in one line, with how far the estimate is off; undefined when there are none. */
export function boardTimesText(times: readonly BoardTime[]): string | undefined {
  const [first] = times;
  if (first === undefined) return undefined;
  const entries = times.map(({ entry, estimate }) => `${entry} about ${roughly(estimate.latencyMs)}`);
  return `${entries.join(", ")} (estimate; misses published figures by ${misfitRange(first.estimate)})`;
}

/** Two digits: more would be more than is known. */
function roughly(milliseconds: number): string {
  const [value, unit] = milliseconds < 1000 ? [milliseconds, "ms"] : [milliseconds / 1000, "s"];
  return `${Number(value.toPrecision(2))} ${unit}`;
}
