/** Name, kind, place, the place of the number of items or the bytes that it takes, and the type's name. */
type Field = readonly [string, string, number, number, string];

export interface Layout {
  readonly bytes: number;
  /** Begins with its own size. */
  readonly sized: boolean;
  readonly fields: readonly Field[];
}

/** What the board's WASM build says of the ABI that it was compiled with (sim/device/crossing.zig). */
export interface AbiManifest {
  readonly enums: Readonly<Record<string, readonly string[]>>;
  readonly structs: Readonly<Record<string, Layout>>;
  readonly events: Readonly<Record<string, Layout & { readonly call: string }>>;
  readonly port: Readonly<Record<string, Layout & { readonly call: string; readonly answers: boolean }>>;
  readonly queries: Readonly<Record<string, { readonly call: string; readonly answers: string }>>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** Of all that is written, and of pointers. */
const ALIGNMENT = 8;
const POINTER_BYTES = 4;

type Pairs = readonly (readonly [string, string])[];

/** A struct and all that it points at, one behind the other, as they will lie in the module's memory. */
export class Block {
  bytes = 0;
  #manifest: AbiManifest;
  #pieces: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  #pointers: { readonly view: DataView; readonly at: number; readonly target: number }[] = [];

  constructor(manifest: AbiManifest, layout: Layout, values: readonly unknown[]) {
    this.#manifest = manifest;
    this.#struct(layout, values);
  }

  /** Writes it to where it shall lie. */
  store(memory: ArrayBuffer, base: number): void {
    for (const { view, at, target } of this.#pointers) view.setUint32(at, base + target, true);
    for (const { at, bytes } of this.#pieces) new Uint8Array(memory, base + at, bytes.length).set(bytes);
  }

  #place(bytes: Uint8Array): number {
    const at = this.bytes;
    this.#pieces.push({ at, bytes });
    this.bytes = at + Math.ceil(Math.max(1, bytes.length) / ALIGNMENT) * ALIGNMENT;
    return at;
  }

  #struct(layout: Layout, values: readonly unknown[]): number {
    const view = new DataView(new ArrayBuffer(layout.bytes));
    const at = this.#place(new Uint8Array(view.buffer));
    if (layout.sized) view.setUint32(0, layout.bytes, true);
    layout.fields.forEach((field, index) => {
      this.#field(view, field, values[index]);
    });
    return at;
  }

  #field(view: DataView, [, kind, at, second, type]: Field, value: unknown): void {
    if (kind === "number" && second === 8) view.setBigUint64(at, BigInt(Math.trunc(value as number)), true);
    else if (kind === "number" || kind === "signed" || kind === "boolean") view.setUint32(at, Number(value), true);
    else if (kind === "word") view.setUint32(at, (this.#manifest.enums[type] ?? []).indexOf(value as string), true);
    else if (kind === "text") this.#many(view, at, second, encoder.encode(value as string));
    else if (kind === "bytes" || (kind === "bytes_or_none" && value !== undefined))
      this.#many(view, at, second, value as Uint8Array);
    else if (kind === "pairs") this.#pairs(view, at, second, value as Pairs);
    else if (kind === "object") {
      const layout = layoutOf(this.#manifest, type);
      const object = value as Readonly<Record<string, unknown>>;
      this.#point(
        view,
        at,
        this.#struct(
          layout,
          layout.fields.map(([name]) => object[name]),
        ),
      );
    }
  }

  #point(view: DataView, at: number, target: number): void {
    this.#pointers.push({ view, at, target });
  }

  #many(view: DataView, at: number, countAt: number, bytes: Uint8Array): void {
    this.#point(view, at, this.#place(bytes));
    view.setUint32(countAt, bytes.length, true);
  }

  /** Headers: a text for the name and one for the value. */
  #pairs(view: DataView, at: number, countAt: number, pairs: Pairs): void {
    const list = new DataView(new ArrayBuffer(pairs.length * 4 * POINTER_BYTES));
    this.#point(view, at, this.#place(new Uint8Array(list.buffer)));
    view.setUint32(countAt, pairs.length, true);
    pairs.flat().forEach((text, index) => {
      const start = index * 2 * POINTER_BYTES;
      this.#many(list, start, start + POINTER_BYTES, encoder.encode(text));
    });
  }
}

/** The values of a struct's fields; bytes are copies, but for those that are to be filled in. */
export function readFields(manifest: AbiManifest, layout: Layout, memory: ArrayBuffer, base: number): unknown[] {
  const view = new DataView(memory, base);
  const bytes = (at: number, countAt: number) =>
    new Uint8Array(memory, view.getUint32(at, true), view.getUint32(countAt, true));
  return layout.fields.map(([, kind, at, second, type]) => {
    if (kind === "number") return second === 8 ? Number(view.getBigUint64(at, true)) : view.getUint32(at, true);
    if (kind === "signed") return view.getInt32(at, true);
    if (kind === "boolean") return view.getUint32(at, true) !== 0;
    if (kind === "word") return manifest.enums[type]?.[view.getUint32(at, true)];
    if (kind === "array") return decoder.decode(new Uint8Array(memory, base + at, second)).replace(/\0.*$/s, "");
    if (kind === "object") return readStruct(manifest, type, memory, view.getUint32(at, true));
    if (kind === "bytes_or_none" && view.getUint32(at, true) === 0) return undefined;
    if (kind === "pairs") return readPairs(memory, view.getUint32(at, true), view.getUint32(second, true));
    if (kind === "fill") return bytes(at, second);
    return kind === "text" ? decoder.decode(bytes(at, second)) : bytes(at, second).slice();
  });
}

export function readStruct(
  manifest: AbiManifest,
  name: string,
  memory: ArrayBuffer,
  base: number,
): Record<string, unknown> {
  const layout = layoutOf(manifest, name);
  const values = readFields(manifest, layout, memory, base);
  return Object.fromEntries(layout.fields.map(([field], index) => [field, values[index]]));
}

function readPairs(memory: ArrayBuffer, base: number, count: number): [string, string][] {
  const words = new DataView(memory, base, count * 4 * POINTER_BYTES);
  const text = (at: number) =>
    decoder.decode(new Uint8Array(memory, words.getUint32(at, true), words.getUint32(at + POINTER_BYTES, true)));
  return Array.from({ length: count }, (_, index) => {
    const at = index * 4 * POINTER_BYTES;
    return [text(at), text(at + 2 * POINTER_BYTES)];
  });
}

function layoutOf(manifest: AbiManifest, name: string): Layout {
  const layout = manifest.structs[name];
  if (layout === undefined) throw new Error(`the WASM board describes no ${name}: rebuild it`);
  return layout;
}
