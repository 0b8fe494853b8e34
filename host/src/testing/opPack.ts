import { storageTypes } from "../compress/types/index.js";
import { roundUp, type StorageTypeName } from "../compress/types/storageType.js";
import { attentionScratchBytes, linearScratchBytes } from "../lower/scratch.js";
import type { OpHeader, PackHeader, TensorHeader } from "../pack/header.js";
import { type Blob, writePack } from "../pack/writePack.js";
import { seededNormals } from "./seededRandom.js";

type Op<Name extends OpHeader["op"]> = Extract<OpHeader, { op: Name }>;

/** One op on a shape of its own. */
export type OpCase =
  | {
      readonly op: "linear";
      readonly type: StorageTypeName;
      readonly m: number;
      readonly n: number;
      readonly k: number;
      readonly act?: Op<"linear">["act"];
      readonly bias?: boolean;
      readonly residual?: boolean;
    }
  | {
      readonly op: "attention";
      readonly compute: "i8" | "f32";
      readonly m: number;
      readonly heads: number;
      readonly dim: number;
      readonly causal: boolean;
    }
  | { readonly op: "layer_norm" | "rms_norm"; readonly m: number; readonly n: number; readonly gamma?: boolean; readonly beta?: boolean }
  | { readonly op: "add" | "mul" | "modulate" | "copy"; readonly m: number; readonly n: number }
  | { readonly op: "act"; readonly m: number; readonly n: number; readonly act: Op<"act">["act"] }
  | { readonly op: "patchify"; readonly side: number; readonly patch: number };

const INPUT_ELEMENTS = 1 << 20;

/** A pack whose entry `ops` has one op for each case, all on the same seeded rows, so that a profile says what each costs by itself. */
export function opPack(cases: readonly OpCase[], numeric: "exact" | "reference" = "exact"): Uint8Array<ArrayBuffer> {
  const tensors: TensorHeader[] = [];
  const blobs: Blob[] = [];
  const add = (tensor: TensorHeader) => tensors.push(tensor) - 1;
  let constantEnd = 0;
  const constant = (type: StorageTypeName, shape: readonly [number, number] | readonly [number], bytes: Uint8Array) => {
    const offset = roundUp(constantEnd, 64);
    constantEnd = offset + bytes.length;
    blobs.push({ offset, bytes });
    return add({ name: "w", type, shape: [...shape], offset, bytes: bytes.length });
  };
  const pixels = Math.max(1, ...cases.map((each) => (each.op === "patchify" ? each.side : 1)));
  const image = add({ name: "image", type: "u8", shape: [pixels, pixels, 3], offset: 4 * INPUT_ELEMENTS, region: "slow" });
  const input = add({ name: "x", type: "f32", shape: [1, INPUT_ELEMENTS], offset: 0, region: "slow" });
  const outputOffset = roundUp(4 * INPUT_ELEMENTS + pixels * pixels * 3, 64);
  const scratchOffset = outputOffset + 4 * INPUT_ELEMENTS;
  let slow = scratchOffset;
  const activation = (m: number, n: number, offset: number) => add({ name: "a", type: "f32", shape: [m, n], offset, region: "slow" });
  const scratch = (bytes: number) => {
    if (bytes === 0) return {};
    slow = Math.max(slow, scratchOffset + bytes);
    return { scratch: add({ name: "s", type: "u8", shape: [bytes], offset: scratchOffset, region: "slow" }) };
  };
  const values = (count: number) => seededNormals(1, count, 0.1);
  const vector = (n: number) => constant("f32", [n], new Uint8Array(values(n).buffer));
  const ops = cases.map((each): OpHeader => {
    if (each.op === "patchify") {
      const across = each.side / each.patch;
      const x =
        each.side === pixels
          ? image
          : add({ name: "image", type: "u8", shape: [each.side, each.side, 3], offset: 4 * INPUT_ELEMENTS, region: "slow" });
      const out = activation(across * across, 3 * each.patch * each.patch, outputOffset);
      return { op: "patchify", x, out, patch: each.patch, scale: [1, 1, 1], shift: [0, 0, 0] };
    }
    if (each.op === "attention") {
      const width = each.heads * each.dim;
      const row = () => activation(each.m, width, 0);
      return {
        op: "attention",
        q: row(),
        k: row(),
        v: row(),
        out: activation(each.m, width, outputOffset),
        heads: each.heads,
        kv_heads: each.heads,
        scale: 1 / Math.sqrt(each.dim),
        causal: each.causal,
        compute: each.compute,
        ...scratch(each.compute === "i8" ? attentionScratchBytes(each.m, each.m, each.heads, each.heads, each.dim) : 0),
      };
    }
    const { m, n } = each;
    const out = activation(m, n, outputOffset);
    if (each.op === "linear") {
      const { type, k } = each;
      return {
        op: "linear",
        x: activation(m, k, 0),
        w: constant(type, [n, k], storageTypes[type].encode(values(n * k), n, k)),
        out,
        ...(each.bias ? { bias: vector(n) } : {}),
        ...(each.act === undefined ? {} : { act: each.act }),
        ...(each.residual ? { residual: activation(m, n, 0) } : {}),
        ...scratch(linearScratchBytes(type, m, k)),
      };
    }
    const x = activation(m, n, 0);
    switch (each.op) {
      case "layer_norm":
        return {
          op: "layer_norm",
          x,
          out,
          eps: 1e-5,
          ...(each.gamma ? { gamma: vector(n) } : {}),
          ...(each.beta ? { beta: vector(n) } : {}),
        };
      case "rms_norm":
        return { op: "rms_norm", x, out, eps: 1e-5, ...(each.gamma ? { gamma: vector(n) } : {}) };
      case "modulate":
        return { op: "modulate", x, shift: activation(m, n, 0), scale: activation(m, n, 0), out };
      case "copy":
        return { op: "copy", x, out };
      case "act":
        return { op: "act", x, out, act: each.act };
      default:
        return { op: each.op, a: x, b: activation(m, n, 0), out };
    }
  });
  const header: PackHeader = {
    name: "ops",
    generator: "opPack",
    numeric,
    regions: { fast: 0, slow: roundUp(slow, 64), state: 0 },
    tensors,
    entries: [
      {
        name: "ops",
        rows_max: 1,
        inputs: [
          { name: "image", tensor: image, kind: "image" },
          { name: "x", tensor: input, kind: "tensor" },
        ],
        outputs: [{ name: "out", tensor: (ops.at(-1) as OpHeader).out, kind: "tensor" }],
        ops,
      },
    ],
  };
  return writePack(header, blobs);
}
