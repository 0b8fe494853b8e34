import { pairs, progressiveType, singles } from "./progressive.js";

/** 3-bit groups: the two low bits in pairs (`lo`), the high bit alone (`hi`). */
export const i3 = progressiveType({ name: "i3", low: -4, high: 3, factor: 4, fields: [pairs(0, 0), singles(8, 2)] });
