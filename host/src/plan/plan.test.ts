import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseTypePolicy } from "../compress/policy.js";
import { parseConfig } from "../config/parseConfig.js";
import { lower } from "../lower/lower.js";
import { LEWM_TRUE } from "../parity/lewmShapes.js";
import { seededCheckpoint } from "../parity/seededCheckpoint.js";
import { type Activation, type Allocation, elements, type Op, operands, type Program } from "../program/program.js";
import { checkPlan } from "./checkPlan.js";
import { planMemory } from "./plan.js";

function fresh(name: string, rows: number, columns: number): Activation {
  const allocation: Allocation = { name, bytes: rows * columns * 4, role: "activation" };
  return { kind: "activation", name, type: "f32", shape: [rows, columns], dynamic: false, allocation, byteOffset: 0 };
}

const COLUMNS = 8;

/** A linear layer that adds `y`, with scratch of its own. */
function residual(i: number, rows: number, x: Activation, y: Activation, out: Activation): Op {
  const w = {
    kind: "constant",
    name: "w",
    type: "i8",
    shape: [COLUMNS, COLUMNS],
    layout: "panels",
    sources: [],
    load: async () => new Float32Array(64),
  } as const;
  const allocation: Allocation = { name: `scratch${i}`, bytes: 64 * (1 + (rows % 7)), role: "scratch" };
  const scratch: Activation = {
    kind: "activation",
    name: "scratch",
    type: "u8",
    shape: [allocation.bytes],
    dynamic: false,
    allocation,
    byteOffset: 0,
  };
  return { op: "linear", x, w, out, residual: y, scratch };
}

/** A program of random ops over random earlier values: any operand may be used again much later, or twice in one op. */
const randomProgram = fc
  .record({
    inputs: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 3 }),
    steps: fc.array(
      fc.record({
        kind: fc.constantFrom("add", "act", "copy", "wide", "residual", "twoHalves"),
        a: fc.nat(),
        b: fc.nat(),
        rows: fc.integer({ min: 1, max: 40 }),
      }),
      { minLength: 1, maxLength: 30 },
    ),
    outputs: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
  })
  .map(({ inputs, steps, outputs }): Program => {
    const columns = COLUMNS;
    const values = inputs.map((rows, i) => fresh(`input${i}`, rows, columns));
    const ops: Op[] = [];
    const pick = (n: number) => values[n % values.length] as Activation;
    steps.forEach(({ kind, a, b, rows }, i) => {
      const x = pick(a);
      const same = values.filter(({ shape }) => shape[0] === x.shape[0]);
      const y = same[b % same.length] as Activation;
      const out = fresh(`v${i}`, kind === "wide" ? rows : (x.shape[0] as number), columns);
      if (kind === "add") ops.push({ op: "add", a: x, b: y, out });
      else if (kind === "act") ops.push({ op: "act", x, out, act: "relu" });
      else if (kind === "copy") ops.push({ op: "copy", x, out });
      else if (kind === "residual") ops.push(residual(i, rows, x, y, out));
      else if (kind === "wide") {
        const result = fresh(`q${i}`, rows, columns);
        ops.push({ op: "copy", x: pick(b), out });
        ops.push({
          op: "attention",
          q: out,
          k: x,
          v: y,
          out: result,
          heads: 1,
          kv_heads: 1,
          scale: 1,
          causal: false,
          compute: "f32",
        });
        values.push(result);
      } else {
        // Two ops that each write half of the rows of one allocation, as class token and patches do.
        const half = Math.max(1, Math.floor((x.shape[0] as number) / 2));
        const part = (start: number, count: number): Activation => ({
          ...out,
          shape: [count, columns],
          byteOffset: start * columns * 4,
        });
        ops.push({ op: "copy", x, out: part(0, half) });
        ops.push({ op: "copy", x: y, out: part(half, (x.shape[0] as number) - half || 1) });
      }
      values.push(out);
    });
    const port = (tensor: Activation, i: number) => ({ name: `p${i}`, kind: "tensor" as const, tensor });
    const entry = {
      name: "run",
      rowsMax: 1,
      inputs: values.slice(0, inputs.length).map(port),
      outputs: outputs.map((n) => pick(n)).map(port),
      ops,
    };
    return { name: "random", numeric: "exact", entries: [entry] };
  });

