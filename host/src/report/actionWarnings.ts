import type { ActionSpace } from "../config/configSchema.js";

/**
 * What to warn of in rows of actions that the model's pack gives bounds for: as a board does in `warnings` of its
 * answers.
 */
export function actionWarnings(space: ActionSpace | undefined, rows: readonly Float32Array[]): string[] {
  const { bounds, units } = space ?? {};
  if (bounds === undefined) return [];
  let first: string | undefined;
  let [count, values] = [0, 0];
  rows.forEach((row, index) => {
    values += row.length;
    row.forEach((value, column) => {
      const component = column % bounds.min.length;
      // A board compares what f32 makes of the bounds.
      const [low, high] = [bounds.min[component] as number, bounds.max[component] as number];
      if (value >= Math.fround(low) && value <= Math.fround(high)) return;
      count += 1;
      first ??=
        `the first is ${Number(value.toPrecision(7))} at [${index}][${column}]; expected ${low} to ` +
        `${high}${units === undefined ? "" : `, in ${units}`}`;
    });
  });
  return first === undefined ? [] : [`${count} of ${values} action values lie outside of the model's bounds; ${first}`];
}
