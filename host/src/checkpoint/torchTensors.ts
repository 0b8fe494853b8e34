import type { FileSource } from "../files/fileSource.js";
import { inputError, quote } from "../files/inputError.js";
import type { Checkpoint, CheckpointTensor } from "./checkpoint.js";
import { elementCount, SCALAR_BYTES } from "./dtypes.js";
import { gather, isContiguous } from "./strided.js";
import { toF32 } from "./toF32.js";
import { type PlainNumbers, TorchView } from "./torchGlobals.js";
import { findStateDicts, type Views } from "./torchStateDict.js";

/** The bytes of a storage, wherever a file keeps them. */
export interface StorageBytes {
  readonly bytes: number;
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * A checkpoint of what was unpickled from `file`. Every storage that a view refers to has been checked to be there,
 * with all its bytes.
 */
export function torchCheckpoint(file: FileSource, root: unknown, storageOf: (key: string) => StorageBytes): Checkpoint {
  const { dicts, usual, metadata } = findStateDicts(file.path, root);
  const tensorsOf = (views: Views) =>
    new Map(
      [...views].map(([name, view]) => [
        name,
        view instanceof TorchView ? tensor(file, name, view, storageOf(view.storage.key)) : plainTensor(name, view),
      ]),
    );
  const stateDicts = new Map([...dicts].map(([path, views]) => [path, tensorsOf(views)]));
  return {
    path: file.path,
    format: "torch",
    tensors: stateDicts.get(usual) as ReadonlyMap<string, CheckpointTensor>,
    stateDicts,
    stateDict: usual,
    metadata,
    close: () => file.close(),
  };
}

function plainTensor(name: string, { shape, values }: PlainNumbers): CheckpointTensor {
  const read = async () => new Uint8Array(Float64Array.from(values).buffer);
  return { name, dtype: "F64", shape, bytes: 8 * values.length, read, readF32: async () => Float32Array.from(values) };
}

function tensor(file: FileSource, name: string, view: TorchView, storage: StorageBytes): CheckpointTensor {
  const { dtype, shape, strides } = view;
  const itemBytes = SCALAR_BYTES.get(dtype) as number;
  const bytes = (elementCount(shape) as number) * itemBytes;
  if (bytes > Math.max(file.size, storage.bytes)) {
    // Strides of 0 repeat elements, so a few bytes could claim any size.
    throw inputError(file.path, "TORCH_TENSOR_EXPANDED", `strides repeat ${storage.bytes} stored bytes into ${bytes}`, {
      where: `tensor ${quote(name)}`,
      expected: "no more bytes than the file has; call .contiguous() before saving",
    });
  }
  const read = async () => {
    if (bytes === 0) return new Uint8Array(0);
    const start = view.offset * itemBytes;
    if (isContiguous(shape, strides)) return storage.read(start, bytes);
    const spanElements = shape.reduce((last, size, i) => last + (size - 1) * (strides[i] as number), 0) + 1;
    return gather(await storage.read(start, spanElements * itemBytes), itemBytes, shape, strides);
  };
  return { name, dtype, shape, bytes, read, readF32: async () => toF32(dtype, await read(), file.path, name) };
}
