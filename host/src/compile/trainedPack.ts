import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { atomicWrite } from "../files/atomicWrite.js";
import { makeFolder } from "../files/makeFolder.js";
import { packCheckpoint } from "./packCheckpoint.js";

export interface TrainedPackRequest {
  /** Where the pack is kept. */
  readonly folder: string;
  /** A board's file or name; the pack has to fit it. */
  readonly board: string;
  /** Text that changes whenever the compiler or the runtime does, so that an old pack is not kept. */
  readonly buildKey: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number, label: string) => void;
}

/**
 * The path of an int8 pack of a trained model's folder (`models/<name>`), made once. It takes actions in the
 * environment's units.
 */
export async function trainedPack(request: TrainedPackRequest, model: string): Promise<string> {
  const name = basename(model);
  const path = join(request.folder, `${name}.syn`);
  const keyPath = join(request.folder, `${name}.key`);
  const source = {
    checkpoint: join(model, "model.safetensors"),
    config: join(model, "synapse.json"),
    actionStats: join(model, "action-stats.json"),
  };
  const hash = createHash("sha256").update(request.buildKey).update(request.board);
  for (const file of Object.values(source)) hash.update(await readFile(file));
  const key = hash.digest("hex");
  if ((await readOrEmpty(keyPath)) === key && (await readOrEmpty(path)) !== "") return path;
  await makeFolder(request.folder);
  await packCheckpoint({
    ...source,
    types: "i8",
    board: request.board,
    name,
    golden: true,
    output: path,
    ...(request.signal ? { signal: request.signal } : {}),
    ...(request.onProgress ? { onProgress: request.onProgress } : {}),
  });
  await atomicWrite(keyPath, key);
  return path;
}

function readOrEmpty(path: string): Promise<string> {
  return readFile(path, "latin1").catch(() => "");
}
