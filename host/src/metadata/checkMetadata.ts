import type { NormConfig, TransformerConfig } from "../config/configSchema.js";
import type { Fact, ModelFacts, NormPlacement, PositionKind, QkvLayout, ScoreFactor } from "./modelFacts.js";

/** Something that the metadata beside the weights and the config say differently. */
export interface Contradiction {
  readonly what: string;
  /** Place and value in the metadata. */
  readonly metadata: string;
  /** Place and value in the config. */
  readonly config: string;
}

export interface MetadataCheck {
  /** What was compared, in words; the contradictions are among them. */
  readonly checked: readonly string[];
  readonly contradictions: readonly Contradiction[];
  /** What the metadata say nothing of that is understood. */
  readonly unchecked: readonly string[];
}

const PLACEMENTS: Readonly<Record<NormPlacement, string>> = {
  pre: "norms before the halves of a block",
  post: "norms after the halves of a block",
  both: "norms before and after the halves of a block",
  parallel: "attention and feed-forward side by side",
};
const POSITIONS: Readonly<Record<PositionKind, string>> = {
  learned: "positions from a learned table",
  table: "positions from a table",
  rope: "rotary positions",
  relative: "relative positions",
  alibi: "positions as biases of attention (ALiBi)",
  constant: "the first row of the position table for all rows",
  none: "no positions",
};
const LAYOUTS: Readonly<Record<QkvLayout, string>> = {
  blocks: "all rows of q, then k, then v",
  heads: "q, k and v of each head together",
  groups: "the queries of each key with it and its value",
  blocks_qvk: "parts with rows q, v, k each",
};
/** Facts that have one value; what no config can say is a list of them. */
type Compared = Exclude<keyof ModelFacts, "beyond">;
type ValueOf<Key extends Compared> = NonNullable<ModelFacts[Key]>["value"];

/** What tells models apart that have the same tensors: where the metadata say nothing of it, that is worth a word. */
const OF_NOTE = {
  normPlacement: "norm placement",
  positions: "positions",
  firstPosition: "where positions begin",
  heads: "heads",
  activation: "activation",
  eps: "epsilon of norms",
  causal: "causal attention",
  scoreFactor: "factor on the scores",
  rowsInSight: "windows of attention",
  qkvLayout: "layout of the fused query, key and value",
  transposed: "whether square weights are stored transposed",
} as const;
const OF_PICTURES = { mean: "image mean", std: "image deviation" } as const;

/**
 * Holds the facts against one transformer part. `source` is the config's file, `rows` the most rows of a run among
 * which the part attends.
 */
export function checkPart(
  facts: ModelFacts,
  name: string,
  part: TransformerConfig,
  source: string,
  rows: number,
): MetadataCheck {
  const check = new Check(facts, `parts.${name}`, source);
  const { ffn, norm } = part;
  const affects = norm.kind !== "none";
  // A config has no other placement: where there are norms, they stand before the halves.
  if (affects) check.one("normPlacement", "norm placement", "pre", "", (value) => PLACEMENTS[value]);
  // What says nothing of norms may have some all the same; of adaLN the conditioning brings scale and shift.
  else if (part.conditioning === undefined) check.one("norm", "kind of norm", norm.kind, ".norm.kind");
  const notes = checkPositions(check, part);
  if (affects) {
    check.one("norm", "kind of norm", norm.kind, ".norm.kind");
    checkEps(check, norm, ".norm.eps");
  }
  notes.push(...checkFinalNorm(check, part));
  check.one("width", "width", part.width, ".width");
  check.one("layers", "layers", part.layers, ".layers");
  checkAttention(check, part, rows);
  checkTransposed(check, part);
  check.one("hidden", "width of the feed-forward", ffn.hidden, ".ffn.hidden");
  check.one("gatedFfn", "gated feed-forward", ffn.kind === "gated", ".ffn.kind");
  check.some("activation", "activation", ffn.act, ".ffn.act");
  if (part.embedding.kind === "patches") {
    const { image, patch, mean, std, registers } = part.embedding;
    check.one("patch", "patch size", patch, ".embedding.patch");
    check.one("registers", "registers", registers, ".embedding.registers");
    check.list("image", "image size", image, ".embedding.image");
    check.list("mean", "image mean", mean, ".embedding.mean");
    check.list("std", "image deviation", std, ".embedding.std");
    check.one("channels", "order of colors", "rgb", ".embedding");
  }
  check.beyond();
  const noted = { ...OF_NOTE, ...(part.embedding.kind === "patches" ? OF_PICTURES : {}) };
  const unchecked = Object.entries(noted)
    .filter(([key]) => facts[key as keyof ModelFacts] === undefined && matters(key as keyof typeof noted, part))
    .map(([, what]) => what);
  return {
    checked: [...new Set(check.checked)],
    contradictions: check.contradictions,
    unchecked: [...unchecked, ...notes],
  };
}

