import type { Contradiction } from "../metadata/checkMetadata.js";

/** What `pack` found beside the weights and what came of holding the config against it. */
export interface MetadataReport {
  /** The files that were understood, or "GGUF"; empty when there were none. */
  readonly sources: readonly string[];
  /** The parts of the config that they were held against; none when there was nothing to hold. */
  readonly parts: readonly string[];
  readonly checked: readonly string[];
  /** What the metadata say nothing of that is understood, and the parts that they do not describe. */
  readonly unchecked: readonly string[];
  /** Only where the user said to go on: otherwise they are an error. */
  readonly contradictions: readonly Contradiction[];
  readonly ignoredBecause: string | null;
}

/** A warning for each contradiction that the user had ignored. */
export function metadataWarnings({ contradictions, ignoredBecause }: MetadataReport): string[] {
  return contradictions.map(
    ({ what, metadata, config }) => `ignored (${ignoredBecause}): ${what}: ${metadata}, but ${config}`,
  );
}
