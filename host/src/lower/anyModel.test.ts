import fc from "fast-check";
import { type Engine, openWasmEngine } from "synapse-engine";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compile } from "../compile/compile.js";
import { activation, Interpreter } from "../pack/interpret.js";
import { readPack } from "../pack/readPack.js";
import { memoryCheckpoint } from "../testing/memoryCheckpoint.js";
import { seededNormals, seededRandom } from "../testing/seededRandom.js";

type Rows = number[][];
interface NormSpec {
  readonly kind: "layer_norm" | "rms_norm" | "none";
  readonly eps?: number;
  readonly affine?: boolean;
  readonly bias?: boolean;
}

const EPS = 1e-2;
const acts = ["none", "gelu", "gelu_tanh", "quick_gelu", "silu", "relu", "sigmoid", "tanh"] as const;
const act = fc.constantFrom(...acts);
const norm: fc.Arbitrary<NormSpec> = fc.oneof(
  fc.record({
    kind: fc.constant("layer_norm" as const),
    eps: fc.constant(EPS),
    affine: fc.boolean(),
    bias: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("rms_norm" as const), eps: fc.constant(EPS), affine: fc.boolean() }),
  fc.constant({ kind: "none" as const }),
);

/** Everything that docs/config.md lets a transformer part be, small. */
const spec = fc.record({
  seed: fc.integer({ min: 1, max: 1e9 }),
  image: fc.boolean(),
  grid: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
  classToken: fc.boolean(),
  registers: fc.integer({ min: 0, max: 2 }),
  patchBias: fc.boolean(),
  rowsMax: fc.integer({ min: 1, max: 5 }),
  morePositions: fc.integer({ min: 0, max: 2 }),
  learned: fc.boolean(),
  width: fc.integer({ min: 1, max: 20 }),
  layers: fc.integer({ min: 1, max: 3 }),
  norm,
  finalNorm: norm,
  kvHeads: fc.integer({ min: 1, max: 3 }),
  group: fc.integer({ min: 1, max: 3 }),
  headDim: fc.integer({ min: 1, max: 9 }),
  causal: fc.boolean(),
  fusedQkv: fc.boolean(),
  qkvBias: fc.boolean(),
  outBias: fc.boolean(),
  scale: fc.option(fc.double({ min: 0.1, max: 2, noNaN: true }), { nil: undefined }),
  gated: fc.boolean(),
  fusedFfn: fc.boolean(),
  hidden: fc.integer({ min: 1, max: 24 }),
  act,
  ffnBias: fc.boolean(),
  gates: fc.constantFrom("none", "layerScale", "adaln"),
  conditionWidth: fc.integer({ min: 1, max: 9 }),
  conditionAct: act,
  conditionBias: fc.boolean(),
  conditionNorm: fc.constantFrom("layer_norm" as const, "rms_norm" as const, "none" as const),
  select: fc.constantFrom("all", "class_token", "patches"),
  head: fc.record({
    out: fc.integer({ min: 1, max: 18 }),
    bias: fc.boolean(),
    batchNorm: fc.boolean(),
    affine: fc.boolean(),
    standardize: fc.boolean(),
    act: fc.option(act, { nil: undefined }),
    norm: fc.constantFrom("layer_norm" as const, "rms_norm" as const, undefined),
  }),
  twice: fc.boolean(),
  fastBytes: fc.integer({ min: 0, max: 6000 }),
});
type Spec = typeof spec extends fc.Arbitrary<infer Value> ? Value : never;

/** The tensors of a model, made on demand: what the reference reads is what the checkpoint holds. */
class Weights {
  readonly tensors: Record<string, { shape: readonly number[]; values: Float32Array }> = {};
  private seed: number;
  constructor(seed: number) {
    this.seed = seed;
  }
  get(name: string, shape: readonly number[], mean = 0, deviation = 0.3): Float32Array {
    const known = this.tensors[name];
    if (known !== undefined) return known.values;
    const count = shape.reduce((product, size) => product * size, 1);
    const values = seededNormals(this.seed++, count, deviation).map((value) => value + mean);
    this.tensors[name] = { shape, values };
    return values;
  }
}

const add = (a: Rows, b: Rows): Rows =>
  a.map((row, r) => row.map((value, c) => value + (b[b.length === 1 ? 0 : r]?.[c] as number)));
const times = (a: Rows, b: Rows): Rows =>
  a.map((row, r) => row.map((value, c) => value * (b[b.length === 1 ? 0 : r]?.[c] as number)));
