import type { ModelConfig, TransformerConfig } from "../config/configSchema.js";
import { tokenLayout } from "../lower/lowerPatches.js";

/** A transformer part that metadata can be of. */
export interface DescribedPart {
  readonly name: string;
  readonly part: TransformerConfig;
  /** The most rows that attend to each other in one run. */
  readonly rows: number;
}

/** The transformer parts, those that take pictures and those that take rows. */
export function transformerParts(config: ModelConfig): {
  readonly pictures: DescribedPart[];
  readonly rows: DescribedPart[];
} {
  const parts = Object.entries(config.parts).flatMap(([name, part]): DescribedPart[] =>
    part.kind === "transformer" ? [{ name, part, rows: rowsOf(config, name, part) }] : [],
  );
  const pictures = parts.filter(({ part }) => part.embedding.kind === "patches");
  return { pictures, rows: parts.filter((part) => !pictures.includes(part)) };
}

function rowsOf(config: ModelConfig, name: string, part: TransformerConfig): number {
  if (part.embedding.kind === "patches") return tokensOf(part.embedding);
  const counts = Object.values(config.entries).flatMap((entry) => {
    const known = new Map<string, number>(Object.keys(entry.inputs).map((input) => [input, entry.rowsMax ?? 1]));
    return entry.steps.flatMap((step) => {
      const given = known.get(step.x) ?? 1;
      known.set(step.as, rowsOut(config, step.part, given));
      return step.part === name ? [given] : [];
    });
  });
  return Math.max(1, ...counts);
}

/** The rows that leave a part which is given so many. */
function rowsOut(config: ModelConfig, name: string, given: number): number {
  const part = Object.hasOwn(config.parts, name) ? config.parts[name] : undefined;
  if (part?.kind !== "transformer" || part.embedding.kind !== "patches") return given;
  if (part.select === "class_token") return 1;
  return part.select === "patches" ? tokenLayout(part.embedding).patches : tokensOf(part.embedding);
}

type Patches = Extract<TransformerConfig["embedding"], { kind: "patches" }>;

function tokensOf(embedding: Patches): number {
  const { prefix, patches } = tokenLayout(embedding);
  return prefix + patches;
}
