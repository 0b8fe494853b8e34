/** Names and row-major shapes of a state_dict; `[]` is a scalar. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** Adds a module's `.weight` of this shape and its `.bias` of the first dimension. */
export function addModule(
  shapes: Map<string, readonly number[]>,
  name: string,
  weight: readonly [number, ...number[]],
): void {
  shapes.set(`${name}.weight`, weight);
  shapes.set(`${name}.bias`, [weight[0]]);
}