const columns = (a: Rows, start: number, count: number): Rows => a.map((row) => row.slice(start, start + count));
const rowsOf = (values: ArrayLike<number>, width: number): Rows =>
  Array.from({ length: values.length / width }, (_, r) => Array.from(values).slice(r * width, (r + 1) * width));

function linear(weights: Weights, name: string, x: Rows, n: number, bias: boolean): Rows {
  const k = (x[0] as number[]).length;
  const w = weights.get(`${name}.weight`, [n, k], 0, 1 / Math.sqrt(k));
  const b = bias ? weights.get(`${name}.bias`, [n]) : undefined;
  return x.map((row) =>
    Array.from({ length: n }, (_, i) =>
      row.reduce((sum, value, j) => sum + value * (w[i * k + j] as number), b?.[i] ?? 0),
    ),
  );
}

function normalise(
  weights: Weights,
  name: string,
  x: Rows,
  { kind, eps = EPS, affine = false, bias = true }: NormSpec,
): Rows {
  if (kind === "none") return x;
  const width = (x[0] as number[]).length;
  const gamma = affine ? weights.get(`${name}.weight`, [width], 1) : undefined;
  const beta = affine && kind === "layer_norm" && bias ? weights.get(`${name}.bias`, [width]) : undefined;
  return x.map((row) => {
    const mean = kind === "layer_norm" ? row.reduce((sum, value) => sum + value, 0) / width : 0;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
    return row.map((value, c) => ((value - mean) / Math.sqrt(variance + eps)) * (gamma?.[c] ?? 1) + (beta?.[c] ?? 0));
  });
}

const mapped = (x: Rows, name: string): Rows => x.map((row) => row.map(activation(name)));

function attend(s: Spec, q: Rows, k: Rows, v: Rows): Rows {
  const { headDim: d } = s;
  const scale = s.scale ?? 1 / Math.sqrt(d);
  return q.map((row, r) =>
    Array.from({ length: s.kvHeads * s.group }, (_, head) => {
      const kv = Math.floor(head / s.group) * d;
      const keys = s.causal ? r + 1 : k.length;
      const scores = Array.from({ length: keys }, (_, t) => {
        let sum = 0;
        for (let i = 0; i < d; i++) sum += (row[head * d + i] as number) * (k[t]?.[kv + i] as number);
        return sum * scale;
      });
      const top = Math.max(...scores);
      const e = scores.map((score) => Math.exp(score - top));
      const total = e.reduce((sum, value) => sum + value, 0);
      return Array.from(
        { length: d },
        (_, i) => e.reduce((sum, value, t) => sum + value * (v[t]?.[kv + i] as number), 0) / total,
      );
    }).flat(),
  );
}

function block(s: Spec, weights: Weights, i: number, x: Rows, condition: Rows | undefined): Rows {
  const inner = s.kvHeads * s.group * s.headDim;
  const kvInner = s.kvHeads * s.headDim;
  const chunks =
    s.gates === "adaln" ? linear(weights, `${i}.mod`, condition as Rows, 6 * s.width, s.conditionBias) : undefined;
  const chunk = (at: number) => (chunks === undefined ? undefined : columns(chunks, at * s.width, s.width));
  const gateOf = (half: number) =>
    s.gates === "layerScale" ? [Array.from(weights.get(`${i}.ls${half + 1}`, [s.width], 1))] : chunk(half * 3 + 2);
  const pre = (half: number, u: Rows) => {
    const [shift, scale] = [chunk(half * 3), chunk(half * 3 + 1)];
    let out = u;
    if (shift !== undefined && scale !== undefined) {
      out = normalise(weights, "", out, { kind: s.conditionNorm });
      out = add(
        times(
          out,
          scale.map((row) => row.map((value) => 1 + value)),
        ),
        shift,
      );
    }
    return normalise(weights, `${i}.n${half + 1}`, out, s.norm);
  };
  const gated = (half: number, y: Rows) => {
    const gate = gateOf(half);
    return gate === undefined ? y : times(y, gate);
  };

  const u = pre(0, x);
  const [q, k, v] = s.fusedQkv
    ? ((all: Rows) => [columns(all, 0, inner), columns(all, inner, kvInner), columns(all, inner + kvInner, kvInner)])(
        linear(weights, `${i}.qkv`, u, inner + 2 * kvInner, s.qkvBias),
      )
    : [
        linear(weights, `${i}.q`, u, inner, s.qkvBias),
        linear(weights, `${i}.k`, u, kvInner, s.qkvBias),
        linear(weights, `${i}.v`, u, kvInner, s.qkvBias),
      ];
  const h = add(x, gated(0, linear(weights, `${i}.o`, attend(s, q as Rows, k as Rows, v as Rows), s.width, s.outBias)));
  const w = pre(1, h);
  let hidden: Rows;
  if (!s.gated) hidden = mapped(linear(weights, `${i}.up`, w, s.hidden, s.ffnBias), s.act);
  else if (s.fusedFfn) {
    const both = linear(weights, `${i}.gateUp`, w, 2 * s.hidden, s.ffnBias);
    hidden = times(columns(both, s.hidden, s.hidden), mapped(columns(both, 0, s.hidden), s.act));
  } else
    hidden = times(
      linear(weights, `${i}.up`, w, s.hidden, s.ffnBias),
      mapped(linear(weights, `${i}.gate`, w, s.hidden, s.ffnBias), s.act),
    );
  return add(h, gated(1, linear(weights, `${i}.down`, hidden, s.width, s.ffnBias)));
}

