import type { FileSource } from "../files/fileSource.js";
import { inputError, quote } from "../files/inputError.js";
import type { Checkpoint } from "./checkpoint.js";
import { SCALAR_BYTES } from "./dtypes.js";
import { type PickleOptions, unpickleNext } from "./pickle.js";
import { readStorageId, TORCH_GLOBALS, TORCH_REFUSED, type TorchStorage } from "./torchGlobals.js";
import { type StorageBytes, torchCheckpoint } from "./torchTensors.js";

const PICKLES_BYTES_MAX = 1 << 26;
const COUNT_BYTES = 8;
const PROTOCOL_VERSION = 1001;

/** How the format begins: its magic number, pickled. */
export const LEGACY_MAGIC = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

/**
 * Reads a state_dict as `torch.save` wrote it before version 1.6, and still does when asked to: five pickles (magic
 * number, protocol, sizes of the machine's types, the object, the keys of its storages), then for each key a count of
 * elements and the storage's bytes. The pickles are interpreted against the same allow-list as those of a zip. Layout:
 * `_legacy_save` of torch/serialization.py.
 * @throws InputError TORCH_*, PICKLE_*
 */
export async function readLegacyTorch(file: FileSource): Promise<Checkpoint> {
  const head = await file.readAt(0, Math.min(file.size, PICKLES_BYTES_MAX));
  const storages = new Map<string, TorchStorage>();
  const options = (what: string): PickleOptions => ({
    source: file.path,
    what,
    globals: TORCH_GLOBALS,
    refused: TORCH_REFUSED,
    persistentLoad: (id, reject) => {
      const storage = readStorageId(id, reject);
      const known = storages.get(storage.key);
      if (known !== undefined && (known.dtype !== storage.dtype || known.bytes !== storage.bytes))
        return reject("TORCH_BAD_STORAGE", `storage ${quote(storage.key)} is described twice, differently`);
      storages.set(storage.key, storage);
      return storage;
    },
  });
  let at = 0;
  const next = (what: string): unknown => {
    const { value, bytes } = unpickleNext(head.subarray(at), options(what));
    at += bytes;
    return value;
  };
  next("the magic number");
  const version = next("the protocol version");
  if (version !== PROTOCOL_VERSION)
    throw inputError(file.path, "TORCH_LEGACY_VERSION", `the protocol version is ${String(version)}`, {
      expected: `${PROTOCOL_VERSION}`,
    });
  checkMachine(file.path, next("the machine's types"));
  const root = next("the object");
  const places = readPlaces(file, next("the storages' keys"), storages, at);
  return torchCheckpoint(file, root, (key) => places.get(key) as StorageBytes);
}

function checkMachine(source: string, machine: unknown): void {
  if (machine instanceof Map && machine.get("little_endian") === true) return;
  throw inputError(source, "TORCH_BYTE_ORDER", "the file was saved on a big-endian machine, or does not say on which", {
    expected: "little; load and save it again on a little-endian machine",
  });
}

/**
 * Where each storage's bytes are: they follow one another in the order of the keys, each behind its count of elements.
 */
function readPlaces(
  file: FileSource,
  keys: unknown,
  storages: ReadonlyMap<string, TorchStorage>,
  start: number,
): Map<string, StorageBytes> {
  const places = new Map<string, StorageBytes>();
  let at = start;
  for (const key of Array.isArray(keys) ? keys : []) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    if (storage === undefined || places.has(storage.key))
      throw damaged(
        file,
        at,
        `the list of storages has ${quote(String(key))}, which no tensor refers to, or which stands there twice`,
      );
    if (at + COUNT_BYTES + storage.bytes > file.size)
      throw damaged(
        file,
        at,
        `storage ${quote(storage.key)} takes ${storage.bytes} bytes, which the file does not hold`,
      );
    const count = new DataView(file.readAtSync(at, COUNT_BYTES).buffer).getBigUint64(0, true);
    const elements = storage.bytes / (storage.dtype === undefined ? 1 : (SCALAR_BYTES.get(storage.dtype) as number));
    if (count !== BigInt(elements))
      throw damaged(file, at, `storage ${quote(storage.key)} has ${count} elements, its tensors say ${elements}`);
    const from = at + COUNT_BYTES;
    places.set(storage.key, { bytes: storage.bytes, read: (offset, length) => file.readAt(from + offset, length) });
    at = from + storage.bytes;
  }
  const missing = [...storages.keys()].find((key) => !places.has(key));
  if (missing !== undefined) throw damaged(file, at, `storage ${quote(missing)} is not in the list of storages`);
  return places;
}

function damaged(file: FileSource, at: number, message: string) {
  return inputError(file.path, "TORCH_BAD_STORAGE", message, { where: `byte ${at}`, expected: "a complete file" });
}
