import type { FileSource } from "../files/fileSource.js";
import { inputError, quote } from "../files/inputError.js";
import type { Checkpoint, CheckpointTensor } from "./checkpoint.js";
import { elementCount } from "./dtypes.js";
import { GGML_TYPES_BY_ID, type GgmlType, REMOVED } from "./ggmlTypes.js";
import { GgufCursor } from "./ggufCursor.js";
import { GGUF_LIMITS, readKeyValues } from "./ggufValues.js";
import { toF32 } from "./toF32.js";

const TENSORS_MAX = 1 << 20;
const NAME_BYTES_MAX = 1024;
const DIMENSIONS_MAX = 4;
const ALIGNMENT_DEFAULT = 32;

interface TensorInfo {
  readonly name: string;
  readonly type: GgmlType;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Reads the header of a GGUF file, version 2 or 3, little-endian. Tensor data is read when asked for; `read` answers
 * ggml's blocks untouched. Specification: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 * @throws InputError GGUF_*
 */
export async function readGguf(file: FileSource): Promise<Checkpoint> {
  const cursor = new GgufCursor(file, 4);
  checkVersion(cursor);
  const tensorCount = cursor.size("the number of tensors", TENSORS_MAX);
  const keyValueCount = cursor.size("the number of key/values", GGUF_LIMITS.keyValues);
  const values = readKeyValues(cursor, keyValueCount);
  const infos: TensorInfo[] = [];
  for (let i = 0; i < tensorCount; i++) infos.push(readTensorInfo(cursor));
  const alignment = readAlignment(file.path, values.get("general.alignment"));
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  checkLayout(file, infos, alignment, dataStart);
  const tensors = new Map<string, CheckpointTensor>();
  for (const info of infos) {
    if (tensors.has(info.name))
      throw inputError(file.path, "GGUF_DUPLICATE_TENSOR", "the name occurs twice", {
        where: `tensor ${quote(info.name)}`,
      });
    tensors.set(info.name, tensor(file, info, dataStart));
  }
  return { path: file.path, format: "gguf", tensors, metadata: Object.fromEntries(values), close: () => file.close() };
}

function tensor(
  file: FileSource,
  { name, type, shape, offset, bytes }: TensorInfo,
  dataStart: number,
): CheckpointTensor {
  const read = () => file.readAt(dataStart + offset, bytes);
  return {
    name,
    dtype: type.name,
    shape,
    bytes,
    read,
    readF32: async () => toF32(type.name, await read(), file.path, name),
  };
}

function checkVersion(cursor: GgufCursor): void {
  const version = cursor.u32();
  if (version === 2 || version === 3) return;
  if (version === 0x02000000 || version === 0x03000000) {
    throw cursor.fail(
      "GGUF_BIG_ENDIAN",
      "the file is big-endian",
      "a little-endian file; convert it with gguf-py's gguf_convert_endian.py",
    );
  }
  throw cursor.fail(
    "GGUF_UNSUPPORTED_VERSION",
    `the version is ${version}`,
    "version 2 or 3; write the file anew with a current llama.cpp",
  );
}

function readTensorInfo(cursor: GgufCursor): TensorInfo {
  const name = cursor.string("a tensor's name", NAME_BYTES_MAX);
  const dimensions = cursor.u32();
  if (dimensions > DIMENSIONS_MAX) {
    throw cursor.fail(
      "GGUF_BAD_SHAPE",
      `tensor ${quote(name)} has ${dimensions} dimensions`,
      `at most ${DIMENSIONS_MAX}`,
    );
  }
  const shape: number[] = [];
  for (let i = 0; i < dimensions; i++)
    shape.unshift(cursor.size(`a dimension of tensor ${quote(name)}`, Number.MAX_SAFE_INTEGER));
  const elements = elementCount(shape);
  if (elements === undefined || elements === 0) {
    throw cursor.fail(
      "GGUF_BAD_SHAPE",
      `tensor ${quote(name)} has the shape [${shape.join(", ")}]`,
      "dimensions from 1, with a product below 2^53",
    );
  }
  const id = cursor.u32();
  const type = GGML_TYPES_BY_ID.get(id);
  if (type === undefined) {
    const removed = REMOVED.get(id);
    throw cursor.fail(
      "GGUF_UNKNOWN_TENSOR_TYPE",
      `tensor ${quote(name)} has the ggml type ` +
        (removed === undefined
          ? `${id}, which this program does not know`
          : `${id} (${removed}), which ggml has removed`),
      removed === undefined
        ? `ggml types up to ${Math.max(...GGML_TYPES_BY_ID.keys())}`
        : "a file that was written anew with a current llama.cpp",
    );
  }
  const rowLength = shape.at(-1) ?? 1;
  if (rowLength % type.blockElements !== 0) {
    throw cursor.fail(
      "GGUF_BAD_SHAPE",
      `tensor ${quote(name)} has rows of ${rowLength} values`,
      `a multiple of ${type.blockElements}, the block of ${type.name}`,
    );
  }
  // Divided first, so that the product is exact wherever it could lie inside a file.
  const bytes = (elements / type.blockElements) * type.blockBytes;
  const offset = cursor.size(`the offset of tensor ${quote(name)}`, cursor.file.size);
  return { name, type, shape, offset, bytes };
}

function readAlignment(source: string, value: unknown): number {
  if (value === undefined) return ALIGNMENT_DEFAULT;
  if (
    typeof value !== "number" ||
    !Number.isInteger(value) ||
    value < 1 ||
    value > 2 ** 31 ||
    (value & (value - 1)) !== 0
  ) {
    throw inputError(
      source,
      "GGUF_BAD_ALIGNMENT",
      `the alignment is ${typeof value === "number" ? value : "no number"}`,
      {
        where: "general.alignment",
        expected: "a power of 2",
      },
    );
  }
  return value;
}

function checkLayout(file: FileSource, infos: readonly TensorInfo[], alignment: number, dataStart: number): void {
  let end = 0;
  for (const { name, type, shape, offset, bytes } of [...infos].sort((a, b) => a.offset - b.offset)) {
    const where = `tensor ${quote(name)}`;
    if (offset % alignment !== 0) {
      throw inputError(file.path, "GGUF_MISALIGNED", `the offset is ${offset}`, {
        where,
        expected: `a multiple of the alignment, ${alignment}`,
      });
    }
    if (bytes > file.size - dataStart - offset) {
      const shown =
        `${type.name} [${shape.join(", ")}] takes ${bytes} bytes from ${offset}, the file holds ` +
        `${Math.max(0, file.size - dataStart)} bytes of data`;
      throw inputError(file.path, "GGUF_TENSOR_OUT_OF_FILE", shown, { where, expected: "a complete file" });
    }
    if (offset < end)
      throw inputError(file.path, "GGUF_OVERLAP", "the data overlaps another tensor's", {
        where,
        expected: `an offset from ${end}`,
      });
    end = offset + bytes;
  }
}
