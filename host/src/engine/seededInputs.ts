import type { EntryInfo, PortInfo } from "synapse-sim";

/** The xorshift32 generator of docs/format.md ("golden"). `seed` is 1..2^32-1. */
export function xorshift32(seed: number): () => number {
  let state = seed >>> 0;
  if (state === 0) throw new RangeError("an xorshift32 seed is not zero");
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

/** A float of [-1, 1) from 24 random bits, as golden vectors take it; exact in f32. */
export function unitFloat(random: number): number {
  return (random >>> 8) * 2 ** -23 - 1;
}

/** Elements that a port has for a run on `rows` rows. */
export function portElements(port: PortInfo, rows: number): number {
  const [first, ...others] = port.shape;
  return others.reduce((product, size) => product * size, port.dynamic ? rows : (first as number));
}

/** The inputs of a golden vector of docs/format.md: one sequence through all ports in order, element by element. */
export function seededInputs(entry: EntryInfo, rows: number, seed: number): Uint8Array[] {
  const next = xorshift32(seed);
  return entry.inputs.map((port) => seededPort(port, portElements(port, rows), next));
}

function seededPort(port: PortInfo, elements: number, next: () => number): Uint8Array {
  switch (port.type) {
    case "u8":
      return Uint8Array.from({ length: elements }, () => next() >>> 24);
    case "f32":
      return bytesOf(Float32Array.from({ length: elements }, () => unitFloat(next())));
    case "i32":
      // The sequence moves on for every element, although token 0 is always taken.
      return bytesOf(Int32Array.from({ length: elements }, () => next() & 0));
  }
}

/** The bytes of a typed array, without copying. Every machine that runs Node is little-endian, as the runtime's tensors are. */
export function bytesOf(values: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Output bytes as floats; copies when the bytes are not aligned. */
export function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(
    bytes.byteOffset % 4 === 0 ? bytes.buffer : bytes.slice().buffer,
    bytes.byteOffset % 4 === 0 ? bytes.byteOffset : 0,
    bytes.byteLength / 4,
  );
}
