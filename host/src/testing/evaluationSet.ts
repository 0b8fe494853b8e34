import { fileURLToPath } from "node:url";
import { Archive } from "../files/archive.js";
import { readInput, readJsonInput } from "../files/readInput.js";

const BYTES_MAX = 1 << 20;

/** What training/export.py keeps of an episode: rows of numbers. */
export interface Episode {
  readonly actions: number[][];
  readonly states: number[][];
  readonly latents: number[][];
}

/** The evaluation set of a model that this repository ships. */
export function evaluationSet(model: string): string {
  return fileURLToPath(new URL(`../../../models/${model}/eval.zip`, import.meta.url));
}

/** A frame's file, as `synapse-host run` takes it. */
export function framePath(model: string, episode: string, number: number): string {
  return `${evaluationSet(model)}/${episode}/frame-${String(number).padStart(2, "0")}.png`;
}

export function readFrame(model: string, episode: string, number: number): Promise<Uint8Array> {
  return readInput(framePath(model, episode, number), "a frame", BYTES_MAX);
}

export async function readEpisode(model: string, episode: string): Promise<Episode> {
  return (await readJsonInput(`${evaluationSet(model)}/${episode}/episode.json`, "an episode", BYTES_MAX)) as Episode;
}

/** Names of the files in a shipped evaluation set, in order. */
export async function evaluationFiles(model: string): Promise<readonly string[]> {
  const archive = await Archive.open(evaluationSet(model));
  try {
    return archive.names;
  } finally {
    await archive.close();
  }
}
