import { expect, test } from "vitest";
import { Link } from "../src/state/link.js";

test("a board is lost when a look is not answered, and looked for with growing pauses until it is heard", () => {
  const link = new Link();
  expect([link.lost.value, link.pauseMs()]).toEqual([false, 0]);
  const pauses = Array.from({ length: 8 }, () => {
    link.miss(Date.now() + 1);
    return link.pauseMs() / 1000;
  });
  expect(pauses).toEqual([1, 2, 4, 8, 16, 30, 30, 30]);
  expect(link.lost.value).toBe(true);
  link.heard();
  expect([link.lost.value, link.pauseMs()]).toEqual([false, 0]);
});

test("a look that is not answered means nothing when something else was heard since it began", () => {
  const link = new Link();
  link.heard();
  link.miss((link.heardMs.value ?? 0) - 1);
  expect(link.lost.value).toBe(false);
});
