import { PANEL } from "../../format/types.js";
import { progressiveType } from "./progressive.js";

/** 4-bit groups: byte j holds k = j (low) and k = j + 16 (high). */
export const i4 = progressiveType({
  name: "i4",
  low: -8,
  high: 7,
  factor: 2,
  write(stored, out, at) {
    for (let j = 0; j < 16; j++) out[at + j * PANEL] = (stored[j] as number) | ((stored[j + 16] as number) << 4);
  },
  read(bytes, at, stored) {
    for (let j = 0; j < 16; j++) {
      const byte = bytes[at + j * PANEL] as number;
      stored[j] = byte & 15;
      stored[j + 16] = byte >> 4;
    }
  },
});
