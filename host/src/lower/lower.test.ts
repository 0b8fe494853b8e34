import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseTypePolicy } from "../compress/policy.js";
import { parseConfig } from "../config/parseConfig.js";
import { dinov2Shapes } from "../parity/dinov2Shapes.js";
import { LEWM_SMALL, LEWM_TRUE, lewmShapes } from "../parity/lewmShapes.js";
import { seededCheckpoint } from "../parity/seededCheckpoint.js";
import type { Op } from "../program/program.js";
import { errorOf, type Json, lowerWith, read, type Shapes } from "../testing/lowerWith.js";
import type { Activations } from "./activations.js";
import { lower } from "./lower.js";

/** A part without positions, nor weights for them. */
function deposition(part: Json): void {
  part.position = "none";
  delete part.weights.position;
}

const names = (ops: readonly Op[]) => ops.map(({ op }) => op).join(" ");

describe("the program of LeWM", () => {
  const program = lowerWith();
  const [encode, predict] = program.entries;

  it("encode: patches beside the class token, pre-norm blocks, projector", () => {
    const block = "layer_norm linear attention linear layer_norm linear linear";
    // The last block projects the class token's query apart: nothing else leaves it.
    const last = "layer_norm linear linear attention linear layer_norm linear linear";
    expect(names(encode?.ops ?? [])).toBe(`copy patchify linear ${block} ${last} layer_norm linear linear`);
    expect(encode?.inputs.map(({ name, kind, tensor }) => [name, kind, tensor.type, tensor.shape])).toEqual([
      ["image", "image", "u8", [28, 28, 3]],
    ]);
    expect(encode?.outputs.map(({ name, kind, tensor }) => [name, kind, tensor.shape])).toEqual([
      ["latent", "latent", [1, 32]],
    ]);
    expect(encode?.rowsMax).toBe(1);
  });

  it("predict: positions, adaLN with two norms before each half, pred_proj", () => {
    const block =
      "linear layer_norm modulate layer_norm linear attention linear layer_norm modulate layer_norm linear linear";
    expect(names(predict?.ops ?? [])).toBe(`linear linear linear add act ${block} ${block} layer_norm linear linear`);
    expect(predict?.rowsMax).toBe(3);
    expect(predict?.inputs.every(({ tensor }) => tensor.dynamic && tensor.shape[0] === 3)).toBe(true);
  });

  it("reads query, key, value, shift, scale and gate in place, as columns of one tensor", () => {
    const attention = predict?.ops.find(({ op }) => op === "attention");
    if (attention?.op !== "attention") throw new Error("no attention");
    expect(
      [attention.q, attention.k, attention.v].map(({ byteOffset, stride, allocation }) => [
        byteOffset,
        stride,
        allocation,
      ]),
    ).toEqual([0, 256, 512].map((byteOffset) => [byteOffset, 192, attention.q.allocation]));
    expect(attention).toMatchObject({ heads: 4, kv_heads: 4, scale: 0.25, causal: true, compute: "i8" });
    const modulates = predict?.ops.filter(({ op }) => op === "modulate") as Extract<Op, { op: "modulate" }>[];
    const places = modulates
      .slice(0, 2)
      .map(({ shift, scale }) =>
        [shift, scale].map((tensor) => (tensor.kind === "activation" ? tensor.byteOffset / 4 : "constant")),
      );
    expect(places).toEqual([
      [0, 32],
      [96, 128],
    ]);
    const gated = predict?.ops.filter((op) => op.op === "linear" && op.gate !== undefined) as Extract<
      Op,
      { op: "linear" }
    >[];
    expect(
      gated.slice(0, 2).map(({ gate }) => (gate?.kind === "activation" ? gate.byteOffset / 4 : "constant")),
    ).toEqual([64, 160]);
  });

  it("gives the class token and rows that are alone 14 bits, where that is asked for", () => {
    const lowered = (activations: Activations, type = "i8") => {
      const config = parseConfig(read("lewm-test"), "lewm-test.json");
      const checkpoint = seededCheckpoint(LEWM_SMALL, 1);
      const policy = parseTypePolicy(type);
      const { program } = lower({ config, configSource: "lewm-test.json", checkpoint, policy, activations });
      return program.entries.map(({ ops }) => ops.flatMap((op) => (op.op === "linear" ? [op] : [])));
    };
    const [encoder, predictor] = lowered("mixed");
    // The patches come before there is a class token.
    const [patches, ...others] = encoder ?? [];
    expect(patches?.fine_rows).toBeUndefined();
    expect(others.map(({ fine_rows }) => fine_rows)).toEqual(others.map(() => 1));
    expect(predictor?.every(({ fine_rows }) => fine_rows === undefined)).toBe(true);
    for (const each of [lowered("int8"), lowered("mixed", "f16")])
      expect(each.flat().every(({ fine_rows }) => fine_rows === undefined)).toBe(true);
  });

  it("uses the epsilons of the reference, which differ by place", () => {
    const epsilons = (entry: typeof encode) =>
      new Set(
        entry?.ops.flatMap((op) =>
          op.op === "layer_norm" ? [`${op.eps} ${op.gamma === undefined ? "plain" : "affine"}`] : [],
        ),
      );
    expect(epsilons(encode)).toEqual(new Set(["1e-12 affine"]));
    expect(epsilons(predict)).toEqual(new Set(["0.000001 plain", "0.00001 affine"]));
  });

  it("uses all 303 tensors of the true model, in 12 and 6 layers", () => {
    const checkpoint = seededCheckpoint(LEWM_TRUE, 1);
    expect(checkpoint.tensors.size).toBe(303);
    const config = parseConfig(read("lewm"), "lewm.json");
    const { entries } = lower({ config, configSource: "lewm.json", checkpoint, policy: parseTypePolicy("i8") }).program;
    expect(entries.map(({ ops }) => ops.filter(({ op }) => op === "attention").length)).toEqual([12, 6]);
  });
});

