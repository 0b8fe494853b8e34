import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { atomicWrite } from "../pack/atomicWrite.js";
import { LEWM_TRUE } from "../parity/lewmShapes.js";
import { seededCheckpoint } from "../parity/seededCheckpoint.js";
import { packCheckpoint } from "./packCheckpoint.js";

/** Of the demo's weights: any number would do, but everybody has the same. */
const DEMO_SEED = 1;

export interface DemoPackRequest {
  /** Where the pack is kept. */
  readonly folder: string;
  /** Configuration of LeWM. */
  readonly config: string;
  /** A board's file or name; the demo has to fit it. */
  readonly board: string;
  /** Text that changes whenever the compiler or the runtime does, so that an old pack is not kept. */
  readonly buildKey: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number, label: string) => void;
}

/**
 * The path of a true-size LeWM pack with seeded weights, made once. It costs a board what the trained model costs, and its latents mean
 * nothing: `meta.untrained` says so to whoever shows them.
 */
export async function demoPack(request: DemoPackRequest): Promise<string> {
  const path = join(request.folder, "lewm-untrained.syn");
  const keyPath = join(request.folder, "lewm-untrained.key");
  const key = createHash("sha256")
    .update(await readFile(request.config))
    .update(request.buildKey)
    .update(request.board)
    .digest("hex");
  if ((await readOrEmpty(keyPath)) === key && (await readOrEmpty(path)) !== "") return path;
  await mkdir(request.folder, { recursive: true });
  await packCheckpoint({
    checkpoint: seededCheckpoint(LEWM_TRUE, DEMO_SEED),
    config: request.config,
    types: "i8",
    board: request.board,
    name: "lewm-untrained",
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