function matters(key: keyof typeof OF_NOTE | keyof typeof OF_PICTURES, part: TransformerConfig): boolean {
  if (key === "firstPosition") return hasPositionTable(part);
  if (key === "qkvLayout") return part.attention.qkv === "fused" && part.attention.heads > 1;
  if (key === "transposed") return linearWeights(part).some(({ square }) => square);
  return true;
}

function checkAttention(check: Check, { attention }: TransformerConfig, rows: number): void {
  const { heads, kvHeads = heads, headDim, causal, scale = headDim ** -0.5 } = attention;
  check.one("heads", "heads", heads, ".attention.heads");
  check.one("kvHeads", "heads of keys and values", kvHeads, ".attention.kvHeads");
  check.one("headDim", "width of a head", headDim, ".attention.headDim");
  check.one("causal", "causal attention", causal, ".attention.causal");
  check.scores(headDim, scale, attention.scale === undefined ? ".attention.headDim" : ".attention.scale");
  check.sight(rows);
  // Of one head, or one in all, the layouts are the same.
  if (attention.qkv === "fused" && heads > 1)
    check.one(
      "qkvLayout",
      "layout of the fused query, key and value",
      "blocks",
      ".attention.qkv",
      (value) => LAYOUTS[value],
    );
}

/** Each linear layer by itself: of a square weight no shape says which way round it is stored. */
function checkTransposed(check: Check, part: TransformerConfig): void {
  const stored = (value: boolean) => (value ? "stored [in, out]" : "stored [out, in]");
  for (const { key, transposed } of linearWeights(part))
    check.one("transposed", "transposed weights", transposed, `.weights.layer.${key}`, stored);
}

function linearWeights({ width, attention, ffn, weights: { layer } }: TransformerConfig) {
  const { heads, headDim, kvHeads = heads } = attention;
  const [inner, kv] = [heads * headDim, kvHeads * headDim];
  const outputs = {
    q: inner,
    k: kv,
    v: kv,
    qkv: inner + 2 * kv,
    out: inner,
    up: ffn.hidden,
    gate: ffn.hidden,
    gateUp: 2 * ffn.hidden,
    down: ffn.hidden,
  };
  return Object.entries(outputs).flatMap(([key, size]) => {
    const given = layer[key as keyof typeof outputs];
    if (given === undefined) return [];
    const transposed =
      typeof given === "object" && !Array.isArray(given) && (given as { transposed: boolean }).transposed;
    return [{ key, transposed, square: size === width }];
  });
}

const hasPositionTable = (part: TransformerConfig) => part.embedding.kind === "rows" && part.position === "learned";

/** Answers what no comparison shows, in words. */
function checkPositions(check: Check, part: TransformerConfig): string[] {
  const { positions } = check.facts;
  if (positions?.value === "constant" && part.position === "none")
    return [
      `positions: ${positions.place} adds the first row of its position table to all rows, which the part leaves ` +
        "to whoever gives it rows",
    ];
  // A table that is stored is added like a learned one.
  const fits = positions?.value === "table" && part.position === "learned";
  check.one("positions", "positions", fits ? "table" : part.position, ".position", (value) => POSITIONS[value]);
  if (!hasPositionTable(part)) return [];
  check.one(
    "firstPosition",
    "where positions begin",
    part.firstPosition ?? 0,
    ".firstPosition",
    (value) => `at row ${value} of their table`,
  );
  return [];
}

/**
 * Answers what no comparison shows, in words: a part may leave the norm after its last block to whatever takes its
 * rows, and nothing tells whether that has it.
 */
