import type { FileSource } from "../files/fileSource.js";
import { inputError, quote } from "../files/inputError.js";
import { ZipArchive, type ZipEntry } from "../files/zip.js";
import type { Checkpoint } from "./checkpoint.js";
import { unpickle } from "./pickle.js";
import { readStorageId, TORCH_GLOBALS, TORCH_REFUSED } from "./torchGlobals.js";
import { torchCheckpoint } from "./torchTensors.js";

const PICKLE_BYTES_MAX = 1 << 26;

/**
 * Reads a state_dict saved by `torch.save` (version 1.6 and later): a zip of `data.pkl`, whose pickle is interpreted
 * against an allow-list, and one `data/N` record for each storage. Tensors may share storages and have any strides;
 * their data is read when asked for.
 * @throws InputError TORCH_*, PICKLE_*, ZIP_*
 */
export async function readTorch(file: FileSource): Promise<Checkpoint> {
  const zip = await ZipArchive.open(file);
  const pickle = findPickle(file.path, zip);
  const folder = pickle.name.slice(0, -"data.pkl".length);
  await checkByteOrder(zip, folder);
  if (pickle.bytes > PICKLE_BYTES_MAX) {
    throw inputError(file.path, "TORCH_PICKLE_TOO_LARGE", `data.pkl takes ${pickle.bytes} bytes`, {
      expected: `at most ${PICKLE_BYTES_MAX}`,
    });
  }
  const root = unpickle(await zip.read(pickle), {
    source: file.path,
    what: pickle.name,
    globals: TORCH_GLOBALS,
    refused: TORCH_REFUSED,
    persistentLoad: (id, reject) => {
      const storage = readStorageId(id, reject);
      const record = zip.entries.get(`${folder}data/${storage.key}`);
      if (record === undefined)
        return reject(
          "TORCH_BAD_STORAGE",
          `the archive has no record ${quote(`${folder}data/${storage.key}`)}`,
          "a complete file",
        );
      if (record.bytes < storage.bytes)
        return reject(
          "TORCH_BAD_STORAGE",
          `storage ${quote(storage.key)} has ${record.bytes} bytes`,
          `${storage.bytes} bytes`,
        );
      return storage;
    },
  });
  return torchCheckpoint(file, root, (key) => {
    const record = zip.entries.get(`${folder}data/${key}`) as ZipEntry;
    return { bytes: record.bytes, read: (offset, length) => zip.read(record, offset, length) };
  });
}

function findPickle(source: string, zip: ZipArchive): ZipEntry {
  const found = [...zip.entries.values()].filter(({ name }) => /^([^/]*\/)?data\.pkl$/.test(name));
  const [pickle] = found;
  if (pickle === undefined || found.length > 1) {
    throw inputError(
      source,
      "TORCH_NO_PICKLE",
      pickle === undefined ? "the zip holds no data.pkl" : "the zip holds more than one data.pkl",
      {
        expected: "a file written by torch.save",
      },
    );
  }
  const folder = pickle.name.slice(0, -"data.pkl".length);
  if (zip.entries.has(`${folder}constants.pkl`)) {
    throw inputError(source, "TORCH_SCRIPT_ARCHIVE", "this is a TorchScript archive, which holds code", {
      expected: "a state_dict: torch.save(torch.jit.load(path).state_dict(), new_path)",
    });
  }
  return pickle;
}

async function checkByteOrder(zip: ZipArchive, folder: string): Promise<void> {
  const entry = zip.entries.get(`${folder}byteorder`);
  if (entry === undefined) return;
  const order = entry.bytes <= 16 ? new TextDecoder().decode(await zip.read(entry)) : "";
  if (order === "little") return;
  throw inputError(
    zip.file.path,
    "TORCH_BYTE_ORDER",
    order === "big" ? "the file was saved on a big-endian machine" : "its byteorder record is damaged",
    {
      where: `entry ${quote(entry.name)}`,
      expected: "little; load and save it again on a little-endian machine",
    },
  );
}
