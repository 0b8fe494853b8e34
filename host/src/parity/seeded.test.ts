import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Checkpoint, openCheckpoint } from "../checkpoint/index.js";
import { DINOV2_SMALL, dinov2Shapes } from "./dinov2Shapes.js";
import { fixtureJson, loadFixture, sha256 } from "./fixtures.js";
import { LEWM_SMALL, LEWM_TRUE, type LewmDimensions, lewmShapes } from "./lewmShapes.js";
import { Stream, seededActions, seededImage, seededNormal } from "./seeded.js";
import { seededCheckpoint, seededValues, writeSeededCheckpoint } from "./seededCheckpoint.js";
import { VIT_TINY_CLASSIFIER, vitClassifierShapes } from "./vitShapes.js";

interface Twin {
  readonly seed: number;
  readonly words: readonly number[];
  readonly models: Readonly<
    Record<
      "lewmTrue" | "lewmSmall" | "dinov2Small" | "vitTinyClassifier",
      { tensors: number; values: number; sha256: string }
    >
  >;
  readonly lewmSmallTensors: Readonly<Record<string, { shape: readonly number[]; sha256: string }>>;
  readonly images: Readonly<Record<string, string>>;
  readonly actions: string;
}

const twin = fixtureJson("twin.json") as Twin;

async function describeCheckpoint(
  checkpoint: Checkpoint,
): Promise<{ tensors: number; values: number; sha256: string }> {
  const parts: (Uint8Array | string)[] = [];
  let values = 0;
  for (const name of [...checkpoint.tensors.keys()].sort()) {
    const tensor = checkpoint.tensors.get(name);
    if (tensor === undefined) continue;
    const bytes = await tensor.read();
    expect(bytes.length, name).toBe(tensor.bytes);
    values += tensor.shape.reduce((product, size) => product * size, 1);
    parts.push(name, bytes);
  }
  return { tensors: checkpoint.tensors.size, values, sha256: sha256(...parts) };
}

describe("numbers that Python and TypeScript generate alike", () => {
  it("draws the same words", () => {
    const stream = new Stream("words", 0xffffffff);
    expect(twin.words.map((_, i) => stream.word(i))).toEqual(twin.words);
  });

  it("fills every tensor of the small LeWM with the same bits", () => {
    const shapes = lewmShapes(LEWM_SMALL);
    expect([...shapes.keys()].sort()).toEqual(Object.keys(twin.lewmSmallTensors).sort());
    for (const [name, expected] of Object.entries(twin.lewmSmallTensors)) {
      expect(shapes.get(name), name).toEqual(expected.shape);
      if (name.endsWith("num_batches_tracked")) continue;
      expect(sha256(new Uint8Array(seededValues(name, expected.shape, twin.seed).buffer)), name).toBe(expected.sha256);
    }
  });

  it("makes the whole of LeWM: 303 tensors, 18,042,672 values", async () => {
    const made = await describeCheckpoint(seededCheckpoint(LEWM_TRUE, twin.seed));
    expect(made).toEqual(twin.models.lewmTrue);
    expect(made.tensors).toBe(303);
    expect(made.values).toBe(18_042_672);
  }, 60_000);

  it("makes the other models", async () => {
    expect(await describeCheckpoint(seededCheckpoint(LEWM_SMALL, twin.seed))).toEqual(twin.models.lewmSmall);
    expect(await describeCheckpoint(seededCheckpoint(dinov2Shapes(DINOV2_SMALL), twin.seed))).toEqual(
      twin.models.dinov2Small,
    );
    expect(await describeCheckpoint(seededCheckpoint(vitClassifierShapes(VIT_TINY_CLASSIFIER), twin.seed))).toEqual(
      twin.models.vitTinyClassifier,
    );
  });

  it("draws the same pictures and actions", () => {
    for (const [size, expected] of Object.entries(twin.images))
      expect(sha256(seededImage("image.0", twin.seed, Number(size))), size).toBe(expected);
    expect(sha256(new Uint8Array(seededActions("actions", twin.seed, 50, 10).buffer))).toBe(twin.actions);
  });

  it("knows the dimensions that the fixtures were made with", () => {
    expect(loadFixture<LewmDimensions>("lewm-true").dimensions).toEqual(LEWM_TRUE);
    expect(loadFixture<LewmDimensions>("lewm-small").dimensions).toEqual(LEWM_SMALL);
    expect(loadFixture("dinov2-small").dimensions).toEqual(DINOV2_SMALL);
    expect(loadFixture("vit-tiny-classifier").dimensions).toEqual(VIT_TINY_CLASSIFIER);
  });
});

describe("seeded weights", () => {
  it("are near-normal with the stated mean and standard deviation", () => {
    const values = seededNormal("moments", 7, 100_000, { mean: 2, gain: 3 }, 9);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(mean).toBeCloseTo(2, 1);
    expect(Math.sqrt(variance)).toBeCloseTo(1, 1);
  });

  it("differ by seed and by name", () => {
    const of = (name: string, seed: number): string => seededNormal(name, seed, 8, { std: 1 }).join();
    expect(new Set([of("a", 1), of("b", 1), of("a", 2)]).size).toBe(3);
  });

  it("refuse a seed that is not an unsigned 32-bit integer and a tensor without a recipe", () => {
    expect(() => new Stream("x", -1)).toThrow(RangeError);
    expect(() => new Stream("x", 1.5)).toThrow(RangeError);
    expect(() => seededValues("unheard.of", [2], 1)).toThrow(/unheard\.of/);
  });

  it("survive the way through a safetensors file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "synapse-seeded-"));
    try {
      const path = join(folder, "lewm-small.safetensors");
      await writeSeededCheckpoint(path, LEWM_SMALL, twin.seed);
      expect((await readFile(path)).length).toBeGreaterThan(4 * 79_000);
      const checkpoint = await openCheckpoint(path);
      try {
        expect(await describeCheckpoint(checkpoint)).toEqual(twin.models.lewmSmall);
        expect(checkpoint.metadata).toMatchObject({ untrained: "true" });
      } finally {
        await checkpoint.close();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