function checkFinalNorm(check: Check, { finalNorm }: TransformerConfig): string[] {
  const fact = check.facts.finalNorm;
  if (finalNorm.kind !== "none") {
    const place = (value: boolean) => (value ? "a norm after the last block" : "no norm after the last block");
    check.one("finalNorm", "final norm", true, ".finalNorm", place);
    check.one("norm", "kind of the final norm", finalNorm.kind, ".finalNorm.kind");
    checkEps(check, finalNorm, ".finalNorm.eps");
    return [];
  }
  if (fact === undefined) return ["final norm"];
  if (!fact.value) check.one("finalNorm", "final norm", false, ".finalNorm");
  return fact.value
    ? [`final norm: ${fact.place} has one after the last block, which the part leaves to what takes its rows`]
    : [];
}

function checkEps(check: Check, norm: NormConfig, path: string): void {
  if (norm.kind !== "none") check.near("eps", "epsilon of norms", norm.eps, path);
}

class Check {
  readonly facts: ModelFacts;
  readonly checked: string[] = [];
  readonly contradictions: Contradiction[] = [];
  private readonly part: string;
  private readonly source: string;

  constructor(facts: ModelFacts, part: string, source: string) {
    this.facts = facts;
    this.part = part;
    this.source = source;
  }

  one<Key extends Compared>(
    key: Key,
    what: string,
    own: ValueOf<Key>,
    path: string,
    show: (value: ValueOf<Key>) => string = String,
  ): void {
    this.compare(key, what, own, path, (value) => value === own, show);
  }

  /** GGUF rounds to f32. */
  near(key: "eps", what: string, own: number, path: string): void {
    this.compare(key, what, own, path, (value) => near(value, own));
  }

  some(key: "activation", what: string, own: string, path: string): void {
    this.compare(
      key,
      what,
      own,
      path,
      (value) => (value as readonly string[]).includes(own),
      undefined,
      (value) => value.join(" or "),
    );
  }

  list(key: "image" | "mean" | "std", what: string, own: readonly number[], path: string): void {
    const same = (value: readonly number[]) =>
      value.length === own.length && value.every((item, index) => near(item, own[index] as number));
    this.compare(key, what, own, path, same, (value) => `[${(value as readonly number[]).join(", ")}]`);
  }

  /** The factor on the scores, of which a config has one for all layers. */
  scores(headDim: number, own: number, path: string): void {
    const value = ({ factor }: ScoreFactor) => (factor === "head" ? headDim ** -0.5 : factor);
    this.compare(
      "scoreFactor",
      "factor on the scores",
      { factor: own },
      path,
      (fact) => near(value(fact), own) && fact.byLayer !== true,
      (fact: ScoreFactor) => `${Number(value(fact).toPrecision(7))}${fact.byLayer ? " over the layer's number" : ""}`,
    );
  }

  /** A window that no run reaches the end of is none. */
  sight(rows: number): void {
    this.compare(
      "rowsInSight",
      "windows of attention",
      rows,
      "",
      (value) => rows <= value,
      (own: number) => `all of up to ${own} rows see each other`,
      (value) => `some layers see no further than ${value} rows`,
    );
  }

  /** What no config can say cannot agree. */
  beyond(): void {
    for (const { value, place } of this.facts.beyond ?? [])
      this.contradictions.push({
        what: value,
        metadata: place,
        config: `${this.source} ${this.part}, which has no such thing`,
      });
  }

  private compare<Key extends Compared, Own>(
    key: Key,
    what: string,
    own: Own,
    path: string,
    same: (value: ValueOf<Key>) => boolean,
    show: (value: never) => string = String,
    showFact: (value: ValueOf<Key>) => string = show as (value: unknown) => string,
  ): void {
    const fact = this.facts[key] as Fact<ValueOf<Key>> | undefined;
    if (fact === undefined) return;
    this.checked.push(what);
    if (same(fact.value)) return;
    this.contradictions.push({
      what,
      metadata: `${fact.place} (${showFact(fact.value)})`,
      config: `${this.source} ${this.part}${path} (${(show as (value: unknown) => string)(own)})`,
    });
  }
}

function near(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-5 * Math.max(Math.abs(a), Math.abs(b));
}
