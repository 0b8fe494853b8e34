import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "synapse-engine/errors";
import { beforeEach, describe, expect, it } from "vitest";
import { scratchFolder } from "./craft.test.helper.js";
import { openCheckpoint, writeSafetensors } from "./index.js";

const scratch = scratchFolder();
let count = 0;
let folder: string;

beforeEach(() => {
  folder = join(scratch, String(count++));
  mkdirSync(folder);
});

async function shard(name: string, tensors: Record<string, number>): Promise<void> {
  const all = Object.entries(tensors).map(([tensor, value]) => ({
    name: tensor,
    dtype: "F32",
    shape: [1],
    data: Float32Array.of(value),
  }));
  await writeSafetensors(join(folder, name), all);
}

function index(weightMap: unknown): string {
  const path = join(folder, "model.safetensors.index.json");
  writeFileSync(path, JSON.stringify({ weight_map: weightMap }));
  return path;
}

async function refusal(path: string): Promise<InputError> {
  const error: unknown = await openCheckpoint(path).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(InputError);
  return error as InputError;
}

describe("a Hugging Face folder", () => {
  it("prefers weights that cannot carry code", async () => {
    await shard("model.safetensors", { w: 3 });
    writeFileSync(join(folder, "pytorch_model.bin"), "not even a zip");
    const checkpoint = await openCheckpoint(folder);
    expect(await checkpoint.tensors.get("w")?.readF32()).toEqual(Float32Array.of(3));
    await checkpoint.close();
  });

  it("falls back to weights.pt", async () => {
    copyFileSync(join(import.meta.dirname ?? __dirname, "fixtures", "protocol4.pt"), join(folder, "weights.pt"));
    writeFileSync(join(folder, "config.json"), '{"model":{"width":3}}');
    const checkpoint = await openCheckpoint(folder);
    expect(checkpoint).toMatchObject({ format: "torch", path: folder, metadata: { config: { model: { width: 3 } } } });
    expect(checkpoint.tensors.get("0.weight")?.shape).toEqual([2, 3]);
    await checkpoint.close();
  });

  it("says what it looks for when there are no weights, and names a damaged config", async () => {
    expect(await refusal(folder)).toMatchObject({
      code: "HF_FOLDER_NO_WEIGHTS",
      source: folder,
      expected: expect.stringContaining("weights.pt"),
    });
    await shard("model.safetensors", { w: 3 });
    writeFileSync(join(folder, "config.json"), "[1]");
    expect(await refusal(folder)).toMatchObject({
      code: "HF_CONFIG_NOT_AN_OBJECT",
      source: join(folder, "config.json"),
    });
  });

  it("refuses a path where nothing is", async () => {
    expect((await refusal(join(folder, "none.safetensors"))).code).toBe("CHECKPOINT_NOT_FOUND");
  });

  it.skipIf(process.platform === "win32")("refuses what is neither file nor folder", async () => {
    expect((await refusal("/dev/zero")).code).toBe("CHECKPOINT_NOT_A_FILE");
  });
});

describe("a shard index", () => {
  it("lists exactly its tensors, from files beside it", async () => {
    await shard("1.safetensors", { a: 1, unlisted: 9 });
    await shard("2.safetensors", { b: 2 });
    const checkpoint = await openCheckpoint(index({ b: "2.safetensors", a: "1.safetensors" }));
    expect([...checkpoint.tensors.keys()].sort()).toEqual(["a", "b"]);
    expect(await checkpoint.tensors.get("b")?.readF32()).toEqual(Float32Array.of(2));
    await checkpoint.close();
    await expect(checkpoint.tensors.get("b")?.read()).rejects.toMatchObject({ code: "CHECKPOINT_CLOSED" });
  });

  it("is refused when it is damaged or reaches outside its folder", async () => {
    await shard("1.safetensors", { a: 1 });
    expect((await refusal(index({ a: "../1.safetensors" }))).code).toBe("SHARD_INDEX_BAD_FILE_NAME");
    expect((await refusal(index({ a: "/etc/passwd" }))).code).toBe("SHARD_INDEX_BAD_FILE_NAME");
    expect((await refusal(index({ a: 7 }))).code).toBe("SHARD_INDEX_BAD_FILE_NAME");
    expect((await refusal(index({ a: "model.safetensors.index.json" }))).code).toBe("SHARD_INDEX_NESTED");
    expect((await refusal(index({ b: "1.safetensors" }))).code).toBe("SHARD_INDEX_TENSOR_MISSING");
    expect((await refusal(index({ a: "2.safetensors" }))).code).toBe("CHECKPOINT_NOT_FOUND");
    expect((await refusal(index([]))).code).toBe("SHARD_INDEX_NO_WEIGHT_MAP");
  });

  it("is refused when a file name is nested as deep as the index is long", async () => {
    const path = index({});
    writeFileSync(path, `{"weight_map":{"a":${"[".repeat(2e5)}${"]".repeat(2e5)}}}`);
    expect((await refusal(path)).code).toBe("SHARD_INDEX_BAD_FILE_NAME");
  });

  it("cannot contain itself under another name", async () => {
    writeFileSync(join(folder, "loop.safetensors"), JSON.stringify({ weight_map: { a: "loop.safetensors" } }));
    expect((await refusal(index({ a: "loop.safetensors" }))).code).toBe("SHARD_INDEX_NESTED");
  });
});