describe("the memory plan", () => {
  it("never gives two live tensors the same bytes, whatever the program and the budget", () => {
    fc.assert(
      fc.property(randomProgram, fc.integer({ min: 0, max: 20000 }), (program, fastBytes) => {
        const plan = planMemory(program, fastBytes);
        expect(checkPlan(program, plan)).toEqual([]);
        expect(plan.regions.fast).toBeLessThanOrEqual(fastBytes);
        expect(plan.regions.fast % 64).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it("keeps the bytes of every value until its last use, when runs are simulated", () => {
    fc.assert(
      fc.property(randomProgram, fc.integer({ min: 0, max: 20000 }), (program, fastBytes) => {
        const plan = planMemory(program, fastBytes);
        const [entry] = program.entries;
        // Each row of 32 bytes remembers which allocation wrote it last.
        const owner = {
          fast: new Map<number, Allocation>(),
          slow: new Map<number, Allocation>(),
          state: new Map<number, Allocation>(),
        };
        const rowsOf = function* ({ allocation, byteOffset, shape, type }: Activation) {
          const place = plan.placements.get(allocation);
          if (place === undefined) throw new Error(`${allocation.name} has no place`);
          const bytes = elements(shape) * (type === "u8" ? 1 : 4);
          for (let at = 0; at < bytes; at += 32) yield [owner[place.region], place.offset + byteOffset + at] as const;
        };
        const write = (tensor: Activation) => {
          for (const [region, at] of rowsOf(tensor)) region.set(at, tensor.allocation);
        };
        const lost: string[] = [];
        const read = (tensor: Activation) => {
          for (const [region, at] of rowsOf(tensor)) {
            const writer = region.get(at);
            if (writer !== undefined && writer !== tensor.allocation)
              lost.push(`${tensor.allocation.name} overwritten by ${writer.name}`);
          }
        };
        for (const { tensor } of entry?.inputs ?? []) write(tensor);
        for (const op of entry?.ops ?? []) {
          const tensors = operands(op).flatMap(({ tensor, access }) =>
            tensor.kind === "activation" ? [{ tensor, access }] : [],
          );
          for (const { tensor, access } of tensors) if (access === "read") read(tensor);
          for (const { tensor, access } of tensors) if (access === "scratch") write(tensor);
          for (const { tensor, access } of tensors) if (access === "write") write(tensor);
        }
        for (const { tensor } of entry?.outputs ?? []) read(tensor);
        expect(lost).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it("is refused by the checker when two live tensors are put on the same bytes", () => {
    const [a, b, c] = [fresh("a", 4, 8), fresh("b", 4, 8), fresh("c", 4, 8)];
    const port = (tensor: Activation) => ({ name: tensor.name, kind: "tensor" as const, tensor });
    const ops: Op[] = [{ op: "add", a, b, out: c }];
    const program: Program = {
      name: "p",
      numeric: "exact",
      entries: [{ name: "e", rowsMax: 1, inputs: [port(a), port(b)], outputs: [port(c)], ops }],
    };
    const regions = { fast: 256, slow: 0, state: 0 };
    const at = (offsets: Record<string, number>) =>
      new Map(
        [a, b, c].map(({ allocation }) => [
          allocation,
          { region: "fast" as const, offset: offsets[allocation.name] as number },
        ]),
      );
    expect(checkPlan(program, { regions, placements: at({ a: 0, b: 128, c: 0 }), entries: [] })).toEqual([]);
    expect(checkPlan(program, { regions, placements: at({ a: 0, b: 128, c: 128 }), entries: [] })).toEqual([
      expect.stringContaining("b and c share bytes"),
    ]);
    expect(checkPlan(program, { regions, placements: at({ a: 0, b: 0, c: 128 }), entries: [] })).toEqual([
      expect.stringContaining("a and b share bytes"),
    ]);
    expect(checkPlan(program, { regions, placements: at({ a: 0, b: 128, c: 192 }), entries: [] })).toEqual([
      expect.stringContaining("c at 192"),
      expect.any(String),
    ]);
  });

  it("is made for programs as long as the format allows", () => {
    const ops: Op[] = [];
    const values = [fresh("x", 4, 8)];
    for (let i = 0; i < 8192; i++) {
      // Every value is used again four ops later, so nothing is done in place.
      const a = values[Math.max(0, values.length - 4)] as Activation;
      const [wide, out] = [fresh(`w${i}`, 8, 8), fresh(`v${i}`, 4, 8)];
      ops.push({ op: "copy", x: wide, out: wide }, { op: "add", a, b: values.at(-1) as Activation, out });
      values.push(out);
    }
    const port = (tensor: Activation) => ({ name: "p", kind: "tensor" as const, tensor });
    const entry = {
      name: "e",
      rowsMax: 1,
      inputs: values.slice(0, 1).map(port),
      outputs: values.slice(-1).map(port),
      ops,
    };
    const plan = planMemory({ name: "long", numeric: "exact", entries: Array.from({ length: 4 }, () => entry) }, 640);
    expect(plan.regions.fast).toBe(640);
    expect(plan.regions.fast + plan.regions.slow).toBeLessThan(1024);
  });

  describe("of the true LeWM", () => {
    const config = parseConfig(
      JSON.parse(readFileSync(new URL("../../../configs/lewm.json", import.meta.url), "utf8")),
      "lewm.json",
    );
    const { program } = lower({
      config,
      configSource: "lewm.json",
      checkpoint: seededCheckpoint(LEWM_TRUE, 1),
      policy: parseTypePolicy("i8"),
    });

    it("needs little more than the largest set of tensors alive at once", () => {
      const plan = planMemory(program, 0);
      const [entry] = plan.entries;
      const ops = program.entries[0]?.ops.length ?? 0;
      const alive = Array.from({ length: ops }, (_, at) =>
        (entry?.buffers ?? [])
          .filter(({ firstOp, lastOp }) => firstOp <= at && at <= lastOp)
          .reduce((sum, { bytes }) => sum + bytes, 0),
      );
      expect(plan.regions.fast).toBe(0);
      expect(plan.regions.slow).toBeLessThanOrEqual(Math.max(...alive) * 1.05);
    });

    it("puts what is read most in the fast region, and the predictor wholly", () => {
      const plan = planMemory(program, 400 * 1024);
      expect(checkPlan(program, plan)).toEqual([]);
      const [encode, predict] = plan.entries;
      expect(predict?.slowBytes).toBe(0);
      const scratch = encode?.buffers.filter(({ role }) => role === "scratch") ?? [];
      expect(scratch.filter(({ region }) => region === "fast").length / scratch.length).toBeGreaterThan(0.8);
    });
  });
});
