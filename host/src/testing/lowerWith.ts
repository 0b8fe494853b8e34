import { readFileSync } from "node:fs";
import { InputError } from "synapse-engine/errors";
import { parseTypePolicy } from "../compress/policy.js";
import { ConfigReads } from "../config/configReads.js";
import { parseConfig } from "../config/parseConfig.js";
import { lower } from "../lower/lower.js";
import { LEWM_SMALL, lewmShapes } from "../parity/lewmShapes.js";
import { seededCheckpoint } from "../parity/seededCheckpoint.js";
import type { Program } from "../program/program.js";

export const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../configs/${name}.json`, import.meta.url), "utf8"));

// biome-ignore lint/suspicious/noExplicitAny: tests break configs in every way, also in ways their type forbids.
export type Json = any;
export type Shapes = Map<string, readonly number[]>;

export function lowerWith(
  edit: (config: Json) => void = () => {},
  types = "i8",
  editShapes: (shapes: Shapes) => void = () => {},
): Program {
  const config = read("lewm-test");
  edit(config);
  const shapes: Shapes = new Map(lewmShapes(LEWM_SMALL));
  editShapes(shapes);
  const checkpoint = seededCheckpoint(shapes, 1);
  const reads = new ConfigReads(config, parseConfig(config, "c.json"), "c.json");
  const { program } = lower({
    config: reads.config,
    reads,
    configSource: "c.json",
    checkpoint,
    policy: parseTypePolicy(types),
  });
  reads.requireAllRead();
  return program;
}

export function errorOf(run: () => unknown): InputError {
  try {
    run();
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new Error("no error");
}