describe("other architectures are a JSON file", () => {
  it.each([
    ["dinov2-small", "encode", [1370, 384], { image: 518, patch: 14, width: 384, layers: 12, heads: 6, mlp: 1536 }],
    ["dinov2-test", "encode", [17, 64], { image: 56, patch: 14, width: 64, layers: 3, heads: 4, mlp: 192 }],
  ] as const)("%s", (name, entry, shape, dimensions) => {
    const config = parseConfig(read(name), name);
    const { program } = lower({
      config,
      configSource: name,
      checkpoint: seededCheckpoint(dinov2Shapes(dimensions), 1),
      policy: parseTypePolicy("i8"),
    });
    expect(program.entries.map(({ name, outputs }) => [name, outputs[0]?.tensor.shape])).toEqual([[entry, shape]]);
  });

  it("a ViT classifier", () => {
    const shapes: Shapes = new Map();
    for (const [name, shape] of lewmShapes({ ...LEWM_TRUE, patch: 16 })) {
      if (name.startsWith("encoder.")) shapes.set(`vit.${name.slice("encoder.".length)}`, shape);
    }
    shapes.set("classifier.weight", [1000, 192]).set("classifier.bias", [1000]);
    const config = parseConfig(read("vit-tiny-classifier"), "vit");
    const { program } = lower({
      config,
      configSource: "vit",
      checkpoint: seededCheckpoint(shapes, 1),
      policy: parseTypePolicy("i4"),
    });
    expect(program.entries[0]?.outputs[0]?.tensor.shape).toEqual([1, 1000]);
  });
});

