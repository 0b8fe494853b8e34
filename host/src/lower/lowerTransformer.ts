import { configError } from "../config/configError.js";
import type { TransformerConfig } from "../config/configSchema.js";
import type { Activation } from "../program/program.js";
import { lowerBlock, type RowRange } from "./lowerBlock.js";
import { checkWidth, type Lowering, lowerNorm } from "./lowering.js";
import { lowerPatches, tokenLayout } from "./lowerPatches.js";
import { PartWeights } from "./partWeights.js";
import { loadFinite } from "./weightSource.js";

/** Columns of all heads together; beyond it a linear layer would sum over more than int32 holds. */
const INNER_MAX = 65536;

/** Lowers a transformer part: embedding, blocks, the choice of rows, the last norm. */
export function lowerTransformer(
  lowering: Lowering,
  name: string,
  config: TransformerConfig,
  x: Activation,
  condition: Activation | undefined,
): Activation {
  const { builder } = lowering;
  const path = `parts.${name}`;
  checkConfig(lowering, path, config);
  const weights = new PartWeights(lowering.weights, lowering.configSource, `${path}.weights`, config.weights);
  let h =
    config.embedding.kind === "patches"
      ? lowerPatches(lowering, name, config, weights, x)
      : lowerRows(lowering, name, config, weights, x);

  const conditioning = lowerCondition(lowering, name, config, h, condition);
  const keep = selectedRows(lowering, path, config, h);
  // Rows that are dropped after the last block are needed there as keys and values only. Causal attention needs a query
  // for each key.
  const last = config.attention.causal ? undefined : keep;
  for (let i = 0; i < config.layers; i++) {
    const layer = new PartWeights(
      lowering.weights,
      lowering.configSource,
      `${path}.weights.layer`,
      config.weights.layer,
      i,
    );
    h = lowerBlock(
      { ...lowering, firstRowFine: config.select === "class_token" },
      `${name}.layers.${i}`,
      config,
      layer,
      h,
      conditioning,
      i === config.layers - 1 ? last : undefined,
    );
  }
  if (keep !== undefined && last === undefined) h = builder.rows(h, keep.start, keep.count);
  const out = lowerNorm(lowering, `${name}.norm`, weights, "finalNorm", config.finalNorm, h);
  return out === h && h.stride !== undefined ? copied(builder, name, h) : out;
}

function copied(builder: Lowering["builder"], name: string, x: Activation): Activation {
  const out = builder.activation(`${name}.rows`, x.shape[0] as number, x.shape[1] as number, x.dynamic);
  builder.copy(x, out);
  return out;
}

function checkConfig(lowering: Lowering, path: string, config: TransformerConfig): void {
  const { heads, kvHeads = heads } = config.attention;
  if (heads % kvHeads !== 0) {
    throw configError(
      lowering,
      "CONFIG_HEADS",
      `${path}.attention.kvHeads`,
      `${kvHeads} does not divide the ${heads} heads`,
      "a divisor of heads",
    );
  }
  if (heads * config.attention.headDim > INNER_MAX) {
    throw configError(
      lowering,
      "CONFIG_HEADS",
      `${path}.attention`,
      `${heads} heads of ${config.attention.headDim} are too wide`,
      `at most ${INNER_MAX} columns together`,
    );
  }
  if (config.layerScale && config.conditioning !== undefined) {
    throw configError(
      lowering,
      "CONFIG_GATE",
      `${path}.layerScale`,
      "cannot be combined with conditioning: both are the gate of a block",
      "one of the two",
    );
  }
  if (config.embedding.kind === "rows" && config.select !== "all") {
    throw configError(
      lowering,
      "CONFIG_SELECT",
      `${path}.select`,
      `"${config.select}" needs an embedding of patches`,
      '"all"',
    );
  }
}

/** Rows of numbers as they are, with positions added. */
function lowerRows(
  lowering: Lowering,
  name: string,
  config: TransformerConfig,
  weights: PartWeights,
  x: Activation,
): Activation {
  checkWidth(lowering, `parts.${name}`, x, config.width);
  if (config.position === "none") return x;
  const rows = x.shape[0] as number;
  const first = config.firstPosition ?? 0;
  const end = first + rows;
  const positions = config.positions ?? end;
  if (positions < end) {
    throw configError(
      lowering,
      "CONFIG_POSITIONS",
      `parts.${name}.positions`,
      `${positions} positions are fewer than the ${rows} rows of ` +
        `"${x.name}"${first === 0 ? "" : ` from position ${first}`}`,
      `at least ${end}`,
    );
  }
  const found = weights.find("position", "", [1, positions, config.width]);
  const table = lowering.builder.vector(
    `${name}.position[${first}:${end}]`,
    [rows, config.width],
    [found.tensor.name],
    async () => (await loadFinite(found, lowering.checkpointSource)).slice(first * config.width, end * config.width),
  );
  return lowering.builder.binary(`${name}.embedding`, "add", x, table);
}

/** The activated conditioning rows, which every block projects by itself. */
function lowerCondition(
  lowering: Lowering,
  name: string,
  config: TransformerConfig,
  h: Activation,
  condition: Activation | undefined,
): Activation | undefined {
  const path = `parts.${name}.conditioning`;
  if (config.conditioning === undefined) {
    if (condition === undefined) return undefined;
    throw configError(
      lowering,
      "CONFIG_CONDITION",
      path,
      `is absent, but an entry gives the part the condition "${condition.name}"`,
    );
  }
  if (condition === undefined)
    throw configError(
      lowering,
      "CONFIG_CONDITION",
      path,
      "needs a condition, and a step of an entry gives none",
      '"condition" in the step',
    );
  checkWidth(lowering, path, condition, config.conditioning.width);
  const oneRow = condition.shape[0] === 1 && !condition.dynamic;
  if (!oneRow && (condition.shape[0] !== h.shape[0] || condition.dynamic !== h.dynamic)) {
    throw configError(
      lowering,
      "CONFIG_CONDITION",
      path,
      `"${condition.name}" has ${condition.shape[0]} rows for ${h.shape[0]} rows of tokens`,
      "as many rows, or one",
    );
  }
  return config.conditioning.act === "none"
    ? condition
    : lowering.builder.act(`${name}.condition`, condition, config.conditioning.act);
}

function selectedRows(
  lowering: Lowering,
  path: string,
  config: TransformerConfig,
  h: Activation,
): RowRange | undefined {
  if (config.select === "all" || config.embedding.kind !== "patches") return undefined;
  const { prefix } = tokenLayout(config.embedding);
  if (config.select === "patches")
    return prefix === 0 ? undefined : { start: prefix, count: (h.shape[0] as number) - prefix };
  if (!config.embedding.classToken) {
    throw configError(
      lowering,
      "CONFIG_SELECT",
      `${path}.select`,
      '"class_token" needs embedding.classToken',
      '"all", "patches", or classToken: true',
    );
  }
  return { start: 0, count: 1 };
}
