import { f16Bits, f16Value } from "../../format/float16.js";
import { PANEL, type StorageTypeName, weightBytes } from "../../format/types.js";
import { assertLength, type StorageType, storageType } from "./storageType.js";

interface FloatCodec {
  readonly name: StorageTypeName;
  readonly elementBytes: number;
  write(view: DataView, at: number, value: number): void;
  read(view: DataView, at: number): number;
}

/** Panels `[k][16]` of plain numbers. */
function floatType(codec: FloatCodec): StorageType {
  const size = codec.elementBytes;
  const at = (row: number, column: number, k: number) =>
    ((row - (row % PANEL)) * k + column * PANEL + (row % PANEL)) * size;
  return storageType(codec.name, {
    encode(weights, n, k) {
      assertLength(weights.length, n * k, "weights");
      const out = new Uint8Array(weightBytes(codec.name, n, k));
      const view = new DataView(out.buffer);
      for (let row = 0; row < n; row++) {
        for (let column = 0; column < k; column++)
          codec.write(view, at(row, column, k), weights[row * k + column] as number);
      }
      return out;
    },
    decode(stored, n, k) {
      assertLength(stored.length, weightBytes(codec.name, n, k), "stored weights");
      const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
      const weights = new Float32Array(n * k);
      for (let row = 0; row < n; row++) {
        for (let column = 0; column < k; column++) weights[row * k + column] = codec.read(view, at(row, column, k));
      }
      return weights;
    },
  });
}

export const f32 = floatType({
  name: "f32",
  elementBytes: 4,
  write: (view, at, value) => view.setFloat32(at, value, true),
  read: (view, at) => view.getFloat32(at, true),
});

/** Rounds to nearest, ties to even. */
export const f16 = floatType({
  name: "f16",
  elementBytes: 2,
  write: (view, at, value) => view.setUint16(at, f16Bits(value), true),
  read: (view, at) => f16Value(view.getUint16(at, true)),
});
