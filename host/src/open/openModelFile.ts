import type { Engine, EngineName, Model } from "synapse-engine";
import { EngineError, InputError } from "synapse-engine/errors";
import { readInput } from "../files/readInput.js";
import { openEngine } from "./openEngine.js";

/** Larger packs than any board or browser can hold are refused before they are read. */
export const PACK_BYTES_MAX = 1 << 30;

/** A pack, opened by an engine that is closed with it. */
export interface OpenedModel {
  readonly engine: Engine;
  readonly model: Model;
  readonly file: Uint8Array;
  /** Time to validate the file, without reading it from disk. */
  readonly openMs: number;
  close(): Promise<void>;
}

/**
 * Reads and opens the pack at `path`. Rejects with an InputError that names the file, the byte and what is wrong there.
 */
export async function openModelFile(path: string, engineName: EngineName | undefined): Promise<OpenedModel> {
  const file = await readInput(path, "a .syn file", PACK_BYTES_MAX);
  return openModelBytes(file, path, engineName);
}

/** As `openModelFile`, for a pack that is in memory already; `source` names it in errors. */
export async function openModelBytes(
  file: Uint8Array,
  source: string,
  engineName: EngineName | undefined,
): Promise<OpenedModel> {
  const engine = await openEngine(engineName);
  try {
    const start = performance.now();
    const model = await engine.openModel(file);
    const openMs = performance.now() - start;
    const close = async () => {
      await model.close();
      await engine.close();
    };
    return { engine, model, file, openMs, close };
  } catch (error) {
    await engine.close();
    throw error instanceof EngineError ? packError(error, source) : error;
  }
}

function packError(error: EngineError, source: string): InputError {
  const where = error.offset ? { where: `byte ${error.offset}` } : {};
  // The runtime's messages begin with the place as well.
  return new InputError({ code: error.code, source, message: error.message.replace(/^byte \d+: /, ""), ...where });
}

/**
 * True for made-up weights: their outputs mean nothing, and whoever shows one says so. Takes the `meta` of a pack or
 * the metadata of a checkpoint, where every value is text.
 */
export function isUntrained(meta: Readonly<Record<string, unknown>>): boolean {
  return meta.untrained === true || meta.untrained === "true";
}
