import type { ModelConfig, NormConfig, TransformerConfig } from "../config/configSchema.js";
import type { Fact, ModelFacts, NormPlacement, PositionKind } from "./modelFacts.js";

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
  none: "no positions",
};
/** What tells models apart that have the same tensors: where the metadata say nothing of it, that is worth a word. */
const OF_NOTE = {
  normPlacement: "norm placement",
  positions: "positions",
  firstPosition: "where positions begin",
  heads: "heads",
  activation: "activation",
  eps: "epsilon of norms",
  causal: "causal attention",
} as const;
const OF_PICTURES = { mean: "image mean", std: "image deviation" } as const;

/** The transformer parts that metadata can be of: those that take pictures where there are any, else those of rows. */
export function describedParts(config: ModelConfig): [string, TransformerConfig][] {
  const transformers = Object.entries(config.parts).flatMap(([name, part]): [string, TransformerConfig][] =>
    part.kind === "transformer" ? [[name, part]] : [],
  );
  const pictures = transformers.filter(([, part]) => part.embedding.kind === "patches");
  return pictures.length > 0 ? pictures : transformers;
}

/** Holds the facts against one transformer part. `source` is the config's file. */
export function checkPart(facts: ModelFacts, name: string, part: TransformerConfig, source: string): MetadataCheck {
  const check = new Check(facts, `parts.${name}`, source);
  const { attention, ffn, norm } = part;
  const affects = norm.kind !== "none";
  // A config has no other placement: where there are norms, they stand before the halves.
  if (affects) check.one("normPlacement", "norm placement", "pre", "", (value) => PLACEMENTS[value]);
  checkPositions(check, part);
  if (affects) {
    check.one("norm", "kind of norm", norm.kind, ".norm.kind");
    checkEps(check, norm, ".norm.eps");
  }
  checkEps(check, part.finalNorm, ".finalNorm.eps");
  check.one("width", "width", part.width, ".width");
  check.one("layers", "layers", part.layers, ".layers");
  check.one("heads", "heads", attention.heads, ".attention.heads");
  check.one("kvHeads", "heads of keys and values", attention.kvHeads ?? attention.heads, ".attention.kvHeads");
  check.one("headDim", "width of a head", attention.headDim, ".attention.headDim");
  check.one("causal", "causal attention", attention.causal, ".attention.causal");
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
  }
  const noted = { ...OF_NOTE, ...(part.embedding.kind === "patches" ? OF_PICTURES : {}) };
  const unchecked = Object.entries(noted)
    .filter(([key]) => facts[key as keyof ModelFacts] === undefined)
    .filter(([key]) => key !== "firstPosition" || (part.embedding.kind === "rows" && part.position === "learned"))
    .map(([, what]) => what);
  return { checked: [...new Set(check.checked)], contradictions: check.contradictions, unchecked };
}

function checkPositions(check: Check, part: TransformerConfig): void {
  const { positions } = check.facts;
  // A table that is stored is added like a learned one.
  const fits = positions?.value === "table" && part.position === "learned";
  check.one("positions", "positions", fits ? "table" : part.position, ".position", (value) => POSITIONS[value]);
  if (part.embedding.kind !== "rows" || part.position !== "learned") return;
  check.one(
    "firstPosition",
    "where positions begin",
    part.firstPosition ?? 0,
    ".firstPosition",
    (value) => `at row ${value} of their table`,
  );
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

  one<Key extends keyof ModelFacts>(
    key: Key,
    what: string,
    own: NonNullable<ModelFacts[Key]>["value"],
    path: string,
    show: (value: NonNullable<ModelFacts[Key]>["value"]) => string = String,
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

  private compare<Key extends keyof ModelFacts, Own>(
    key: Key,
    what: string,
    own: Own,
    path: string,
    same: (value: NonNullable<ModelFacts[Key]>["value"]) => boolean,
    show: (value: never) => string = String,
    showFact: (value: NonNullable<ModelFacts[Key]>["value"]) => string = show as (value: unknown) => string,
  ): void {
    const fact = this.facts[key] as Fact<NonNullable<ModelFacts[Key]>["value"]> | undefined;
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
