import { dirname, join } from "node:path";
import type { FileSource } from "../files/fileSource.js";
import { inputError, quote } from "../files/inputError.js";
import { isJsonObject, parseJsonObject } from "../files/strictJson.js";
import type { Checkpoint, CheckpointTensor } from "./checkpoint.js";

const INDEX_BYTES_MAX = 100_000_000;
const SHARDS_MAX = 1024;

/**
 * Reads a Hugging Face shard index, `{"metadata": {...}, "weight_map": {tensor: file}}`, and opens its files, which
 * must lie beside it. The checkpoint holds the tensors that the index lists; `metadata` is the index's with the shards'
 * own merged in.
 * @throws InputError SHARD_INDEX_*, and whatever opening a shard rejects with
 */
export async function readShardIndex(
  file: FileSource,
  openFile: (path: string) => Promise<Checkpoint>,
): Promise<Checkpoint> {
  if (file.size > INDEX_BYTES_MAX) {
    throw inputError(file.path, "SHARD_INDEX_TOO_LARGE", `the index takes ${file.size} bytes`, {
      expected: `at most ${INDEX_BYTES_MAX}`,
    });
  }
  const index = parseJsonObject(await file.readAt(0, file.size), file.path, "SHARD_INDEX");
  await file.close();
  const weightMap = index.weight_map;
  if (!isJsonObject(weightMap)) {
    throw inputError(file.path, "SHARD_INDEX_NO_WEIGHT_MAP", "there is no weight_map", {
      where: "weight_map",
      expected: "a file name for each tensor name",
    });
  }
  const shards = new Map<string, Checkpoint>();
  const close = async () => {
    await Promise.all([...shards.values()].map((shard) => shard.close()));
  };
  try {
    const tensors = new Map<string, CheckpointTensor>();
    for (const [name, shardName] of Object.entries(weightMap)) {
      const shard =
        shards.get(checkedName(file.path, name, shardName)) ??
        (await openShard(file.path, shardName as string, shards, openFile));
      const tensor = shard.tensors.get(name);
      if (tensor === undefined) {
        throw inputError(
          file.path,
          "SHARD_INDEX_TENSOR_MISSING",
          `${quote(shardName as string)} holds no such tensor`,
          {
            where: `weight_map ${quote(name)}`,
          },
        );
      }
      tensors.set(name, tensor);
    }
    const own = isJsonObject(index.metadata) ? index.metadata : {};
    const metadata = Object.fromEntries(
      [...shards.values()].flatMap((shard) => Object.entries(shard.metadata)).concat(Object.entries(own)),
    );
    return { path: file.path, format: [...shards.values()][0]?.format ?? "safetensors", tensors, metadata, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Only plain file names: an index must not reach outside its folder. */
function checkedName(source: string, tensor: string, shard: unknown): string {
  if (typeof shard !== "string" || shard === "" || shard === "." || shard === ".." || /[/\\\0:]/.test(shard)) {
    throw inputError(
      source,
      "SHARD_INDEX_BAD_FILE_NAME",
      `${typeof shard === "string" ? quote(shard) : "the value"} is not a plain file name`,
      {
        where: `weight_map ${quote(tensor)}`,
        expected: "the name of a file beside the index",
      },
    );
  }
  return shard;
}

async function openShard(
  source: string,
  name: string,
  shards: Map<string, Checkpoint>,
  openFile: (path: string) => Promise<Checkpoint>,
): Promise<Checkpoint> {
  if (shards.size >= SHARDS_MAX) {
    throw inputError(source, "SHARD_INDEX_TOO_MANY_FILES", `more than ${SHARDS_MAX} files are listed`, {
      where: "weight_map",
      expected: `at most ${SHARDS_MAX}`,
    });
  }
  const shard = await openFile(join(dirname(source), name));
  shards.set(name, shard);
  const first = [...shards.values()][0];
  if (first !== undefined && first.format !== shard.format) {
    throw inputError(
      source,
      "SHARD_INDEX_MIXED_FORMATS",
      `${quote(name)} is ${shard.format}, the first file ${first.format}`,
      {
        where: "weight_map",
      },
    );
  }
  return shard;
}
