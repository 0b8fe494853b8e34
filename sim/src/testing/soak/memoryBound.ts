import type { MemorySample } from "./messages.js";

/** What a process may grow by once it is warm: allocators keep some of what is given back to them. */
export const RSS_GROWTH_MAX = { share: 0.1, bytes: 16 * 1024 * 1024 } as const;
export const HEAP_GROWTH_MAX = { share: 0.1, bytes: 4 * 1024 * 1024 } as const;

export interface Growth {
  /** Medians of the second third of the samples and of the last. */
  readonly fromBytes: number;
  readonly toBytes: number;
  readonly boundBytes: number;
}

export interface MemoryGrowth {
  readonly samples: number;
  readonly rss: Growth;
  readonly heap: Growth;
}

/**
 * How memory grew after the first third of a soak, in which caches fill and code is compiled.
 * Needs at least three samples.
 */
export function memoryGrowth(samples: readonly MemorySample[]): MemoryGrowth {
  const third = Math.floor(samples.length / 3);
  if (third === 0) throw new RangeError(`${samples.length} samples are too few to see growth in`);
  const growth = (bytesOf: (sample: MemorySample) => number, max: { share: number; bytes: number }): Growth => {
    const [from, to] = [samples.slice(third, 2 * third), samples.slice(-third)].map((part) =>
      median(part.map(bytesOf)),
    );
    return {
      fromBytes: from ?? 0,
      toBytes: to ?? 0,
      boundBytes: Math.round((from ?? 0) * (1 + max.share) + max.bytes),
    };
  };
  return {
    samples: samples.length,
    rss: growth(({ rssBytes }) => rssBytes, RSS_GROWTH_MAX),
    heap: growth(({ heapBytes }) => heapBytes, HEAP_GROWTH_MAX),
  };
}

export const isFlat = ({ toBytes, boundBytes }: Growth): boolean => toBytes <= boundBytes;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