const MEAN = [0.4, 0.5, 0.6];
const STD = [0.2, 0.3, 0.25];

function embed(s: Spec, weights: Weights, pixels: Uint8Array): Rows {
  const [down, across, patch] = s.grid;
  const count = down * across;
  const cut = Array.from({ length: count }, (_, token) => {
    const [y0, x0] = [Math.floor(token / across) * patch, (token % across) * patch];
    return Array.from({ length: 3 * patch * patch }, (_, at) => {
      const channel = Math.floor(at / (patch * patch));
      const [y, x] = [y0 + (Math.floor(at / patch) % patch), x0 + (at % patch)];
      const pixel = pixels[(y * across * patch + x) * 3 + channel] as number;
      return (pixel / 255 - (MEAN[channel] as number)) / (STD[channel] as number);
    });
  });
  let tokens = linear(weights, "patch", cut, s.width, s.patchBias);
  (weights.tensors["patch.weight"] as { shape: readonly number[] }).shape = [s.width, 3, patch, patch];
  if (s.classToken) tokens = [Array.from(weights.get("cls", [1, 1, s.width])), ...tokens];
  if (s.learned) tokens = add(tokens, rowsOf(weights.get("position", [1, tokens.length, s.width]), s.width));
  if (s.registers === 0) return tokens;
  const registers = rowsOf(weights.get("registers", [1, s.registers, s.width]), s.width);
  const first = s.classToken ? 1 : 0;
  return [...tokens.slice(0, first), ...registers, ...tokens.slice(first)];
}

function transformer(s: Spec, weights: Weights, x: Rows, condition: Rows | undefined): Rows {
  let h = x;
  const activated = condition === undefined ? undefined : mapped(condition, s.conditionAct);
  for (let i = 0; i < s.layers; i++) h = block(s, weights, i, h, activated);
  if (s.image && s.select === "class_token" && s.classToken) h = h.slice(0, 1);
  if (s.image && s.select === "patches") h = h.slice((s.classToken ? 1 : 0) + s.registers);
  return normalise(weights, "norm", h, s.finalNorm);
}

const STATISTICS = { mean: [0.5], std: [2] };

function headOf(s: Spec, weights: Weights, x: Rows): Rows {
  const { head } = s;
  let h = x;
  if (head.standardize) h = h.map((row) => row.map((value) => (value - 0.5) / 2));
  h = linear(weights, "head", h, head.out, head.bias);
  if (head.batchNorm) {
    const parameter = (name: string, mean: number) => weights.get(`bn.${name}`, [head.out], mean, 0.1);
    const [gamma, beta, mean, variance] = [
      head.affine ? parameter("weight", 1) : new Float32Array(head.out).fill(1),
      head.affine ? parameter("bias", 0) : new Float32Array(head.out),
      parameter("running_mean", 0),
      parameter("running_var", 1),
    ];
    h = h.map((row) =>
      row.map((value, c) => {
        const centred = (value - (mean[c] as number)) / Math.sqrt((variance[c] as number) + EPS);
        return centred * (gamma[c] as number) + (beta[c] as number);
      }),
    );
  }
  if (head.act !== undefined) h = mapped(h, head.act);
  return head.norm === undefined ? h : normalise(weights, "hn", h, { kind: head.norm, affine: true });
}

