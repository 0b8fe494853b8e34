import type { EntryInfo, PortInfo } from "synapse-engine";
import type { SamplePair } from "../report/similarity.js";
import { floatsOf } from "./seededInputs.js";

/**
 * Samples of every output of an entry, over many runs. Rows of an output that may have fewer are samples of their own,
 * each of its number.
 */
export class OutputPairs {
  private readonly pairs: ReadonlyMap<string, { readonly port: PortInfo; readonly samples: SamplePair[] }>;

  /** The name of an output alone would not say whose it is; that of the entry is enough where it has but one. */
  constructor(entry: EntryInfo) {
    const name = ({ name }: PortInfo) => (entry.outputs.length === 1 ? entry.name : `${entry.name} ${name}`);
    this.pairs = new Map(entry.outputs.map((port) => [name(port), { port, samples: [] }]));
  }

  /**
   * Adds one run of `rows` rows; an output that one of the two does not have is left out. Both are in the order of the
   * entry's outputs.
   */
  add(
    actual: readonly (ArrayLike<number> | undefined)[],
    expected: readonly (ArrayLike<number> | undefined)[],
    rows: number,
  ): void {
    let index = 0;
    for (const { port, samples } of this.pairs.values()) {
      const [own, other] = [actual[index], expected[index]];
      index += 1;
      if (own === undefined || other === undefined) continue;
      const count = port.dynamic ? rows : 1;
      for (let row = 0; row < count; row++)
        samples.push({ actual: part(own, row, count), expected: part(other, row, count), row });
    }
  }

  /** Name and samples of each output that has any. */
  all(): [string, readonly SamplePair[]][] {
    return [...this.pairs].flatMap(([name, { samples }]) => (samples.length === 0 ? [] : [[name, samples]]));
  }
}

function part(values: ArrayLike<number>, index: number, count: number): number[] {
  const size = values.length / count;
  return Array.from({ length: size }, (_, at) => values[index * size + at] as number);
}

/** The numbers in an output's bytes. */
export function valuesOf(port: PortInfo, bytes: Uint8Array): Float32Array | Int32Array | Uint8Array {
  if (port.type === "u8") return bytes;
  const floats = floatsOf(bytes);
  return port.type === "f32" ? floats : new Int32Array(floats.buffer, floats.byteOffset, floats.length);
}
