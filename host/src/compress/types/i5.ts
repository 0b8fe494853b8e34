import { nibbles, progressiveType, singles } from "./progressive.js";

/** 5-bit groups: the four low bits in nibbles (`lo`), the high bit alone (`hi`). */
export const i5 = progressiveType({
  name: "i5",
  low: -16,
  high: 15,
  factor: 1,
  fields: [nibbles(0, 0), singles(16, 4)],
});
