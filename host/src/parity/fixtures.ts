import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** What PyTorch computed (oracle/make_fixtures.py): one array, row-major. */
export interface FixtureArray {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export interface Fixture<Dimensions> {
  readonly seed: number;
  readonly dimensions: Dimensions;
  /** Throws for a name that the fixture does not have. */
  array(name: string): FixtureArray;
}

interface FixtureIndex {
  readonly seed: number;
  readonly dimensions: unknown;
  readonly arrays: Readonly<Record<string, { readonly offset: number; readonly shape: readonly number[] }>>;
  readonly sha256: string;
}

export function fixtureBytes(file: string): Uint8Array {
  return readFileSync(new URL(`./fixtures/${file}`, import.meta.url));
}

export function fixtureJson(file: string): unknown {
  return JSON.parse(new TextDecoder().decode(fixtureBytes(file)));
}

/** Reads `<name>.json` and `<name>.bin`; throws when the two do not belong together. */
export function loadFixture<Dimensions>(name: string): Fixture<Dimensions> {
  const index = fixtureJson(`${name}.json`) as FixtureIndex;
  const blob = fixtureBytes(`${name}.bin`);
  if (sha256(blob) !== index.sha256)
    throw new Error(`fixtures/${name}.bin is not the one that ${name}.json describes; run oracle/make_fixtures.py`);
  return {
    seed: index.seed,
    dimensions: index.dimensions as Dimensions,
    array(key) {
      const entry = index.arrays[key];
      if (entry === undefined)
        throw new Error(`fixture ${name} has no array '${key}'; it has ${Object.keys(index.arrays).join(", ")}`);
      const bytes = entry.shape.reduce((product, size) => product * size, 4);
      return {
        shape: entry.shape,
        values: new Float32Array(Uint8Array.from(blob.subarray(entry.offset, entry.offset + bytes)).buffer),
      };
    },
  };
}

export function sha256(...parts: readonly (Uint8Array | string)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}
