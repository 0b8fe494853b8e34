import { InputError } from "synapse-engine/errors";
import { decodePlain, type PlainType, plainBytes } from "../compress/plain.js";
import { storageTypes } from "../compress/types/index.js";
import {
  type ActivationHeader,
  type ConstantHeader,
  checkHeader,
  isConstant,
  type OpHeader,
  type PackHeader,
} from "../format/header.js";
import { ALIGNMENT, MAGIC, PREFIX_BYTES, SHA256_OFFSET, VERSION_MAJOR, VERSION_MINOR } from "../format/layout.js";
import { limits } from "../format/limits.js";
import { constantVersion, newInOp } from "../format/minorVersion.js";
import { type OperandUse, operandKeys } from "../format/ops.js";
import { roundUp } from "../format/roundUp.js";
import { splitSignature } from "../format/signatureBlock.js";
import { CborError, decodeStrictCbor } from "../format/strictCbor.js";
import { activationBytes, weightTraits } from "../format/types.js";
import { elements } from "../program/program.js";
import { packDigest } from "./writePack.js";

/** An open pack. The bytes stay the caller's; constants are decoded when asked for. */
export interface ReadPack {
  /** Without a signature. */
  readonly fileBytes: number;
  readonly headerBytes: number;
  readonly blobsOffset: number;
  readonly sha256: string;
  /** The key whose signature follows the pack, which is not checked here. */
  readonly signedBy: string | undefined;
  readonly header: PackHeader;
  /** Whether a tensor is a linear layer's weight, stored in panels. */
  isPanels(tensor: number): boolean;
  /** A constant's stored bytes, without a copy. */
  stored(tensor: number): Uint8Array;
  /** A constant's values, row-major. */
  decode(tensor: number): Float32Array;
}

/**
 * Reads and checks a `.syn` file, of which a signature may follow (signPack.ts checks those): prefix, digest, header,
 * every offset, size and operand number. `source` names it in messages. Throws InputError of a code `PACK_*`. The
 * runtime's own check is stricter about the shapes of ops.
 */
export function readPack(file: Uint8Array, source: string): ReadPack {
  const { pack: bytes, signature } = splitSignature(file);
  const { versionMinor, headerBytes, blobsOffset } = checkPrefix(bytes, source);
  const header = decodeHeader(bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + headerBytes), source);
  const weights = checkOps(header, versionMinor, source);
  header.tensors.forEach((tensor, i) => {
    const where = `tensors[${i}]`;
    if (elements(tensor.shape) > limits.elements_max)
      throw packError(
        source,
        "PACK_TENSOR",
        where,
        `shape [${tensor.shape.join(", ")}] has too many elements`,
        `at most ${limits.elements_max}`,
      );
    if (isConstant(tensor)) {
      checkConstant(tensor, weights.has(i), blobsOffset, bytes.length, where, source);
      checkVersion(tensor, weights.has(i), versionMinor, where, source);
    }
    if (!isConstant(tensor)) checkActivation(tensor, header, where, source);
  });
  const constant = (i: number): ConstantHeader => {
    const tensor = header.tensors[i];
    if (tensor === undefined || !isConstant(tensor)) throw new RangeError(`tensor ${i} is not a constant`);
    return tensor;
  };
  const stored = (i: number) => bytes.subarray(constant(i).offset, constant(i).offset + constant(i).bytes);
  return {
    fileBytes: bytes.length,
    headerBytes,
    blobsOffset,
    signedBy: signature?.keyId,
    sha256: Buffer.from(bytes.subarray(SHA256_OFFSET, PREFIX_BYTES)).toString("hex"),
    header,
    isPanels: (i) => weights.has(i),
    stored,
    decode(i) {
      const { type, shape, scales = "f32" } = constant(i);
      if (weights.has(i)) return storageTypes[type].decode(stored(i), shape[0] as number, shape[1] as number, scales);
      const columns = shape.at(-1) as number;
      return decodePlain(type as PlainType, stored(i), elements(shape) / columns, columns, scales);
    },
  };
}

function packError(
  source: string,
  code: string,
  where: string | undefined,
  message: string,
  expected?: string,
): InputError {
  return new InputError({
    code,
    source,
    message,
    ...(where === undefined ? {} : { where }),
    ...(expected === undefined ? {} : { expected }),
  });
}

interface PackPrefix {
  readonly versionMinor: number;
  readonly headerBytes: number;
  readonly blobsOffset: number;
}

