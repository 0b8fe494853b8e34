import { readFileSync } from "node:fs";
import { openWasmEngine } from "synapse-engine";
import { describe, expect, test } from "vitest";
import { compile, fidelity } from "../compile/compile.js";
import { Interpreter } from "../pack/interpret.js";
import { readPack } from "../pack/readPack.js";
import { LEWM_SMALL } from "../parity/lewmShapes.js";
import { seededCheckpoint } from "../parity/seededCheckpoint.js";
import type { Constant, Op, Program } from "../program/program.js";
import { lowerWith } from "../testing/lowerWith.js";
import { seededNormals } from "../testing/seededRandom.js";
import { applyCuts, type Cut, keptColumns } from "./cut.js";
import { findUnits, type Unit } from "./units.js";

const config = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../configs/${name}.json`, import.meta.url), "utf8"));
const LEWM = { config: config("lewm-test"), checkpoint: seededCheckpoint(LEWM_SMALL, 11), fastBytes: 8192 };
const PIXELS = Uint8Array.from({ length: 28 * 28 * 3 }, (_, i) => (i * 89) % 251);
const LATENTS = seededNormals(20, 3 * 32);
const ACTIONS = seededNormals(40, 3 * 10);

/** Every third part of a unit goes. */
const someOf = (unit: Unit): Cut => ({
  unit,
  kept: Array.from({ length: unit.parts }, (_, i) => i).filter((i) => i % 3 !== 1),
});

/** The program as wide as it was, in which nobody listens to the parts that were cut. */
function silenced(program: Program, cuts: readonly Cut[]): Program {
  const deaf = new Map<Constant, Constant>();
  for (const { unit, kept } of cuts) {
    const { weight } = unit.consumer;
    const stays = new Set(keptColumns(unit, kept));
    const k = weight.shape[1] as number;
    const load = async () => (await weight.load()).map((value, i) => (stays.has(i % k) ? value : 0));
    deaf.set(weight, { ...weight, load });
  }
  const op = (one: Op): Op =>
    one.op === "linear" && deaf.has(one.w) ? { ...one, w: deaf.get(one.w) as Constant } : one;
  return { ...program, entries: program.entries.map((entry) => ({ ...entry, ops: entry.ops.map(op) })) };
}

async function outputs(model: object, types: string, rewrite: (program: Program) => Program): Promise<number[][]> {
  const { bytes } = await compile({ ...LEWM, ...model, types, rewrite });
  const interpreter = new Interpreter(readPack(bytes, "cut.syn"));
  const run = (entry: string, inputs: ArrayLike<number>[], rows: number) =>
    interpreter.run(entry, inputs as never, rows).flatMap((output) => Array.from(output as ArrayLike<number>));
  return [run("encode", [PIXELS], 1), run("predict", [LATENTS, ACTIONS], 3)];
}

describe("what can be cut", () => {
  const units = findUnits(lowerWith(() => {}, "f32"));

  test("of LeWM: heads and hidden channels of every block, of both projectors and of the action encoder", () => {
    const text = units.map(({ kind, name, parts, partColumns }) => `${name}: ${parts} ${kind} of ${partColumns}`);
    expect(text).toMatchInlineSnapshot(`
      [
        "encoder.layers.0.attention.out.weight: 2 heads of 16",
        "encoder.layers.0.ffn.down.weight: 64 channels of 1",
        "encoder.layers.1.attention.out.weight: 2 heads of 16",
        "encoder.layers.1.ffn.down.weight: 64 channels of 1",
        "projector.3.weight: 64 channels of 1",
        "action_encoder.2.weight: 10 channels of 1",
        "action_encoder.4.weight: 128 channels of 1",
        "predictor.layers.0.attention.out.weight: 4 heads of 16",
        "predictor.layers.0.ffn.down.weight: 96 channels of 1",
        "predictor.layers.1.attention.out.weight: 4 heads of 16",
        "predictor.layers.1.ffn.down.weight: 96 channels of 1",
        "pred_proj.3.weight: 64 channels of 1",
      ]
    `);
  });

  test("what adds to a residual stream, an entry's output and modulations lose no columns", () => {
    const narrowed = new Set(units.flatMap(({ producers }) => producers.map(({ weight }) => weight.name)));
    const { entries } = lowerWith(() => {}, "f32");
    const linears = entries.flatMap(({ ops }) => ops.flatMap((op) => (op.op === "linear" ? [op] : [])));
    const whole = linears.filter(({ w, residual }) => residual !== undefined || /adaLN|proj.*\.3\./.test(w.name));
    expect(whole.length).toBeGreaterThan(10);
    expect(whole.filter(({ w }) => narrowed.has(w.name))).toEqual([]);
  });
});

describe("a cut model computes what the whole one would if nobody listened to what was cut", () => {
  const names = findUnits(lowerWith(() => {}, "f32")).map(({ name }) => name);

  test.each([...names, "all"])("%s", async (name) => {
    const chosen = (program: Program) => {
      const cuts = findUnits(program)
        .filter((unit) => name === "all" || unit.name === name)
        .map(someOf);
      expect(cuts.length).toBe(name === "all" ? names.length : 1);
      return cuts;
    };
    const cut = await outputs({}, "f32", (program) => applyCuts(program, chosen(program)));
    const deaf = await outputs({}, "f32", (program) => silenced(program, chosen(program)));
    const whole = await outputs({}, "f32", (program) => program);
    for (const [entry, values] of cut.entries()) {
      const expected = deaf[entry] as number[];
      const largest = expected.reduce((max, value, i) => Math.max(max, Math.abs(value - (values[i] as number))), 0);
      expect(largest).toBeLessThan(1e-4);
    }
    expect(deaf).not.toEqual(whole);
  });
});

test("a cut of nothing changes no byte", async () => {
  const everything = (unit: Unit): Cut => ({ unit, kept: Array.from({ length: unit.parts }, (_, i) => i) });
  for (const types of ["f32", "i8", "i4"]) {
    const whole = await compile({ ...LEWM, types });
    const same = await compile({
      ...LEWM,
      types,
      rewrite: (program) => applyCuts(program, findUnits(program).map(everything)),
    });
    expect(Buffer.compare(same.bytes, whole.bytes), types).toBe(0);
  }
});

test("a cut model in int8 is smaller, and and runs in the runtime as in the interpreter", async () => {
  const whole = await compile({ ...LEWM, types: "i8" });
  const { bytes } = await compile({
    ...LEWM,
    types: "i8",
    rewrite: (program) => applyCuts(program, findUnits(program).map(someOf)),
  });
  expect(bytes.length).toBeLessThan(0.9 * whole.bytes.length);
  const engine = await openWasmEngine();
  const model = await engine.openModel(bytes);
  const session = await model.createSession();
  const [latent] = await session.run("encode", [PIXELS], 1);
  const [expected] = new Interpreter(readPack(bytes, "cut.syn")).run("encode", [PIXELS], 1);
  const values = new Float32Array((latent as Uint8Array).slice().buffer);
  // The interpreter does not round what layers read.
  expect(fidelity(expected as Float32Array, values).cosine).toBeGreaterThan(0.999);
  await engine.close();
});
