export interface Plane {
  /** Each point's place in the plane. */
  readonly points: readonly (readonly [number, number])[];
  /** How much of all movement the plane shows, 0 to 1. */
  readonly share: number;
}

const TURNS = 60;

/**
 * The plane of largest variance: the two main directions of the points, from the small matrix of inner products between
 * them.
 */
export function planeOf(rows: readonly (readonly number[])[]): Plane {
  const mean = (rows[0] ?? []).map((_, i) => rows.reduce((sum, row) => sum + (row[i] ?? 0), 0) / rows.length);
  const centred = rows.map((row) => row.map((value, i) => value - (mean[i] ?? 0)));
  const gram = centred.map((a) => centred.map((b) => dot(a, b)));
  const total = gram.reduce((sum, row, i) => sum + (row[i] ?? 0), 0);
  const first = mainDirection(gram, []);
  const second = mainDirection(gram, [first.direction]);
  const along = ({ direction, variance }: Main, i: number) => (direction[i] ?? 0) * Math.sqrt(variance);
  return {
    points: rows.map((_, i) => [along(first, i), along(second, i)] as const),
    share: total > 0 ? Math.min(1, (first.variance + second.variance) / total) : 1,
  };
}

interface Main {
  readonly direction: readonly number[];
  readonly variance: number;
}

/** Power iteration, at right angles to the directions already found. */
function mainDirection(gram: readonly (readonly number[])[], found: readonly (readonly number[])[]): Main {
  // A beginning without a pattern: one that points may have would be blind to some of their directions.
  let direction = gram.map((_, i) => Math.sin(1.3 * i * i + 2.1 * found.length + 1));
  let variance = 0;
  for (let turn = 0; turn < TURNS; turn++) {
    const next = gram.map((row) => dot(row, direction));
    for (const other of found) {
      const shared = dot(next, other);
      other.forEach((value, i) => {
        next[i] = (next[i] ?? 0) - shared * value;
      });
    }
    variance = Math.sqrt(dot(next, next));
    if (variance < 1e-9) return { direction: next.map(() => 0), variance: 0 };
    direction = next.map((value) => value / variance);
  }
  return { direction, variance };
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
}
