import { nibbles, pairs, progressiveType } from "./progressive.js";

/**
 * 6-bit groups: the four low bits in nibbles (`lo`), the two high ones in pairs (`hi`). Multipliers above 4 would take
 * most numbers out of int8, so none is written.
 */
export const i6 = progressiveType({
  name: "i6",
  low: -32,
  high: 31,
  factor: 1,
  multiplierMax: 4,
  fields: [nibbles(0, 0), pairs(16, 4)],
});
