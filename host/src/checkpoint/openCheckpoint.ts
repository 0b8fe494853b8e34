import { endianness } from "node:os";
import { FileSource, isFolder } from "../files/fileSource.js";
import { inputError } from "../files/inputError.js";
import type { Checkpoint } from "./checkpoint.js";
import { readGguf } from "./gguf.js";
import { joinGgufParts } from "./ggufSplit.js";
import { readHuggingFaceFolder } from "./huggingFaceFolder.js";
import { MAX_HEADER_BYTES, readSafetensors } from "./safetensors.js";
import { readShardIndex } from "./shards.js";
import { readTorch } from "./torch.js";
import { LEGACY_MAGIC, readLegacyTorch } from "./torchLegacy.js";

/**
 * Opens a checkpoint by what the file holds, not by its extension: safetensors (one file or a shard index), GGUF, a
 * torch state_dict, or a Hugging Face folder. Headers are validated completely, so every tensor listed can be read. The
 * file is only ever read, never executed.
 * @throws InputError when the path cannot be read or its content is not a valid checkpoint
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  if (endianness() !== "LE")
    throw new Error("checkpoints are read through little-endian typed arrays; this machine is big-endian");
  if (await isFolder(path)) return readHuggingFaceFolder(path, openCheckpointFile);
  return openCheckpointFile(path);
}

async function openCheckpointFile(path: string): Promise<Checkpoint> {
  const opened = await openFile(path, (file) => readShardIndex(file, openShard));
  if (opened.format !== "gguf") return opened;
  return joinGgufParts(opened, openShard).catch(async (error: unknown) => {
    await opened.close();
    throw error;
  });
}

/** A shard is no index in turn: an index could list itself. */
function openShard(path: string): Promise<Checkpoint> {
  return openFile(path, (file) => {
    throw inputError(file.path, "SHARD_INDEX_NESTED", "a shard index lists another index", {
      expected: "checkpoint files",
    });
  });
}

type ReadIndex = (file: FileSource) => Promise<Checkpoint>;

async function openFile(path: string, readIndex: ReadIndex): Promise<Checkpoint> {
  const file = await FileSource.open(path);
  try {
    return await readByContent(file, readIndex);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A tar archive says so in its first header: POSIX 1003.1, ustar interchange format. */
async function isTorchTar(file: FileSource): Promise<boolean> {
  return file.size >= 512 && Buffer.from(await file.readAt(257, 5)).toString("latin1") === "ustar";
}

const EXPECTED = "a safetensors, GGUF or torch (.pt) file, a model.safetensors.index.json, or a Hugging Face folder";

async function readByContent(file: FileSource, readIndex: ReadIndex): Promise<Checkpoint> {
  const start = Buffer.from(await file.readAt(0, Math.min(16, file.size)));
  const text = start.toString("latin1");
  // Safetensors has no magic number: a length that may be any bytes, then JSON. The other formats' first eight bytes
  // are no plausible length.
  const headerBytes = start.length < 8 ? 0n : start.readBigUInt64LE(0);
  if (text[8] === "{" && headerBytes <= MAX_HEADER_BYTES) return readSafetensors(file);
  if (text.startsWith("GGUF")) return readGguf(file);
  if (text.startsWith("PK\x03\x04") || text.startsWith("PK\x05\x06")) return readTorch(file);
  if (text.startsWith("version https://")) {
    throw inputError(file.path, "CHECKPOINT_GIT_LFS_POINTER", "this is a Git LFS pointer, not the checkpoint", {
      expected: "the file that `git lfs pull` fetches",
    });
  }
  if (text.startsWith(LEGACY_MAGIC)) return readLegacyTorch(file);
  if (await isTorchTar(file)) {
    throw inputError(
      file.path,
      "TORCH_TAR_FORMAT",
      "this is a tar archive, torch's format from before version 0.1.10",
      {
        expected: "a file of a later torch: load it in Python and save model.state_dict() anew",
      },
    );
  }
  if (start[0] === 0x80 && (start[1] ?? 0xff) <= 5) {
    throw inputError(file.path, "TORCH_PLAIN_PICKLE", "this is a plain pickle, which can run code when loaded", {
      expected: EXPECTED,
    });
  }
  if (text[0] === "{") return readIndex(file);
  // A length beyond the limit: the reader says so.
  if (text[8] === "{") return readSafetensors(file);
  throw inputError(
    file.path,
    "CHECKPOINT_UNKNOWN_FORMAT",
    file.size === 0 ? "the file is empty" : "the first bytes belong to no known checkpoint format",
    {
      where: "byte 0",
      expected: EXPECTED,
    },
  );
}
