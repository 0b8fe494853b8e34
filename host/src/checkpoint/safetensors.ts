import type { FileSource } from "../files/fileSource.js";
import { inputError, quote } from "../files/inputError.js";
import { isJsonObject, parseJsonObject } from "../files/strictJson.js";
import type { Checkpoint, CheckpointTensor } from "./checkpoint.js";
import { elementCount, RANK_MAX, SCALAR_BYTES } from "./dtypes.js";
import { toF32 } from "./toF32.js";

/** The limit of the reference implementation. */
export const MAX_HEADER_BYTES = 100_000_000;

/** Types of the format whose elements are no whole bytes. */
const SUB_BYTE: ReadonlySet<string> = new Set(["F4", "F6_E2M3", "F6_E3M2"]);

interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * Reads the header of a safetensors file: u64 header length, JSON header, data. As the format demands, the tensors must
 * cover the data without overlap, hole or remainder. Tensor data is read when asked for. Specification: https://github.com/huggingface/safetensors#format
 * @throws InputError SAFETENSORS_*
 */
export async function readSafetensors(file: FileSource): Promise<Checkpoint> {
  const prefix = new DataView((await file.readAt(0, 8)).buffer);
  const declared = prefix.getBigUint64(0, true);
  if (declared > BigInt(MAX_HEADER_BYTES)) {
    throw inputError(file.path, "SAFETENSORS_HEADER_TOO_LARGE", `the header claims ${declared} bytes`, {
      where: "byte 0",
      expected: `at most ${MAX_HEADER_BYTES}`,
    });
  }
  const headerBytes = Number(declared);
  if (headerBytes > file.size - 8) {
    throw inputError(
      file.path,
      "SAFETENSORS_HEADER_TRUNCATED",
      `the header claims ${headerBytes} bytes, the file has ${file.size} bytes in all`,
      {
        where: "byte 0",
        expected: "a complete file",
      },
    );
  }
  const header = parseJsonObject(await file.readAt(8, headerBytes), file.path, "SAFETENSORS_HEADER");
  const metadata = readMetadata(file.path, header.__metadata__);
  const entries = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, info]) => readEntry(file.path, name, info));
  const dataStart = 8 + headerBytes;
  checkCoverage(file.path, entries, file.size - dataStart);
  return {
    path: file.path,
    format: "safetensors",
    tensors: new Map(entries.map((entry) => [entry.name, tensor(file, entry, dataStart)])),
    metadata,
    close: () => file.close(),
  };
}

function tensor(file: FileSource, { name, dtype, shape, begin, end }: Entry, dataStart: number): CheckpointTensor {
  const read = () => file.readAt(dataStart + begin, end - begin);
  return {
    name,
    dtype,
    shape,
    bytes: end - begin,
    read,
    readF32: async () => toF32(dtype, await read(), file.path, name),
  };
}

function readMetadata(source: string, value: unknown): Record<string, string> {
  // The reference implementation writes no null, and reads it as nothing.
  if (value === undefined || value === null) return {};
  if (!isJsonObject(value) || Object.values(value).some((text) => typeof text !== "string")) {
    throw inputError(source, "SAFETENSORS_BAD_METADATA", "__metadata__ holds something that is not a string", {
      where: "__metadata__",
      expected: "strings by name",
    });
  }
  return value as Record<string, string>;
}

function readEntry(source: string, name: string, info: unknown): Entry {
  const where = `tensor ${quote(name)}`;
  if (!isJsonObject(info))
    throw inputError(source, "SAFETENSORS_BAD_ENTRY", "the entry is not an object", {
      where,
      expected: "dtype, shape and data_offsets",
    });
  const { dtype, shape, data_offsets: offsets } = info;
  const itemBytes = typeof dtype === "string" ? SCALAR_BYTES.get(dtype) : undefined;
  if (typeof dtype !== "string" || itemBytes === undefined) {
    const shown =
      typeof dtype !== "string"
        ? "the dtype is missing or no string"
        : SUB_BYTE.has(dtype)
          ? `the dtype ${dtype} packs several numbers into a byte, which means nothing without the scales beside it`
          : `the dtype ${quote(dtype)} is not known`;
    throw inputError(source, "SAFETENSORS_UNKNOWN_DTYPE", shown, {
      where,
      expected: [...SCALAR_BYTES.keys()].join(", "),
    });
  }
  const elements = Array.isArray(shape) && shape.length <= RANK_MAX ? elementCount(shape) : undefined;
  if (elements === undefined || elements > Number.MAX_SAFE_INTEGER / itemBytes) {
    throw inputError(source, "SAFETENSORS_BAD_SHAPE", "the shape is not a list of sizes, or its product overflows", {
      where,
      expected: `at most ${RANK_MAX} non-negative integers`,
    });
  }
  if (
    !Array.isArray(offsets) ||
    offsets.length !== 2 ||
    offsets.some((at) => !Number.isSafeInteger(at)) ||
    offsets[0] < 0 ||
    offsets[0] > offsets[1]
  ) {
    throw inputError(source, "SAFETENSORS_BAD_OFFSETS", "data_offsets is not a byte range", {
      where,
      expected: "[begin, end] with begin <= end",
    });
  }
  const [begin, end] = offsets as [number, number];
  if (end - begin !== elements * itemBytes) {
    throw inputError(
      source,
      "SAFETENSORS_SIZE_MISMATCH",
      `data_offsets span ${end - begin} bytes, ${dtype} [${(shape as number[]).join(", ")}] takes ` +
        `${elements * itemBytes}`,
      {
        where,
      },
    );
  }
  return { name, dtype, shape: shape as number[], begin, end };
}

function checkCoverage(source: string, entries: readonly Entry[], dataBytes: number): void {
  let covered = 0;
  // Of ranges with the same begin the empty ones come first, or they would look like overlap.
  for (const entry of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    const where = `tensor ${quote(entry.name)}`;
    if (entry.begin !== covered) {
      const what =
        entry.begin < covered ? "overlaps the one before it" : `leaves ${entry.begin - covered} unused bytes before it`;
      throw inputError(source, "SAFETENSORS_BAD_LAYOUT", `the data ${what}`, {
        where,
        expected: `data that begins at ${covered}`,
      });
    }
    if (entry.end > dataBytes) {
      throw inputError(
        source,
        "SAFETENSORS_TRUNCATED",
        `the data ends at ${entry.end}, the file holds ${dataBytes} bytes of data`,
        {
          where,
          expected: "a complete file",
        },
      );
    }
    covered = entry.end;
  }
  if (covered !== dataBytes) {
    throw inputError(
      source,
      "SAFETENSORS_BAD_LAYOUT",
      `${dataBytes - covered} bytes after the last tensor belong to none`,
      {
        expected: `${covered} bytes of data`,
      },
    );
  }
}
