import { createHash } from "node:crypto";
import { Encoder } from "cbor-x";
import { InputError } from "synapse-engine/errors";
import { isConstant, type PackHeader } from "../format/header.js";
import { ALIGNMENT, MAGIC, PREFIX_BYTES, SHA256_OFFSET, VERSION_MAJOR } from "../format/layout.js";
import { limits } from "../format/limits.js";
import { minorVersion } from "../format/minorVersion.js";
import { roundUp } from "../format/roundUp.js";

/** Bytes of the file; `offset` is a multiple of 64 from the first blob. */
export interface Blob {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

// Plain CBOR: no record structures, definite and shortest lengths, byte strings without a tag.
const encoder = new Encoder({ useRecords: false, variableMapSize: true, tagUint8Array: false, structuredClone: false });

/**
 * Writes a `.syn` file. Offsets of constants in `header` count from the first blob; the file has them from its start.
 * Throws InputError `PACK_TOO_LARGE` when a size does not fit the format.
 */
export function writePack(header: PackHeader, blobs: readonly Blob[], source = "pack"): Uint8Array<ArrayBuffer> {
  const { headerBytes, blobsOffset } = layHeader(header, source);
  const fileBytes = blobs.reduce(
    (end, blob) => Math.max(end, blobsOffset + blob.offset + blob.bytes.length),
    blobsOffset,
  );
  if (fileBytes > limits.file_bytes_max)
    throw tooLarge(source, `the file would have ${fileBytes} bytes`, "at most 4,294,967,295: smaller types");
  const file = new Uint8Array(fileBytes);
  const view = new DataView(file.buffer);
  file.set(MAGIC, 0);
  view.setUint16(8, VERSION_MAJOR, true);
  view.setUint16(10, minorVersion(header), true);
  view.setUint32(12, headerBytes.length, true);
  view.setUint32(16, fileBytes, true);
  view.setUint32(20, blobsOffset, true);
  file.set(headerBytes, PREFIX_BYTES);
  for (const blob of blobs) file.set(blob.bytes, blobsOffset + blob.offset);
  file.set(packDigest(file), SHA256_OFFSET);
  return file;
}

/** SHA-256 over everything but the digest itself. */
export function packDigest(file: Uint8Array): Uint8Array {
  return createHash("sha256").update(file.subarray(0, SHA256_OFFSET)).update(file.subarray(PREFIX_BYTES)).digest();
}

/**
 * Offsets depend on the header's length and it on their digits: from below, the smallest blobs offset that agrees with
 * itself is found.
 */
function layHeader(header: PackHeader, source: string): { headerBytes: Uint8Array; blobsOffset: number } {
  let blobsOffset = 0;
  for (;;) {
    const at = blobsOffset;
    const tensors = header.tensors.map((tensor) =>
      isConstant(tensor) ? { ...tensor, offset: tensor.offset + at } : tensor,
    );
    const headerBytes = encoder.encode(inOrder({ ...header, tensors }));
    if (headerBytes.length > limits.header_bytes_max) {
      throw tooLarge(
        source,
        `the header would have ${headerBytes.length} bytes`,
        `at most ${limits.header_bytes_max}: fewer layers or shorter meta`,
      );
    }
    const needed = roundUp(PREFIX_BYTES + headerBytes.length, ALIGNMENT);
    if (needed === blobsOffset) return { headerBytes: Uint8Array.from(headerBytes), blobsOffset };
    blobsOffset = needed;
  }
}

/** The optional keys last, so that equal headers have equal bytes however they were put together. */
function inOrder({ golden, meta, ...others }: PackHeader): PackHeader {
  return { ...others, ...(golden === undefined ? {} : { golden }), ...(meta === undefined ? {} : { meta }) };
}

function tooLarge(source: string, message: string, expected: string): InputError {
  return new InputError({ code: "PACK_TOO_LARGE", source, message, expected });
}
