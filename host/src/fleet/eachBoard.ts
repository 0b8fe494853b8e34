/**
 * Runs `work` for each item, at most `parallel` at once, in their order. What runs when one fails comes to
 * its end; then it rejects with the first error.
 */
export async function eachInParallel<T>(
  items: readonly T[],
  parallel: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  const errors: unknown[] = [];
  const lane = async (): Promise<void> => {
    for (const item of waiting) {
      if (errors.length > 0) return;
      await work(item).catch((error: unknown) => errors.push(error));
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, items.length) }, lane));
  if (errors.length > 0) throw errors[0];
}
