import { nibbles, progressiveType } from "./progressive.js";

/** 4-bit groups: byte j holds k = j (low) and k = j + 16 (high). */
export const i4 = progressiveType({ name: "i4", low: -8, high: 7, factor: 2, fields: [nibbles(0, 0)] });
