import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { BoardEngine } from "../../board/boardOptions.js";
import { sample, testBoard } from "../../board/boardSuite.js";
import { isFlat, memoryGrowth } from "./memoryBound.js";
import type { MemorySample } from "./messages.js";
import { type SoakOptions, soak } from "./soak.js";

const MODEL = fileURLToPath(new URL("../../../fixtures/lewm-test.syn", import.meta.url));

/** Ends after so many requests, however long they take. */
const short = (engine: BoardEngine, edit: Partial<SoakOptions> = {}) =>
  soak({
    board: testBoard(),
    model: MODEL,
    engine,
    clients: 12,
    seconds: 3600,
    requestsMax: 500,
    seed: 7,
    photo: sample,
    ...edit,
  });

test.each<BoardEngine>(["native", "wasm"])(
  "a %s board keeps its promises to many clients, some of them bad",
  async (engine) => {
    const { requests, compared, queue, violations } = await short(engine);
    // A run as short as this only shows that caches fill.
    expect(violations.filter(({ kind }) => kind !== "memory grows")).toEqual([]);
    expect(requests).toBe(500);
    expect(compared).toBeGreaterThan(0);
    expect(queue).toMatchObject({ capacity: testBoard().requests.countMax, inProgressAfter: 0 });
  },
);

test("an answer that differs in one bit is noticed", async () => {
  const { violations } = await short("native", {
    editCase: (one) => ({
      ...one,
      wrong: (answer) => {
        if (typeof answer.latent !== "string") return one.wrong(answer);
        const bytes = Buffer.from(answer.latent, "base64");
        bytes[0] = (bytes[0] ?? 0) ^ 1;
        return one.wrong({ ...answer, latent: bytes.toString("base64") });
      },
    }),
  });
  expect(violations.map(({ kind }) => kind)).toContain("a wrong answer after the load");
});

test("memory that grows and grows is noticed, and memory that is warm is not", () => {
  const megabytes = (values: readonly number[]): MemorySample[] =>
    values.map((value) => ({ rssBytes: value * 1_000_000, heapBytes: (value / 10) * 1_000_000 }));
  const flat = memoryGrowth(megabytes([80, 110, 125, 130, 128, 131, 129, 130, 132]));
  expect([isFlat(flat.rss), isFlat(flat.heap)]).toEqual([true, true]);
  const growing = memoryGrowth(megabytes([80, 110, 140, 170, 200, 230, 260, 290, 320]));
  expect([isFlat(growing.rss), isFlat(growing.heap)]).toEqual([false, false]);
  expect(() => memoryGrowth(megabytes([1, 2]))).toThrow(RangeError);
});
