import type { Checkpoint, CheckpointTensor } from "./checkpoint.js";
import { elementCount, SCALAR_BYTES } from "./dtypes.js";
import { inputError, quote } from "./errors.js";
import type { FileSource } from "./fileSource.js";
import { unpickle } from "./pickle.js";
import { gather, isContiguous } from "./strided.js";
import { toF32 } from "./toF32.js";
import { readStorageId, TORCH_GLOBALS, type TorchView } from "./torchGlobals.js";
import { findStateDict } from "./torchStateDict.js";
import { ZipArchive, type ZipEntry } from "./zip.js";

const PICKLE_BYTES_MAX = 1 << 26;

/**
 * Reads a state_dict saved by `torch.save` (version 1.6 and later): a zip of `data.pkl`, whose pickle is interpreted against an allow-list, and one
 * `data/N` record for each storage. Tensors may share storages and have any strides; their data is read when asked for.
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
    persistentLoad: (id, reject) => {
      const storage = readStorageId(id, reject);
      const record = zip.entries.get(`${folder}data/${storage.key}`);
      if (record === undefined)
        return reject("TORCH_BAD_STORAGE", `the archive has no record ${quote(`${folder}data/${storage.key}`)}`, "a complete file");
      if (record.bytes < storage.bytes)
        return reject("TORCH_BAD_STORAGE", `storage ${quote(storage.key)} has ${record.bytes} bytes`, `${storage.bytes} bytes`);
      return storage;
    },
  });
  const state = findStateDict(file.path, root);
  const tensors = new Map<string, CheckpointTensor>();
  for (const [name, view] of state.tensors) {
    const record = zip.entries.get(`${folder}data/${view.storage.key}`) as ZipEntry;
    tensors.set(name, tensor(zip, name, view, record));
  }
  return { path: file.path, format: "torch", tensors, metadata: state.metadata, close: () => file.close() };
}

function tensor(zip: ZipArchive, name: string, view: TorchView, record: ZipEntry): CheckpointTensor {
  const { dtype, shape, strides } = view;
  const itemBytes = SCALAR_BYTES.get(dtype) as number;
  const bytes = (elementCount(shape) as number) * itemBytes;
  const source = zip.file.path;
  if (bytes > Math.max(zip.file.size, record.bytes)) {
    // Strides of 0 repeat elements, so a few bytes could claim any size.
    throw inputError(source, "TORCH_TENSOR_EXPANDED", `strides repeat ${record.bytes} stored bytes into ${bytes}`, {
      where: `tensor ${quote(name)}`,
      expected: "no more bytes than the file has; call .contiguous() before saving",
    });
  }
  const read = async () => {
    if (bytes === 0) return new Uint8Array(0);
    const start = view.offset * itemBytes;
    if (isContiguous(shape, strides)) return zip.read(record, start, bytes);
    const spanElements = shape.reduce((last, size, i) => last + (size - 1) * (strides[i] as number), 0) + 1;
    return gather(await zip.read(record, start, spanElements * itemBytes), itemBytes, shape, strides);
  };
  return { name, dtype, shape, bytes, read, readF32: async () => toF32(dtype, await read(), source, name) };
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
