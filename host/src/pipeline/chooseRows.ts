import type { RowRange } from "./captureProgram.js";

/** Rows of a layer's inputs, one after the other, and how much each counts. */
export interface ChosenRows {
  readonly values: Float32Array;
  readonly weights: Float64Array;
}

/**
 * Of the rows of one run as many count for each layer as `most`: those of one picture are much alike, and with fewer of
 * them more pictures can be seen in the same time. Of entries that read their result from a few rows, such as a class
 * token, these have `selectedShare` of the weight, the rows that differ from their mean over pictures have
 * `salientShare`, and all others what is left: most rows of a picture say what all pictures say. This stands in for the
 * squared gradients of the output.
 */
export const ROW_CHOICE = {
  most: 64,
  salient: 24,
  selectedShare: 0.5,
  salientShare: 0.4,
} as const;

/**
 * The rows of `values` that count: of `selected` all, where it is a range of as many rows; of the others those that
 * differ most from `mean`, and some more.
 */
export function chooseRows(
  values: Float32Array,
  k: number,
  selected: RowRange | undefined,
  mean: Float64Array | undefined,
  uniform: () => number,
): ChosenRows {
  const count = values.length / k;
  const all = Array.from({ length: count }, (_, row) => row);
  if (selected?.of !== count || mean === undefined) {
    const rows = shuffled(all, ROW_CHOICE.most, uniform);
    return { values: gather(values, k, rows), weights: new Float64Array(rows.length).fill(1) };
  }
  const isSelected = (row: number) => row >= selected.start && row < selected.start + selected.count;
  const deviations = squaredDeviations(values, mean, k);
  const bySalience = all
    .filter((row) => !isSelected(row))
    .sort((a, b) => (deviations[b] as number) - (deviations[a] as number));
  const salient = bySalience.slice(0, ROW_CHOICE.salient);
  const others = shuffled(bySalience.slice(ROW_CHOICE.salient), ROW_CHOICE.most, uniform);
  const total = salient.reduce((sum, row) => sum + (deviations[row] as number), 0);
  const { selectedShare, salientShare } = ROW_CHOICE;
  const groups: [number[], (row: number) => number][] = [
    [all.filter(isSelected), () => selectedShare / selected.count],
    [
      salient,
      (row) =>
        salientShare * (total > 0 ? (deviations[row] as number) / total : 1 / salient.length) +
        (1 - selectedShare - salientShare) / bySalience.length,
    ],
    [others, () => ((1 - selectedShare - salientShare) * (1 - salient.length / bySalience.length)) / others.length],
  ];
  const rows = groups.flatMap(([own]) => own);
  const weights = groups.flatMap(([own, weight]) => own.map((row) => weight(row) * count));
  return { values: gather(values, k, rows), weights: Float64Array.from(weights) };
}

function gather(values: Float32Array, k: number, rows: readonly number[]): Float32Array {
  const chosen = new Float32Array(rows.length * k);
  rows.forEach((row, i) => {
    chosen.set(values.subarray(row * k, (row + 1) * k), i * k);
  });
  return chosen;
}

function squaredDeviations(values: Float32Array, mean: Float64Array, k: number): Float64Array {
  const deviations = new Float64Array(values.length / k);
  values.forEach((value, i) => {
    const row = Math.floor(i / k);
    deviations[row] = (deviations[row] as number) + (value - (mean[i] as number)) ** 2;
  });
  return deviations;
}

/** At most `most` of the items, each as likely as the others. */
function shuffled(items: number[], most: number, uniform: () => number): number[] {
  const count = Math.min(items.length, most);
  if (count === items.length) return items;
  for (let i = 0; i < count; i++) {
    const other = i + Math.floor(uniform() * (items.length - i));
    [items[i], items[other]] = [items[other] as number, items[i] as number];
  }
  return items.slice(0, count);
}

export function joinRows(pieces: readonly ChosenRows[]): { values: Float32Array<ArrayBuffer>; weights: Float64Array } {
  const values = new Float32Array(pieces.reduce((sum, piece) => sum + piece.values.length, 0));
  let at = 0;
  for (const piece of pieces) {
    values.set(piece.values, at);
    at += piece.values.length;
  }
  return { values, weights: Float64Array.from(pieces.flatMap(({ weights }) => [...weights])) };
}