function configOf(s: Spec): unknown {
  const { head } = s;
  const adaln = s.gates === "adaln";
  const step = (x: string, as: string) => ({ part: "body", x, as, ...(adaln ? { condition: "condition" } : {}) });
  const again = s.twice && !s.image;
  const steps = [
    step("x", "first"),
    ...(again ? [step("first", "body")] : []),
    { part: "head", x: again ? "body" : "first", as: "head" },
  ];
  return {
    name: "any",
    entries: {
      run: {
        ...(s.image ? {} : { rowsMax: s.rowsMax }),
        inputs: {
          x: s.image ? { kind: "image" } : { kind: "latent", width: s.width },
          ...(adaln ? { condition: { kind: "action", width: s.conditionWidth } } : {}),
        },
        steps,
        outputs: { head: "tensor", first: "tensor" },
      },
    },
    parts: {
      body: bodyOf(s),
      head: {
        kind: "mlp",
        width: s.width,
        layers: [
          ...(head.standardize ? [{ kind: "standardize", statistics: "hidden" }] : []),
          { kind: "linear", out: head.out, bias: head.bias, weights: "head" },
          ...(head.batchNorm ? [{ kind: "batch_norm", eps: EPS, affine: head.affine, weights: "bn" }] : []),
          ...(head.act === undefined ? [] : [{ kind: "act", act: head.act }]),
          ...(head.norm === undefined ? [] : [{ kind: head.norm, eps: EPS, weights: "hn" }]),
        ],
      },
    },
    ...(head.standardize ? { statistics: { hidden: STATISTICS } } : {}),
  };
}

function bodyOf(s: Spec): unknown {
  const [down, across, patch] = s.grid;
  const adaln = s.gates === "adaln";
  const plainNorm = s.conditionNorm === "none" ? { kind: "none" } : { kind: s.conditionNorm, eps: EPS };
  return {
    kind: "transformer",
    width: s.width,
    layers: s.layers,
    embedding: s.image
      ? {
          kind: "patches",
          image: [down * patch, across * patch],
          patch,
          classToken: s.classToken,
          registers: s.registers,
          bias: s.patchBias,
          mean: MEAN,
          std: STD,
        }
      : { kind: "rows" },
    position: s.learned ? "learned" : "none",
    ...(s.image || !s.learned ? {} : { positions: s.rowsMax + s.morePositions }),
    norm: normOf(s.norm),
    finalNorm: normOf(s.finalNorm),
    attention: {
      heads: s.kvHeads * s.group,
      kvHeads: s.kvHeads,
      headDim: s.headDim,
      causal: s.causal,
      qkv: s.fusedQkv ? "fused" : "separate",
      qkvBias: s.qkvBias,
      outBias: s.outBias,
      ...(s.scale === undefined ? {} : { scale: s.scale }),
    },
    ffn: s.gated
      ? { kind: "gated", hidden: s.hidden, act: s.act, bias: s.ffnBias, fused: s.fusedFfn }
      : { kind: "mlp", hidden: s.hidden, act: s.act, bias: s.ffnBias },
    ...(adaln
      ? {
          conditioning: {
            kind: "adaln_zero",
            width: s.conditionWidth,
            act: s.conditionAct,
            bias: s.conditionBias,
            norm: plainNorm,
          },
        }
      : {}),
    layerScale: s.gates === "layerScale",
    select: s.image ? s.select : "all",
    weights: weightsOf(s),
  };
}

function weightsOf(s: Spec): unknown {
  const adaln = s.gates === "adaln";
  const affine = s.norm.kind !== "none" && s.norm.affine;
  return {
    ...(s.image ? { patch: "patch" } : {}),
    ...(s.image && s.classToken ? { classToken: "cls" } : {}),
    ...(s.image && s.registers > 0 ? { registers: "registers" } : {}),
    ...(s.learned ? { position: "position" } : {}),
    ...(s.finalNorm.kind !== "none" && s.finalNorm.affine ? { finalNorm: "norm" } : {}),
    layer: {
      ...(affine ? { norm1: "{i}.n1", norm2: "{i}.n2" } : {}),
      ...(s.fusedQkv ? { qkv: "{i}.qkv" } : { q: "{i}.q", k: "{i}.k", v: "{i}.v" }),
      out: "{i}.o",
      ...(!s.gated ? { up: "{i}.up" } : s.fusedFfn ? { gateUp: "{i}.gateUp" } : { gate: "{i}.gate", up: "{i}.up" }),
      down: "{i}.down",
      ...(adaln ? { modulation: "{i}.mod" } : {}),
      ...(s.gates === "layerScale" ? { layerScale1: "{i}.ls1", layerScale2: "{i}.ls2" } : {}),
    },
  };
}

/** Without parameters there is no bias to speak of: a key that has no effect is refused. */
function normOf({ bias, ...norm }: NormSpec): NormSpec {
  return bias === undefined || !norm.affine ? norm : { ...norm, bias };
}

