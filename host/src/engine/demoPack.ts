import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { atomicWrite } from "../pack/atomicWrite.js";
import { LEWM_TRUE } from "../parity/lewmShapes.js";
import { seededCheckpoint } from "../parity/seededCheckpoint.js";
import { type PackRequest, packCheckpoint } from "./packCheckpoint.js";

/** Of the demo's weights: any number would do, but everybody has the same. */
const DEMO_SEED = 1;

export interface DemoPackRequest {
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
 * The path of a true-size LeWM pack with seeded weights, made once from the configuration. It costs a board what the trained model costs, and its
 * latents mean nothing: `meta.untrained` says so to whoever shows them.
 */
export function demoPack(request: DemoPackRequest, config: string): Promise<string> {
  return keptPack(request, "lewm-untrained", { checkpoint: seededCheckpoint(LEWM_TRUE, DEMO_SEED), config });
}

/** The path of a pack of a trained model's folder (`models/<name>`), made once. It takes actions in the environment's units. */
export function trainedPack(request: DemoPackRequest, model: string): Promise<string> {
  const [checkpoint, config, actionStats] = ["model.safetensors", "synapse.json", "action-stats.json"].map((name) => join(model, name)) as [
    string,
    string,
    string,
  ];
  return keptPack(request, basename(model), { checkpoint, config, actionStats });
}

type Source = Pick<PackRequest, "checkpoint" | "config" | "actionStats">;

async function keptPack(request: DemoPackRequest, name: string, source: Source): Promise<string> {
  const path = join(request.folder, `${name}.syn`);
  const keyPath = join(request.folder, `${name}.key`);
  const hash = createHash("sha256").update(request.buildKey).update(request.board);
  for (const file of Object.values(source)) if (typeof file === "string") hash.update(await readFile(file));
  const key = hash.digest("hex");
  if ((await readOrEmpty(keyPath)) === key && (await readOrEmpty(path)) !== "") return path;
  await mkdir(request.folder, { recursive: true });
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
