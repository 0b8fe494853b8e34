import { readFileSync } from "node:fs";
import { openRv32Engine } from "synapse-engine";
import { compile } from "../../host/dist/compile/compile.js";
import { storageTypeNames } from "../../host/dist/format/types.js";
import { readPack } from "../../host/dist/pack/readPack.js";
import { LEWM_TRUE, seededActions, seededCheckpoint } from "../../host/dist/parity/index.js";
import { FAST_BYTES, lewmImage, SEED } from "./lewm.mjs";

const TYPES = storageTypeNames;
const TYPES_QUICK = ["i8", "q4_0", "f32"];
/** All layers of the encoder cost the same but the last, which computes the class token only. Two have one of each. */
const ENCODER_LAYERS = 2;
const ROWS = 3;

/**
 * Retired instructions per multiply-accumulate on the emulated RV32IMAFC core, exact and the same in every run.
 * `predict` is the true one; `encode` has the true sizes with fewer layers.
 */
export async function rv32Section({ quick, progress }) {
  const types = [];
  for (const type of quick ? TYPES_QUICK : TYPES) {
    progress(`rv32 ${type}`);
    types.push(await measureType(type));
  }
  return { encoderLayers: ENCODER_LAYERS, rows: ROWS, types };
}

async function measureType(type) {
  const dimensions = { ...LEWM_TRUE, encoderLayers: ENCODER_LAYERS };
  const config = JSON.parse(readFileSync(new URL("../../configs/lewm.json", import.meta.url), "utf8"));
  config.parts.encoder.layers = ENCODER_LAYERS;
  const checkpoint = seededCheckpoint(dimensions, SEED);
  const { bytes } = await compile({
    checkpoint,
    config,
    configSource: "configs/lewm.json",
    types: type,
    fastBytes: FAST_BYTES,
  });
  const weightTypes = new Map(readPack(bytes, type).header.tensors.map((tensor) => [tensor.name, tensor.type]));
  const engine = await openRv32Engine();
  try {
    const session = await (await engine.openModel(bytes)).createSession();
    const inputs = {
      encode: [lewmImage().rgb],
      predict: [seededActions("latents", SEED, ROWS, 192), seededActions("actions", SEED, ROWS, 10)].map(
        (values) => new Uint8Array(values.buffer),
      ),
    };
    const result = { type };
    for (const [entry, input] of Object.entries(inputs)) {
      await session.run(entry, input, entry === "encode" ? 1 : ROWS);
      result[entry] = summarise(await session.profile(entry), (name) => weightTypes.get(name) === type);
    }
    return result;
  } finally {
    await engine.close();
  }
}

/** Linear ops of the type that was asked for, whose K some types cannot have everywhere, and all ops by kind. */
function summarise(profile, hasType) {
  const linear = profile.filter(({ op, name }) => op === "linear" && hasType(name));
  const kinds = [...new Set(profile.map(({ op }) => op))];
  const all = total(profile);
  return {
    linear: total(linear),
    all,
    kinds: kinds
      .map((op) => ({ op, ...total(profile.filter((each) => each.op === op)) }))
      .map((kind) => ({ ...kind, share: kind.instructions / all.instructions }))
      .sort((a, b) => b.instructions - a.instructions),
  };
}

function total(ops) {
  const sum = (key) => ops.reduce((result, op) => result + op[key], 0);
  const [instructions, macs] = [sum("ticks"), sum("macs")];
  return { instructions, macs, instructionsPerMac: macs > 0 ? instructions / macs : null };
}
