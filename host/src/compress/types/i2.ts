import { pairs, progressiveType } from "./progressive.js";

/** 2-bit groups: byte j holds k = j + 8c in its bit pair c. */
export const i2 = progressiveType({ name: "i2", low: -2, high: 1, factor: 8, fields: [pairs(0, 0)] });
