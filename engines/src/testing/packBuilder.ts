import { createHash } from "node:crypto";
import { Encoder } from "cbor-x";
import { roundUp } from "./packWeights.js";

/**
 * Where an activation lives: bytes of a region, at an offset the builder chooses, or shared with a tensor named before.
 */
export interface ActivationOptions {
  readonly region?: "fast" | "slow" | "state";
  readonly type?: "f32" | "u8" | "i32";
  readonly dynamic?: boolean;
  /** A view: starts `elements` after the start of tensor `of`, with `of`'s row length as stride. */
  readonly view?: { readonly of: number; readonly elements: number };
}

type Op = { readonly op: string } & Readonly<Record<string, unknown>>;
interface Port {
  readonly name: string;
  readonly tensor: number;
  readonly kind: string;
}
interface Entry {
  readonly name: string;
  readonly rows_max: number;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly ops: readonly Op[];
}
interface Golden {
  readonly entry: string;
  readonly rows: number;
  readonly seed: number;
  readonly digest: Uint8Array;
}
interface Tensor {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly bytes?: number;
  readonly region?: string;
  readonly stride?: number;
  readonly dynamic?: true;
}

const ELEMENT_BYTES = { f32: 4, u8: 1, i32: 4 } as const;
const PREFIX_BYTES = 64;
const ALIGNMENT = 64;
const MAGIC = [0x89, 0x53, 0x59, 0x4e, 0x0d, 0x0a, 0x1a, 0x0a];
// Plain definite-length maps with text keys, and byte strings without tags.
const CBOR = new Encoder({ useRecords: false, variableMapSize: true, tagUint8Array: false, mapsAsObjects: true });

/**
 * Writes small packs for tests straight from docs/format.md, sharing no code with the packer. Tensors are numbered as
 * they are added; activations get memory of their own, one after the other, so that there is no plan to get wrong.
 */
export class PackBuilder {
  readonly #name: string;
  readonly #tensors: Tensor[] = [];
  readonly #blobs: Uint8Array[] = [];
  readonly #regions = { fast: 0, slow: 0, state: 0 };
  readonly #entries: Entry[] = [];
  readonly #goldens: Golden[] = [];
  #meta: Readonly<Record<string, unknown>> | undefined;
  #numeric = "exact";
  #versionMinor = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** A constant of any storage type; `data` is what the file holds. Offsets are final in `build`. */
  constant(name: string, type: string, shape: readonly number[], data: Uint8Array): number {
    this.#blobs.push(data);
    return this.#tensors.push({ name, type, shape, offset: this.#blobs.length - 1, bytes: data.length }) - 1;
  }

  /** An f32 vector or matrix as elementwise ops and biases take it. */
  vector(name: string, shape: readonly number[], values: Iterable<number>): number {
    return this.constant(name, "f32", shape, new Uint8Array(Float32Array.from(values).buffer));
  }

  activation(name: string, shape: readonly number[], options: ActivationOptions = {}): number {
    const type = options.type ?? "f32";
    const dynamic = options.dynamic ? { dynamic: true as const } : {};
    if (options.view) {
      const base = this.#tensors[options.view.of];
      if (base?.region === undefined) throw new RangeError(`tensor ${options.view.of} is no activation`);
      const offset = base.offset + options.view.elements * ELEMENT_BYTES[type];
      const stride = base.shape.at(-1) ?? 1;
      return this.#tensors.push({ name, type, shape, offset, region: base.region, stride, ...dynamic }) - 1;
    }
    const region = options.region ?? "fast";
    const offset = this.#regions[region];
    const bytes = shape.reduce((product, size) => product * size, ELEMENT_BYTES[type]);
    this.#regions[region] = roundUp(offset + bytes, ALIGNMENT);
    return this.#tensors.push({ name, type, shape, offset, region, ...dynamic }) - 1;
  }

  /** A scratch activation of `bytes` bytes, or nothing when the op needs none. */
  scratch(bytes: number): { readonly scratch?: number } {
    return bytes === 0 ? {} : { scratch: this.activation("scratch", [bytes], { type: "u8" }) };
  }

  entry(name: string, rowsMax: number, inputs: readonly Port[], outputs: readonly Port[], ops: readonly Op[]): this {
    this.#entries.push({ name, rows_max: rowsMax, inputs, outputs, ops });
    return this;
  }

  golden(golden: Golden): this {
    this.#goldens.push(golden);
    return this;
  }

  meta(meta: Readonly<Record<string, unknown>>): this {
    this.#meta = meta;
    return this;
  }

  numeric(numeric: "exact" | "reference"): this {
    this.#numeric = numeric;
    return this;
  }

  /** The minor version that the file says it has; 0 unless it uses what came later. */
  versionMinor(minor: number): this {
    this.#versionMinor = minor;
    return this;
  }

  /** The file. */
  build(): Uint8Array {
    // Offsets stand in the header and depend on its length; a longer header moves them at most once more.
    let header = this.#header(0);
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const next = this.#header(roundUp(PREFIX_BYTES + header.length, ALIGNMENT));
      if (next.length === header.length && attempt > 0) break;
      header = next;
    }
    const blobsOffset = roundUp(PREFIX_BYTES + header.length, ALIGNMENT);
    const last = this.#blobs.length - 1;
    const fileBytes = last < 0 ? blobsOffset : this.#blobOffset(blobsOffset, last) + (this.#blobs[last]?.length ?? 0);
    const file = new Uint8Array(fileBytes);
    file.set(header, PREFIX_BYTES);
    for (const [index, blob] of this.#blobs.entries()) file.set(blob, this.#blobOffset(blobsOffset, index));
    const view = new DataView(file.buffer);
    file.set(MAGIC, 0);
    view.setUint16(8, 1, true);
    view.setUint16(10, this.#versionMinor, true);
    view.setUint32(12, header.length, true);
    view.setUint32(16, fileBytes, true);
    view.setUint32(20, blobsOffset, true);
    return seal(file);
  }

  #blobOffset(blobsOffset: number, index: number): number {
    return this.#blobs.slice(0, index).reduce((offset, blob) => roundUp(offset + blob.length, ALIGNMENT), blobsOffset);
  }

  #header(blobsOffset: number): Uint8Array {
    const tensors = this.#tensors.map((tensor) =>
      tensor.region === undefined ? { ...tensor, offset: this.#blobOffset(blobsOffset, tensor.offset) } : tensor,
    );
    const header = {
      name: this.#name,
      generator: "packBuilder",
      numeric: this.#numeric,
      regions: this.#regions,
      tensors,
      entries: this.#entries,
      ...(this.#goldens.length > 0 ? { golden: this.#goldens } : {}),
      ...(this.#meta === undefined ? {} : { meta: this.#meta }),
    };
    return Uint8Array.from(CBOR.encode(header));
  }
}

/**
 * Writes the digest of a file whose other bytes are as wanted, in place; a changed file is sealed again to be refused
 * for the change itself.
 */
export function seal(file: Uint8Array): Uint8Array {
  const digest = createHash("sha256").update(file.subarray(0, 32)).update(file.subarray(PREFIX_BYTES)).digest();
  file.set(digest, 32);
  return file;
}