function checkPrefix(bytes: Uint8Array, source: string): PackPrefix {
  const fail = (code: string, offset: number, message: string, expected?: string) =>
    packError(source, code, `byte ${offset}`, message, expected);
  if (bytes.length < PREFIX_BYTES)
    throw fail("PACK_TRUNCATED", bytes.length, `the file has ${bytes.length} bytes`, `a prefix of ${PREFIX_BYTES}`);
  if (MAGIC.some((byte, i) => bytes[i] !== byte))
    throw fail("PACK_MAGIC", 0, "this is not a .syn file", "the magic bytes 89 53 59 4e 0d 0a 1a 0a");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = view.getUint16(8, true);
  const minor = view.getUint16(10, true);
  if (major !== VERSION_MAJOR || minor > VERSION_MINOR) {
    throw fail(
      "PACK_VERSION",
      8,
      `the file has version ${major}.${minor}`,
      `${VERSION_MAJOR}.${VERSION_MINOR}: pack the model again, or update this program`,
    );
  }
  const headerBytes = view.getUint32(12, true);
  const fileBytes = view.getUint32(16, true);
  const blobsOffset = view.getUint32(20, true);
  if (headerBytes < 1 || headerBytes > limits.header_bytes_max)
    throw fail("PACK_PREFIX", 12, `a header of ${headerBytes} bytes`, `1 to ${limits.header_bytes_max}`);
  if (blobsOffset !== roundUp(PREFIX_BYTES + headerBytes, ALIGNMENT)) {
    throw fail("PACK_PREFIX", 20, `blobs at ${blobsOffset}`, String(roundUp(PREFIX_BYTES + headerBytes, ALIGNMENT)));
  }
  if (fileBytes < blobsOffset)
    throw fail("PACK_PREFIX", 16, `a file of ${fileBytes} bytes would end before its blobs`, `at least ${blobsOffset}`);
  if (fileBytes > bytes.length)
    throw fail(
      "PACK_TRUNCATED",
      bytes.length,
      `the file has ${bytes.length} bytes`,
      `${fileBytes}, as its prefix says`,
    );
  if (fileBytes < bytes.length)
    throw fail(
      "PACK_PREFIX",
      fileBytes,
      `${bytes.length - fileBytes} bytes follow the end of the file`,
      `${fileBytes} bytes`,
    );
  if (view.getUint32(24, true) !== 0 || view.getUint32(28, true) !== 0)
    throw fail("PACK_PREFIX", 24, "the reserved bytes are not zero", "0");
  const digest = packDigest(bytes);
  if (digest.some((byte, i) => bytes[SHA256_OFFSET + i] !== byte)) {
    throw fail(
      "PACK_DIGEST",
      SHA256_OFFSET,
      "the bytes are not those that were packed: the SHA-256 differs",
      "an undamaged copy",
    );
  }
  return { versionMinor: minor, headerBytes, blobsOffset };
}

function decodeHeader(bytes: Uint8Array, source: string): PackHeader {
  let value: unknown;
  try {
    value = decodeStrictCbor(bytes, limits.cbor_depth_max);
  } catch (error) {
    if (!(error instanceof CborError)) throw error;
    throw packError(
      source,
      "PACK_CBOR",
      `byte ${PREFIX_BYTES + error.offset}`,
      error.message,
      "a header as docs/format.md describes",
    );
  }
  return checkHeader(value, source);
}

/**
 * Checks that operands and ports exist and are of the right kind; answers the tensors that are weights of linear
 * layers.
 */
function checkOps(header: PackHeader, versionMinor: number, source: string): Set<number> {
  const weights = new Set<number>();
  const others = new Set<number>();
  header.entries.forEach((entry, e) => {
    entry.ops.forEach((op, o) => {
      const where = `entries[${e}].ops[${o}]`;
      const later = versionMinor < 1 ? newInOp(op) : undefined;
      if (later !== undefined)
        throw packError(source, "PACK_OP", `${where}.${later}`, "came with version 1.1", "a file of that version");
      for (const [key, i, use] of operandNumbers(op)) {
        const tensor = header.tensors[i];
        if (tensor === undefined)
          throw packError(
            source,
            "PACK_OP",
            `${where}.${key}`,
            `there is no tensor ${i}`,
            `0 to ${header.tensors.length - 1}`,
          );
        const mustBeConstant = use === "weight" || use === "vector";
        const mustBeActivation = !mustBeConstant && use !== "operand";
        if (isConstant(tensor) ? mustBeActivation : mustBeConstant) {
          throw packError(
            source,
            "PACK_OP",
            `${where}.${key}`,
            `tensor ${i} is ${isConstant(tensor) ? "a constant" : "an activation"}`,
            "the other kind",
          );
        }
        (use === "weight" ? weights : others).add(i);
      }
    });
    for (const [key, ports] of [
      ["inputs", entry.inputs],
      ["outputs", entry.outputs],
    ] as const) {
      ports.forEach((port, p) => {
        const tensor = header.tensors[port.tensor];
        const where = `entries[${e}].${key}[${p}].tensor`;
        if (tensor === undefined || isConstant(tensor) || tensor.stride !== undefined) {
          throw packError(
            source,
            "PACK_PORT",
            where,
            `tensor ${port.tensor} is missing, a constant, or has a stride`,
            "the number of a dense activation",
          );
        }
      });
    }
  });
  for (const i of weights) {
    if (others.has(i))
      throw packError(
        source,
        "PACK_TENSOR",
        `tensors[${i}]`,
        "is a linear weight and used elementwise too",
        "one of the two",
      );
  }
  return weights;
}

