import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { FileSource, unreadable } from "../files/fileSource.js";
import { inputError } from "../files/inputError.js";
import { parseJsonObject } from "../files/strictJson.js";
import type { Checkpoint } from "./checkpoint.js";

const CONFIG_BYTES_MAX = 16_000_000;

/** File names of weights in the order of preference: the formats that cannot carry code first. */
const WEIGHTS = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
  "weights.pt",
  "model.pt",
] as const;

/**
 * Opens a folder as the Hugging Face Hub lays it out: weights under one of their usual names and, if there,
 * `config.json`, which becomes `metadata.config`.
 * @throws InputError HF_FOLDER_* and whatever opening the weights rejects with
 */
export async function readHuggingFaceFolder(
  path: string,
  openFile: (path: string) => Promise<Checkpoint>,
): Promise<Checkpoint> {
  const names = new Set(
    await readdir(path).catch((error: unknown) => {
      throw unreadable(path, error);
    }),
  );
  const weights = WEIGHTS.find((name) => names.has(name));
  if (weights === undefined) {
    throw inputError(path, "HF_FOLDER_NO_WEIGHTS", "the folder holds no weights under a known name", {
      expected: WEIGHTS.join(", "),
    });
  }
  const config = names.has("config.json") ? await readConfig(join(path, "config.json")) : undefined;
  const checkpoint = await openFile(join(path, weights));
  return {
    ...checkpoint,
    path,
    metadata: config === undefined ? checkpoint.metadata : { ...checkpoint.metadata, config },
  };
}

async function readConfig(path: string): Promise<Record<string, unknown>> {
  const file = await FileSource.open(path);
  try {
    if (file.size > CONFIG_BYTES_MAX) {
      throw inputError(path, "HF_CONFIG_TOO_LARGE", `the file takes ${file.size} bytes`, {
        expected: `at most ${CONFIG_BYTES_MAX}`,
      });
    }
    return parseJsonObject(await file.readAt(0, file.size), path, "HF_CONFIG");
  } finally {
    await file.close();
  }
}
