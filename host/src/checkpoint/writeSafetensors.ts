import { atomicWriteWith } from "../files/atomicWrite.js";
import { inputError, quote } from "../files/inputError.js";
import { elementCount, SCALAR_BYTES } from "./dtypes.js";
import { MAX_HEADER_BYTES } from "./safetensors.js";

/** A tensor to write: `data` holds its little-endian values, row-major. */
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView;
}

/**
 * Writes a safetensors file. It appears under `path` complete or not at all. Tensors are laid out like the reference
 * writer's, wider types first and then by name, so that every tensor is aligned to its type.
 * @throws InputError SAFETENSORS_* when the tensors cannot be written as given, WRITE_FAILED when the file cannot
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const ordered = [...tensors].sort(
    (a, b) => itemBytes(b) - itemBytes(a) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  );
  const header = encodeHeader(path, ordered, metadata);
  await atomicWriteWith(path, async (file) => {
    await file.writeFile(header);
    for (const { data } of ordered) await file.writeFile(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  });
}

function itemBytes(tensor: TensorToWrite): number {
  return SCALAR_BYTES.get(tensor.dtype) ?? 0;
}

function encodeHeader(
  path: string,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const entries: [string, unknown][] = Object.keys(metadata).length === 0 ? [] : [["__metadata__", metadata]];
  const names = new Set(["__metadata__"]);
  let at = 0;
  for (const tensor of tensors) {
    const { name, dtype, shape, data } = tensor;
    const where = `tensor ${quote(name)}`;
    if (names.has(name))
      throw inputError(path, "SAFETENSORS_DUPLICATE_NAME", "the name is taken", { where, expected: "distinct names" });
    names.add(name);
    const bytes = (elementCount(shape) ?? Number.NaN) * itemBytes(tensor);
    if (itemBytes(tensor) === 0)
      throw inputError(path, "SAFETENSORS_UNKNOWN_DTYPE", `the dtype ${quote(dtype)} is not known`, {
        where,
        expected: [...SCALAR_BYTES.keys()].join(", "),
      });
    if (bytes !== data.byteLength) {
      throw inputError(
        path,
        "SAFETENSORS_SIZE_MISMATCH",
        `${data.byteLength} bytes of data, ${dtype} [${shape.join(", ")}] takes ${bytes}`,
        { where },
      );
    }
    entries.push([name, { dtype, shape, data_offsets: [at, at + bytes] }]);
    at += bytes;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const padded = Math.ceil(json.length / 8) * 8;
  if (padded > MAX_HEADER_BYTES)
    throw inputError(path, "SAFETENSORS_HEADER_TOO_LARGE", `the header takes ${padded} bytes`, {
      expected: `at most ${MAX_HEADER_BYTES}`,
    });
  const header = new Uint8Array(8 + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(json, 8);
  return header;
}