describe("mistakes in a config are named with their place", () => {
  const cases: [string, (config: Json) => void, string, RegExp][] = [
    [
      "an unknown key",
      (c) => (c.parts.encoder.rope = true),
      "CONFIG_SCHEMA",
      /parts\.encoder: unknown key "rope"|parts\.encoder.*"rope"/,
    ],
    ["a missing key", (c) => delete c.parts.encoder.width, "CONFIG_SCHEMA", /parts\.encoder\.width.*missing.*number/],
    [
      "a position that no op can run",
      (c) => (c.parts.encoder.position = "rope"),
      "CONFIG_SCHEMA",
      /parts\.encoder\.position.*"rope".*"learned", "none"/,
    ],
    [
      "an unknown kind of part",
      (c) => (c.parts.encoder.kind = "mamba"),
      "CONFIG_SCHEMA",
      /parts\.encoder\.kind: "mamba" is not known; expected one of "transformer", "mlp"$/,
    ],
    [
      "a part without a kind",
      (c) => delete c.parts.encoder.kind,
      "CONFIG_SCHEMA",
      /parts\.encoder\.kind: is missing; expected one of "transf/,
    ],
    [
      "an unknown kind of layer",
      (c) => (c.parts.projector.layers[0].kind = 7),
      "CONFIG_SCHEMA",
      /parts\.projector\.layers\[0\]\.kind: 7 is not known; expected one of "linear", /,
    ],
    [
      "an entry with the name of the built-in",
      (c) => (c.entries.rollout = c.entries.predict),
      "CONFIG_NAME",
      /entries\.rollout.*expected another name/,
    ],
    [
      "an unknown activation",
      (c) => (c.parts.projector.layers[2].act = "swish"),
      "CONFIG_SCHEMA",
      /parts\.projector\.layers\[2\]\.act.*"swish".*"silu"/,
    ],
    [
      "a pattern without {i}",
      (c) => (c.parts.encoder.weights.layer.q = "q"),
      "CONFIG_SCHEMA",
      /parts\.encoder\.weights\.layer\.q.*\{i\}/,
    ],
    ["not an object", (c) => (c.parts = []), "CONFIG_SCHEMA", /parts/],
    [
      "a step of an unknown part",
      (c) => (c.entries.encode.steps[1].part = "projektor"),
      "CONFIG_NAME",
      /entries\.encode\.steps\[1\]\.part.*projektor.*projector/,
    ],
    [
      "a step on an unknown value",
      (c) => (c.entries.encode.steps[1].x = "token"),
      "CONFIG_NAME",
      /entries\.encode\.steps\[1\]\.x.*"token".*class_token/,
    ],
    [
      "an output that nothing computes",
      (c) => (c.entries.encode.outputs = { z: "latent" }),
      "CONFIG_NAME",
      /entries\.encode\.outputs\.z/,
    ],
    ["no outputs", (c) => (c.entries.encode.outputs = {}), "CONFIG_PORTS", /entries\.encode\.outputs.*1 to 16/],
    [
      "a width that does not follow",
      (c) => (c.parts.projector.width = 48),
      "CONFIG_WIDTH",
      /parts\.projector.*\[1, 32\].*rows of 48/,
    ],
    [
      "an image that patches do not divide",
      (c) => (c.parts.encoder.embedding.image = [28, 30]),
      "CONFIG_PATCH",
      /parts\.encoder\.embedding\.image.*30.*multiples of 7/,
    ],
    [
      "an image that two parts want in two sizes",
      (c) => {
        c.parts.other = { ...structuredClone(c.parts.encoder), position: "none" };
        c.parts.other.embedding.image = [14, 14];
        delete c.parts.other.weights.position;
        c.entries.encode.steps.push({ part: "other", x: "image", as: "other" });
      },
      "CONFIG_INPUT",
      /parts\.other\.embedding\.image.*14 x 14.*"image" has 28 x 28/,
    ],
    ["rows of an image", (c) => (c.entries.encode.rowsMax = 3), "CONFIG_ROWS", /entries\.encode\.rowsMax/],
    [
      "more tokens than attention takes",
      (c) => (c.parts.encoder.embedding.image = [700, 700]),
      "CONFIG_TOKENS",
      /10001 tokens.*4096/,
    ],
    [
      "more entries than a file may have",
      (c) => {
        for (let i = 0; i < 32; i++) c.entries[`e${i}`] = c.entries.encode;
      },
      "CONFIG_ENTRIES",
      /entries has 34.*1 to 32|has 34 entries.*1 to 32/,
    ],
    [
      "heads that do not divide",
      (c) => (c.parts.encoder.attention.kvHeads = 3),
      "CONFIG_HEADS",
      /parts\.encoder\.attention\.kvHeads/,
    ],
    [
      "a condition that is not given",
      (c) => delete c.entries.predict.steps[1].condition,
      "CONFIG_CONDITION",
      /parts\.predictor\.conditioning/,
    ],
    [
      "a condition that is not wanted",
      (c) => delete c.parts.predictor.conditioning,
      "CONFIG_CONDITION",
      /parts\.predictor\.conditioning.*action_encoder/,
    ],
    [
      "a weight key that is missing",
      (c) => delete c.parts.encoder.weights.layer.k,
      "CONFIG_WEIGHTS",
      /parts\.encoder\.weights\.layer\.k.*\[32, 32\]/,
    ],
    [
      "a BatchNorm after nothing linear",
      (c) => c.parts.projector.layers.shift(),
      "CONFIG_ORDER",
      /parts\.projector\.layers\[0\].*right after a linear/,
    ],
    ["statistics that nobody declared", (c) => delete c.statistics, "CONFIG_STATISTICS", /action.*not declared/],
    [
      "statistics of the wrong length",
      (c) => (c.statistics.action = { mean: [1, 2, 3], std: [1, 1, 1] }),
      "CONFIG_STATISTICS",
      /statistics\.action.*3 means.*rows of 10/,
    ],
    [
      "a deviation of zero",
      (c) => (c.statistics.action = { mean: [1], std: [0] }),
      "CONFIG_SCHEMA",
      /statistics\.action/,
    ],
    [
      "more rows than positions",
      (c) => Object.assign(c.parts.predictor, { positions: 2 }),
      "CONFIG_POSITIONS",
      /parts\.predictor\.positions.*at least 3/,
    ],
  ];
  it.each(cases)("%s", (_, edit, code, message) => {
    const error = errorOf(() => lowerWith(edit));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.source).toBe("c.json");
  });

  const unused: [string, (config: Json) => void][] = [
    ["entries.encode.inputs.latents", (c) => (c.entries.encode.inputs.latents = { kind: "latent", width: 32 })],
    [
      "entries.encode.steps[2]",
      (c) => c.entries.encode.steps.push({ part: "projector", x: "class_token", as: "again" }),
    ],
    ["parts.spare", (c) => (c.parts.spare = c.parts.projector)],
    ["statistics.pixels", (c) => (c.statistics.pixels = { mean: [0], std: [1] })],
    ["statistics.pixels", (c) => (c.statistics.pixels = null)],
    // Of an image the embedding says how many positions there are.
    ["parts.encoder.positions", (c) => (c.parts.encoder.positions = 17)],
    ["parts.encoder.firstPosition", (c) => (c.parts.encoder.firstPosition = 1)],
    ["parts.predictor.positions", (c) => deposition(Object.assign(c.parts.predictor, { positions: 3 }))],
    ["parts.encoder.norm.bias", (c) => Object.assign(c.parts.encoder.norm, { affine: false, bias: false })],
    [
      "parts.predictor.finalNorm.bias",
      (c) => Object.assign(c.parts.predictor.finalNorm, { affine: false, bias: true }),
    ],
    ["parts.encoder.weights.position", (c) => (c.parts.encoder.position = "none")],
    ["parts.encoder.weights.registers", (c) => (c.parts.encoder.weights.registers = "r")],
    ["parts.encoder.weights.layer.gate", (c) => (c.parts.encoder.weights.layer.gate = "{i}")],
    [
      "parts.encoder.weights.layer.q.bias",
      (c) => {
        c.parts.encoder.attention.qkvBias = false;
        const { q } = c.parts.encoder.weights.layer;
        c.parts.encoder.weights.layer.q = { weight: [q].flat().map((name: string) => `${name}.weight`), bias: "{i}.b" };
      },
    ],
    ["parts.encoder.weights.layer.layerScale1", (c) => (c.parts.encoder.weights.layer.layerScale1 = "{i}")],
    ["parts.encoder.weights.layer.modulation", (c) => (c.parts.encoder.weights.layer.modulation = "{i}")],
    ["parts.predictor.weights.patch", (c) => (c.parts.predictor.weights.patch = "p")],
    ["parts.predictor.weights.layer.q", (c) => (c.parts.predictor.weights.layer.q = "{i}")],
    [
      "parts.projector.layers[4].bias",
      (c) => c.parts.projector.layers.push({ kind: "layer_norm", eps: 0, affine: false, bias: true }),
    ],
    [
      "parts.projector.layers[4].weights",
      (c) => c.parts.projector.layers.push({ kind: "layer_norm", eps: 0, affine: false, weights: "n" }),
    ],
    [
      "parts.projector.layers[4].weights",
      (c) => c.parts.projector.layers.push({ kind: "rms_norm", eps: 0, affine: false, weights: "n" }),
    ],
  ];
  it.each(unused)("%s has no effect, and is refused rather than ignored", (where, edit) => {
    expect(errorOf(() => lowerWith(edit))).toMatchObject({ code: "CONFIG_UNUSED", source: "c.json", where });
  });

  it.each([
    ["rowsMax", 4096, (c: Json, value: number) => (c.entries.predict.rowsMax = value)],
    ["out", 65536, (c: Json, value: number) => (c.parts.projector.layers[0].out = value)],
    ["width", 65536, (c: Json, value: number) => (c.parts.projector.width = value)],
    ["hidden", 65536, (c: Json, value: number) => (c.parts.encoder.ffn.hidden = value)],
    ["layers", 256, (c: Json, value: number) => (c.parts.encoder.layers = value)],
    ["heads", 256, (c: Json, value: number) => (c.parts.encoder.attention.heads = value)],
    ["headDim", 1024, (c: Json, value: number) => (c.parts.encoder.attention.headDim = value)],
  ] as const)("the largest %s is the one that docs/config.md names", (key, most, set) => {
    const config = read("lewm-test");
    set(config, most);
    parseConfig(config, "c.json");
    set(config, most + 1);
    expect(errorOf(() => parseConfig(config, "c.json"))).toMatchObject({
      code: "CONFIG_SCHEMA",
      expected: `at most ${most}`,
    });
    const documents = readFileSync(new URL("../../../docs/config.md", import.meta.url), "utf8");
    const naming = documents
      .split("\n")
      .filter((line) => line.includes(`\`${key}\``) && line.includes(most.toLocaleString("en-US")));
    expect(naming).not.toEqual([]);
  });

  it("a table of positions holds the rows from the first position to the last of the entry", () => {
    const withTable = (rows: number, first: number) =>
      lowerWith(
        (config) => (config.parts.predictor.firstPosition = first),
        "i8",
        (shapes) => shapes.set("predictor.pos_embedding", [1, rows, 32]),
      );
    expect(withTable(5, 2).entries).toHaveLength(2);
    expect(errorOf(() => withTable(3, 2))).toMatchObject({ code: "WEIGHT_SHAPE", expected: "[1, 5, 32]" });
    const few = (config: Json) => Object.assign(config.parts.predictor, { firstPosition: 2, positions: 4 });
    expect(errorOf(() => lowerWith(few))).toMatchObject({ code: "CONFIG_POSITIONS", expected: "at least 5" });
  });

  it("more ops than a file may have: a part in many steps", () => {
    const keys = { q: "{i}.q", k: "{i}.k", v: "{i}.v", out: "{i}.o", up: "{i}.u", down: "{i}.d" };
    const part = {
      kind: "transformer",
      width: 1,
      layers: 256,
      embedding: { kind: "rows" },
      position: "none",
      norm: { kind: "none" },
      finalNorm: { kind: "none" },
      attention: { heads: 1, headDim: 1, qkv: "separate", qkvBias: false, outBias: false },
      ffn: { kind: "mlp", hidden: 1, act: "relu", bias: false },
      weights: { layer: keys },
    };
    const steps = Array.from({ length: 64 }, (_, i) => ({ part: "deep", x: i === 0 ? "x" : `s${i - 1}`, as: `s${i}` }));
    const entry = { inputs: { x: { kind: "latent", width: 1 } }, steps, outputs: { s63: "latent" } };
    const config = parseConfig({ name: "long", entries: { run: entry }, parts: { deep: part } }, "c.json");
    const shapes = new Map(
      Array.from({ length: 256 }, (_, i) =>
        Object.values(keys).map((key) => [`${key.replace("{i}", `${i}`)}.weight`, [1, 1]] as const),
      ).flat(),
    );
    const checkpoint = seededCheckpoint(shapes, 1);
    const error = errorOf(() => lower({ config, configSource: "c.json", checkpoint, policy: parseTypePolicy("i8") }));
    expect(error).toMatchObject({ code: "CONFIG_OPS", where: "entries.run.steps[12]", expected: "at most 16384" });
  });

  it("a config nested deeper than any stack", () => {
    const nested = JSON.parse("[".repeat(1e6) + "]".repeat(1e6));
    expect(errorOf(() => parseConfig({ ...read("lewm-test"), name: nested }, "c.json"))).toMatchObject({
      code: "CONFIG_SCHEMA",
      where: "name",
    });
    expect(errorOf(() => parseConfig(nested, "c.json")).code).toBe("CONFIG_SCHEMA");
  });

  it.each([[null], [1], ["x"], [[]], [{}]])("a config that is %j", (value) => {
    expect(errorOf(() => parseConfig(value, "c.json")).code).toBe("CONFIG_SCHEMA");
  });
});
