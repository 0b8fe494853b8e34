/** The part of a pack's header (docs/format.md) that a summary is made of. */
export interface SummaryHeader {
  readonly name: string;
  readonly generator: string;
  readonly numeric: string;
  readonly regions: { readonly fast: number; readonly slow: number; readonly state: number };
  readonly tensors: readonly SummaryTensor[];
  readonly entries: readonly SummaryEntry[];
  readonly golden?: readonly unknown[] | undefined;
}

export interface SummaryTensor {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly bytes?: number | undefined;
  readonly region?: string | undefined;
}

export interface SummaryEntry {
  readonly name: string;
  readonly ops: readonly { readonly op: string }[];
}

export interface SizeRow {
  readonly name: string;
  readonly tensors: number;
  readonly values: number;
  readonly bytes: number;
  /** Of all bytes of constants. */
  readonly share: number;
}

export interface PackSummary {
  readonly constants: { readonly tensors: number; readonly values: number; readonly bytes: number };
  readonly activationTensors: number;
  readonly bitsPerValue: number;
  readonly byType: readonly SizeRow[];
  readonly byLayer: readonly SizeRow[];
  readonly entries: readonly {
    readonly name: string;
    readonly ops: number;
    readonly opCounts: Readonly<Record<string, number>>;
  }[];
  readonly regions: SummaryHeader["regions"];
}

/**
 * Sizes of a pack by type and by layer, and how many ops of each kind its programs have. Bytes named by several tensors
 * count once.
 */
export function summarisePack(header: SummaryHeader): PackSummary {
  const seen = new Set<number>();
  const constants = header.tensors.filter(
    (tensor) => tensor.region === undefined && !seen.has(tensor.offset) && seen.add(tensor.offset),
  );
  const bytes = constants.reduce((sum, tensor) => sum + (tensor.bytes ?? 0), 0);
  const values = constants.reduce((sum, tensor) => sum + valuesOf(tensor), 0);
  return {
    constants: { tensors: constants.length, values, bytes },
    activationTensors: header.tensors.filter(({ region }) => region !== undefined).length,
    bitsPerValue: values === 0 ? 0 : (bytes * 8) / values,
    byType: group(constants, bytes, ({ type }) => type),
    byLayer: group(constants, bytes, ({ name }) => layerOf(name)),
    entries: header.entries.map(({ name, ops }) => ({ name, ops: ops.length, opCounts: countOps(ops) })),
    regions: header.regions,
  };
}

/** The layer that a tensor belongs to: its name up to and with the first number, else without its last part. */
export function layerOf(tensorName: string): string {
  const parts = tensorName.split(".");
  const index = parts.findIndex((part) => /^\d+$/.test(part));
  // `net.0` of a small MLP is no layer of its own: a number counts when a longer name follows it.
  if (index >= 0 && parts.length - index > 2) return parts.slice(0, index + 1).join(".");
  return parts.length > 1 ? (parts[0] as string) : tensorName;
}

function group(tensors: readonly SummaryTensor[], total: number, keyOf: (tensor: SummaryTensor) => string): SizeRow[] {
  const groups = new Map<string, { tensors: number; values: number; bytes: number }>();
  for (const tensor of tensors) {
    const sums = groups.get(keyOf(tensor)) ?? { tensors: 0, values: 0, bytes: 0 };
    sums.tensors += 1;
    sums.values += valuesOf(tensor);
    sums.bytes += tensor.bytes ?? 0;
    groups.set(keyOf(tensor), sums);
  }
  const rows = [...groups].map(([name, sums]) => ({ name, ...sums, share: total === 0 ? 0 : sums.bytes / total }));
  return rows.sort((a, b) => b.bytes - a.bytes);
}

function valuesOf({ shape }: SummaryTensor): number {
  return shape.reduce((product, size) => product * size, 1);
}

function countOps(ops: readonly { readonly op: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { op } of ops) counts[op] = (counts[op] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort(([, a], [, b]) => b - a));
}
