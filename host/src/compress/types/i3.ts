import { PANEL } from "../../format/types.js";
import { progressiveType } from "./progressive.js";

const LOW_BYTES = 8;

/**
 * 3-bit groups: two low bits of k = j + 8c in bit pair c of byte j of `lo`, the high bit of k = j + 4i in bit i of byte
 * j of `hi`.
 */
export const i3 = progressiveType({
  name: "i3",
  low: -4,
  high: 3,
  factor: 4,
  write(stored, out, at) {
    for (let k = 0; k < 32; k++) {
      const value = stored[k] as number;
      const low = at + (k & 7) * PANEL;
      const high = at + (LOW_BYTES + (k & 3)) * PANEL;
      out[low] = (out[low] as number) | ((value & 3) << ((k >> 3) * 2));
      out[high] = (out[high] as number) | ((value >> 2) << (k >> 2));
    }
  },
  read(bytes, at, stored) {
    for (let k = 0; k < 32; k++) {
      const low = ((bytes[at + (k & 7) * PANEL] as number) >> ((k >> 3) * 2)) & 3;
      const high = ((bytes[at + (LOW_BYTES + (k & 3)) * PANEL] as number) >> (k >> 2)) & 1;
      stored[k] = low | (high << 2);
    }
  },
});