function expectNear(actual: ArrayLike<number>, expected: Rows, what: string): void {
  const flat = expected.flat();
  expect(actual.length, what).toBe(flat.length);
  const size = flat.reduce((max, value) => Math.max(max, Math.abs(value)), 1);
  const worst = flat.reduce((max, value, i) => Math.max(max, Math.abs(value - (actual[i] as number))), 0);
  expect(worst / size, what).toBeLessThan(1e-4);
}

/** A drawn model: its checkpoint, its config, inputs of one run, and what the run must give. */
function modelOf(drawn: Spec) {
  const s = { ...drawn, select: drawn.select === "class_token" && !drawn.classToken ? "all" : drawn.select };
  const weights = new Weights(s.seed);
  const random = seededRandom(s.seed);
  const [down, across, patch] = s.grid;
  const pixels = Uint8Array.from({ length: down * across * patch * patch * 3 }, () => Math.floor((random() + 1) * 128));
  const rows = s.image ? 1 : 1 + (s.seed % s.rowsMax);
  const values = seededNormals(s.seed + 1000, rows * s.width);
  const given = seededNormals(s.seed + 2000, rows * s.conditionWidth);
  const condition = s.gates === "adaln" ? rowsOf(given, s.conditionWidth) : undefined;
  const positioned = (x: Rows): Rows => {
    if (!s.learned) return x;
    const table = rowsOf(weights.get("position", [1, s.rowsMax + s.morePositions, s.width]), s.width);
    return add(x, table.slice(0, x.length));
  };
  const body = (x: Rows) => transformer(s, weights, positioned(x), condition);
  const first = s.image ? transformer(s, weights, embed(s, weights, pixels), condition) : body(rowsOf(values, s.width));
  const hidden = s.twice && !s.image ? body(first) : first;
  const head = headOf(s, weights, hidden);
  // Without norms a gated ffn squares its rows in every layer, soon beyond what f32 holds.
  fc.pre([...first, ...hidden].flat().every((value) => Math.abs(value) < 1e4));
  const inputs = [s.image ? pixels : values, ...(condition === undefined ? [] : [given])];
  return { checkpoint: memoryCheckpoint(weights.tensors), config: configOf(s), inputs, rows, head, first };
}

describe("any model", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openWasmEngine();
  });
  afterAll(() => engine.close());

  async function run(
    bytes: Uint8Array,
    inputs: readonly (Uint8Array | Float32Array)[],
    rows: number,
  ): Promise<Float32Array[]> {
    const model = await engine.openModel(bytes);
    const session = await model.createSession();
    const ports = inputs.map((input) => new Uint8Array(input.slice().buffer));
    const outputs = await session.run("run", ports, rows).finally(() => session.close().then(() => model.close()));
    return outputs.map((output) => new Float32Array(output.slice().buffer));
  }

  it("computes what docs/config.md says, by plain loops over the planned memory and by the runtime", async () => {
    await fc.assert(
      fc.asyncProperty(spec, async (drawn) => {
        const { checkpoint, config, inputs, rows, head, first } = modelOf(drawn);
        const { bytes } = await compile({ checkpoint, config, types: "f32", fastBytes: drawn.fastBytes });
        const plain = new Interpreter(readPack(bytes, "any.syn")).run("run", inputs, rows);
        expectNear(plain[0] as Float32Array, head, "head by plain loops");
        expectNear(plain[1] as Float32Array, first, "first by plain loops");
        const ran = await run(bytes, inputs, rows);
        expectNear(ran[0] as Float32Array, head, "head by the runtime");
        expectNear(ran[1] as Float32Array, first, "first by the runtime");
      }),
      { numRuns: 100 },
    );
  });

  it("gives the same bytes wherever its memory is planned, with the scratch of int8 layers in it", async () => {
    await fc.assert(
      fc.asyncProperty(spec, async (drawn) => {
        const { checkpoint, config, inputs, rows } = modelOf(drawn);
        const results: Float32Array[][] = [];
        for (const fastBytes of [0, drawn.fastBytes, 1 << 20]) {
          const { bytes } = await compile({ checkpoint, config, types: "i8,*=i8", fastBytes });
          const poisoned = new Interpreter(readPack(bytes, "any.syn")).run("run", inputs, rows);
          expect(poisoned.every((output) => output.every(Number.isFinite))).toBe(true);
          results.push(await run(bytes, inputs, rows));
        }
        expect(results[1]).toEqual(results[0]);
        expect(results[2]).toEqual(results[0]);
      }),
      { numRuns: 50 },
    );
  });
});
