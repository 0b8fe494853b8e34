import { storageTypes } from "../compress/types/index.js";
import type { OpHeader, PackHeader, TensorHeader } from "../format/header.js";
import type { AttentionCompute } from "../format/ops.js";
import { roundUp } from "../format/roundUp.js";
import type { StorageTypeName } from "../format/types.js";
import { type Blob, writePack } from "../pack/writePack.js";
import { attentionScratchBytes, linearScratchBytes } from "../program/scratch.js";
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
      readonly fineRows?: number;
    }
  | {
      readonly op: "attention";
      readonly compute: AttentionCompute;
      readonly m: number;
      readonly heads: number;
      readonly dim: number;
      readonly causal: boolean;
    }
  | {
      readonly op: "layer_norm" | "rms_norm";
      readonly m: number;
      readonly n: number;
      readonly gamma?: boolean;
      readonly beta?: boolean;
    }
  | { readonly op: "add" | "mul" | "modulate" | "copy"; readonly m: number; readonly n: number }
  | { readonly op: "act"; readonly m: number; readonly n: number; readonly act: Op<"act">["act"] }
  | { readonly op: "patchify"; readonly side: number; readonly patch: number };

const INPUT_ELEMENTS = 1 << 20;
const INPUT_BYTES = 4 * INPUT_ELEMENTS;

/** The tensors and weights of a pack under way. All ops read the same seeded rows, and write to one place. */
class OpTensors {
  readonly tensors: TensorHeader[] = [];
  readonly blobs: Blob[] = [];
  readonly image: number;
  readonly input: number;
  readonly #pixels: number;
  readonly #outputOffset: number;
  readonly #scratchOffset: number;
  #constantEnd = 0;
  /** Bytes of the region that everything but the weights is in. */
  slowBytes: number;