/** The tensor numbers of an op with their keys and how it uses them. */
export function operandNumbers(op: OpHeader): [key: string, tensor: number, use: OperandUse][] {
  const fields = op as unknown as Readonly<Record<string, number | undefined>>;
  return operandKeys(op.op).flatMap(([key, use]): [string, number, OperandUse][] => {
    const tensor = fields[key];
    return tensor === undefined ? [] : [[key, tensor, use]];
  });
}

function checkConstant(
  tensor: ConstantHeader,
  panels: boolean,
  blobsOffset: number,
  fileBytes: number,
  where: string,
  source: string,
): void {
  const { type, shape, offset, bytes, scales } = tensor;
  const fail = (message: string, expected?: string) =>
    packError(source, "PACK_TENSOR", where, `"${tensor.name}": ${message}`, expected);
  if (offset < blobsOffset || offset % ALIGNMENT !== 0)
    throw fail(`offset ${offset}`, `a multiple of ${ALIGNMENT} from ${blobsOffset}`);
  if (offset + bytes > fileBytes)
    throw fail(`${bytes} bytes at ${offset} reach beyond the file`, `an end at ${fileBytes} or before`);
  if (scales !== undefined && !weightTraits(type).row_scales)
    throw fail(`type ${type} has no scales of rows`, "no key scales");
  if (panels) {
    const [n, k] = shape;
    if (shape.length !== 2 || n === undefined || k === undefined)
      throw fail(`a linear weight of shape [${shape.join(", ")}]`, "two dimensions");
    if (k > limits.reduction_max) throw fail(`a linear weight that sums over ${k}`, `at most ${limits.reduction_max}`);
    const needed = storageTypes[type].bytes(n, k, scales);
    if (bytes !== needed) throw fail(`${bytes} bytes`, `${needed}`);
  } else {
    if (type !== "f32" && type !== "f16" && (type !== "i8" || shape.length !== 2))
      throw fail(`type ${type}, but it is no linear weight`, "f32, f16 or, of two dimensions, i8");
    const columns = shape.at(-1) as number;
    const needed = plainBytes(type, elements(shape) / columns, columns, scales ?? "f32");
    if (bytes !== needed) throw fail(`${bytes} bytes`, `${needed}`);
  }
}

/** What came with a later version than the file says it has. */
function checkVersion(tensor: ConstantHeader, panels: boolean, versionMinor: number, where: string, source: string) {
  const since = constantVersion(tensor, panels);
  if (since <= versionMinor) return;
  const { name, type, shape, scales } = tensor;
  const rows = panels ? `rows of ${shape[1]}` : "numbers in rows";
  const what = `type ${type} with ${scales === undefined ? rows : `scales of ${scales}`}`;
  throw packError(
    source,
    "PACK_TENSOR",
    where,
    `"${name}": ${what} in version 1.${versionMinor}`,
    `version 1.${since}`,
  );
}

function checkActivation(tensor: ActivationHeader, header: PackHeader, where: string, source: string): void {
  const { shape, offset, region, stride, type } = tensor;
  const fail = (message: string, expected?: string) =>
    packError(source, "PACK_TENSOR", where, `"${tensor.name}": ${message}`, expected);
  if (offset % 4 !== 0) throw fail(`offset ${offset}`, "a multiple of 4");
  const columns = shape[1];
  if (stride !== undefined && (shape.length !== 2 || columns === undefined || stride < columns)) {
    throw fail(
      `stride ${stride} for shape [${shape.join(", ")}]`,
      "two dimensions and a stride of at least the columns",
    );
  }
  const span = stride === undefined ? elements(shape) : ((shape[0] as number) - 1) * stride + (columns as number);
  const end = offset + span * activationBytes(type);
  if (end > header.regions[region])
    throw fail(`ends at byte ${end} of region ${region}`, `${header.regions[region]} or before`);
}
