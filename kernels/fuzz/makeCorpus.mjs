// Writes the seeds in corpus/: for every storage type a small pack that uses every op of docs/format.md once or more.
// Run it after a change of the format, with the TypeScript build up to date: node kernels/fuzz/makeCorpus.mjs
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PackBuilder } from "synapse-engine/testing/packBuilder";
import { inputMultiple, randomWeight, roundUp, STORAGE_TYPES, typeVersion } from "synapse-engine/testing/packWeights";
import { Xorshift32 } from "synapse-engine/testing/random";
import { attentionScratch, linearScratch } from "synapse-engine/testing/smallPack";

const CORPUS = join(dirname(fileURLToPath(import.meta.url)), "corpus");
const ROWS = 3;
// One for each storage type, from the first again. f32 and f16, which the equality test leaves out, have those that it
// takes from elsewhere.
const ACTIVATIONS = ["none", "gelu", "gelu_tanh", "quick_gelu", "silu", "relu", "relu2", "sigmoid", "tanh"];

/** Inputs, outputs and head width by what K must be a multiple of; odd where the type leaves the choice. */
const SHAPES = { 1: { k: 22, n: 19 }, 32: { k: 64, n: 20 }, 256: { k: 256, n: 18 } };

const port = (name, tensor, kind = "tensor") => ({ name, tensor, kind });

/** Keys stay in the order that the corpus has them in. */
function attention(operands, settings = {}) {
  const usual = { heads: 2, kv_heads: 2, scale: 0.25, causal: true, compute: "f32" };
  return { op: "attention", ...operands, ...usual, ...settings };
}

function seedPack(type, act) {
  const random = new Xorshift32(0x5eed);
  const { k, n } = SHAPES[inputMultiple(type)];
  const pack = new PackBuilder(`seed-${type}`).versionMinor(typeVersion(type));
  // Models of floats alone may fuse, and their attention is the op that needs most scratch of a thread.
  const isFloat = type === "f32" || type === "f16";
  if (isFloat) pack.numeric("reference");
  const vector = (name, shape) => {
    const size = shape.reduce((product, value) => product * value, 1);
    const values = Float32Array.from({ length: size }, () => random.unit());
    return pack.vector(name, shape, values);
  };
  const weight = pack.constant("w", type, [n, k], randomWeight(type, n, k, random));
  const [bias, gate, gamma, beta] = [
    vector("bias", [n]),
    vector("gate", [1, n]),
    vector("gamma", [k]),
    vector("beta", [k]),
  ];
  const positions = vector("positions", [ROWS, k]);

  const dynamic = { dynamic: true };
  const x = pack.activation("x", [ROWS, k], dynamic);
  const wide = pack.activation("wide", [ROWS, 3 * k], { dynamic: true, region: "slow" });
  const left = pack.activation("left", [ROWS, k], { dynamic: true, view: { of: wide, elements: 0 } });
  const right = pack.activation("right", [ROWS, k], { dynamic: true, view: { of: wide, elements: k } });
  const mixed = pack.activation("mixed", [ROWS, k], { dynamic: true, view: { of: wide, elements: 2 * k } });
  const heads = pack.activation("heads", [ROWS, 2, k / 2], dynamic);
  const y = pack.activation("y", [ROWS, n], dynamic);
  const memory = pack.activation("memory", [ROWS - 1, k / 2], { region: "state" });
  const scratch = pack.scratch(linearScratch(type, ROWS, k));
  // Integer types have what came with version 1.1 too.
  const fine = isFloat ? {} : { ...pack.versionMinor(1).scratch(linearScratch(type, ROWS, k, 2)), fine_rows: 2 };
  const mixing = isFloat ? { compute: "f32" } : { compute: "i8", ...pack.scratch(attentionScratch(ROWS, 2, k / 2)) };
  pack.entry(
    "run",
    ROWS,
    [port("x", x)],
    [port("y", y, "latent"), port("heads", heads)],
    [
      { op: "layer_norm", x, out: left, eps: 1e-5, gamma, beta },
      { op: "rms_norm", x: left, out: right, eps: 1e-6, gamma },
      { op: "add", a: right, b: positions, out: right },
      { op: "modulate", x: right, shift: beta, scale: gamma, out: right },
      { op: "mul", a: right, b: left, out: right },
      { op: "act", x: right, out: right, act },
      attention({ q: left, k: right, v: left, out: x }, mixing),
      attention({ q: left, k: memory, v: memory, out: x }, { kv_heads: 1, causal: false }),
      attention({ q: x, k: right, v: left, out: mixed }, isFloat ? {} : { ...mixing, compute: "i8_diffused" }),
      { op: "linear", x: mixed, w: weight, out: y, bias, act, gate, ...scratch },
      { op: "linear", x, w: weight, out: y, residual: y, ...scratch, ...fine },
      { op: "layer_norm", x: heads, out: heads, eps: 0 },
    ],
  );
  addSmallEntries(pack, k, memory);
  if (!isFloat) {
    pack.golden({ entry: "run", rows: 2, seed: 7, digest: new Uint8Array(32) });
    pack.golden({ entry: "look", rows: 1, seed: 8, digest: new Uint8Array(32) });
  }
  // The mutator takes from `pad` what an edit of the header adds.
  pack.meta({ pad: new Uint8Array(roundUp(300, 4)), arch: { depth: 1, "long name": [1.5, -3, true, null] } });
  return pack.build();
}

/** An entry that looks at an image, and one that adds to the state. */
function addSmallEntries(pack, k, memory) {
  const image = pack.activation("image", [8, 4, 3], { type: "u8" });
  const patches = pack.activation("patches", [2, 48]);
  pack.entry(
    "look",
    1,
    [port("image", image, "image")],
    [port("patches", patches, "tokens")],
    [{ op: "patchify", x: image, out: patches, patch: 4, scale: [0.004, 0.005, 0.006], shift: [-2, -1.5, -1] }],
  );
  const action = pack.activation("action", [ROWS - 1, k / 2]);
  pack.entry(
    "step",
    1,
    [port("action", action, "action")],
    [port("action", action)],
    [
      { op: "add", a: memory, b: action, out: memory },
      { op: "copy", x: memory, out: action },
    ],
  );
}

mkdirSync(CORPUS, { recursive: true });
for (const [index, type] of STORAGE_TYPES.entries())
  writeFileSync(join(CORPUS, `${type}.syn`), seedPack(type, ACTIVATIONS[index % ACTIVATIONS.length]));