  constructor(pixels: number) {
    this.#pixels = pixels;
    this.image = this.#add({
      name: "image",
      type: "u8",
      shape: [pixels, pixels, 3],
      offset: INPUT_BYTES,
      region: "slow",
    });
    this.input = this.#add({ name: "x", type: "f32", shape: [1, INPUT_ELEMENTS], offset: 0, region: "slow" });
    this.#outputOffset = roundUp(INPUT_BYTES + pixels * pixels * 3, 64);
    this.#scratchOffset = this.#outputOffset + INPUT_BYTES;
    this.slowBytes = this.#scratchOffset;
  }

  #add(tensor: TensorHeader): number {
    return this.tensors.push(tensor) - 1;
  }

  rows(m: number, n: number): number {
    return this.#add({ name: "a", type: "f32", shape: [m, n], offset: 0, region: "slow" });
  }

  out(m: number, n: number): number {
    return this.#add({ name: "a", type: "f32", shape: [m, n], offset: this.#outputOffset, region: "slow" });
  }

  picture(side: number): number {
    if (side === this.#pixels) return this.image;
    return this.#add({ name: "image", type: "u8", shape: [side, side, 3], offset: INPUT_BYTES, region: "slow" });
  }

  scratch(bytes: number): { readonly scratch?: number } {
    if (bytes === 0) return {};
    this.slowBytes = Math.max(this.slowBytes, this.#scratchOffset + bytes);
    return {
      scratch: this.#add({ name: "s", type: "u8", shape: [bytes], offset: this.#scratchOffset, region: "slow" }),
    };
  }

  weight(type: StorageTypeName, n: number, k: number): number {
    return this.#constant(type, [n, k], storageTypes[type].encode(valuesOf(n * k), n, k));
  }

  vector(n: number): number {
    return this.#constant("f32", [n], new Uint8Array(valuesOf(n).buffer));
  }

  #constant(type: StorageTypeName, shape: [number] | [number, number], bytes: Uint8Array): number {
    const offset = roundUp(this.#constantEnd, 64);
    this.#constantEnd = offset + bytes.length;
    this.blobs.push({ offset, bytes });
    return this.#add({ name: "w", type, shape, offset, bytes: bytes.length });
  }
}

const valuesOf = (count: number) => seededNormals(1, count, 0.1);

function opOf(each: OpCase, at: OpTensors): OpHeader {
  switch (each.op) {
    case "patchify": {
      const across = each.side / each.patch;
      const x = at.picture(each.side);
      const out = at.out(across * across, 3 * each.patch * each.patch);
      return { op: "patchify", x, out, patch: each.patch, scale: [1, 1, 1], shift: [0, 0, 0] };
    }
    case "attention":
      return attentionOf(each, at);
    case "linear": {
      const { type, m, n, k } = each;
      const out = at.out(m, n);
      return {
        op: "linear",
        x: at.rows(m, k),
        w: at.weight(type, n, k),
        out,
        ...(each.bias ? { bias: at.vector(n) } : {}),
        ...(each.act === undefined ? {} : { act: each.act }),
        ...(each.residual ? { residual: at.rows(m, n) } : {}),
        ...at.scratch(linearScratchBytes(type, m, k, each.fineRows)),
        ...(each.fineRows === undefined ? {} : { fine_rows: each.fineRows }),
      };
    }
    default: {
      const { m, n } = each;
      return rowsOpOf(each, at.out(m, n), at.rows(m, n), at);
    }
  }
}

function attentionOf(
  { m, heads, dim, causal, compute }: Extract<OpCase, { op: "attention" }>,
  at: OpTensors,
): OpHeader {
  const row = () => at.rows(m, heads * dim);
  return {
    op: "attention",
    q: row(),
    k: row(),
    v: row(),
    out: at.out(m, heads * dim),
    heads,
    kv_heads: heads,
    scale: 1 / Math.sqrt(dim),
    causal,
    compute,
    ...at.scratch(attentionScratchBytes(compute, m, m, heads, heads, dim)),
  };
}

type RowsCase = Exclude<OpCase, { op: "patchify" | "attention" | "linear" }>;

/** An op that goes over rows `x` of one shape, and writes as many. */
function rowsOpOf(each: RowsCase, out: number, x: number, at: OpTensors): OpHeader {
  const { m, n } = each;
  switch (each.op) {
    case "layer_norm":
      return {
        op: "layer_norm",
        x,
        out,
        eps: 1e-5,
        ...(each.gamma ? { gamma: at.vector(n) } : {}),
        ...(each.beta ? { beta: at.vector(n) } : {}),
      };
    case "rms_norm":
      return { op: "rms_norm", x, out, eps: 1e-5, ...(each.gamma ? { gamma: at.vector(n) } : {}) };
    case "modulate":
      return { op: "modulate", x, shift: at.rows(m, n), scale: at.rows(m, n), out };
    case "copy":
      return { op: "copy", x, out };
    case "act":
      return { op: "act", x, out, act: each.act };
    default:
      return { op: each.op, a: x, b: at.rows(m, n), out };
  }
}

/** A pack whose entry `ops` has one op for each case, so that a profile says what each costs by itself. */
export function opPack(cases: readonly OpCase[], numeric: "exact" | "reference" = "exact"): Uint8Array<ArrayBuffer> {
  const at = new OpTensors(Math.max(1, ...cases.map((each) => (each.op === "patchify" ? each.side : 1))));
  const ops = cases.map((each) => opOf(each, at));
  const header: PackHeader = {
    name: "ops",
    generator: "opPack",
    numeric,
    regions: { fast: 0, slow: roundUp(at.slowBytes, 64), state: 0 },
    tensors: at.tensors,
    entries: [
      {
        name: "ops",
        rows_max: 1,
        inputs: [
          { name: "image", tensor: at.image, kind: "image" },
          { name: "x", tensor: at.input, kind: "tensor" },
        ],
        outputs: [{ name: "out", tensor: (ops.at(-1) as OpHeader).out, kind: "tensor" }],
        ops,
      },
    ],
  };
  return writePack(header, at.blobs);
}
