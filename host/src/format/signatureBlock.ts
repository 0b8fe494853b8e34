import { MAGIC, PREFIX_BYTES } from "./layout.js";
import { format } from "./table.js";

/** What follows a signed pack (docs/format.md, "Signature"): magic, algorithm, key, signature. */
export const SIGNATURE_BYTES = format.signature.bytes;
const SIGNATURE_MAGIC = Uint8Array.from(format.signature.magic);
const ALGORITHM_ECDSA_P256_SHA256 = 1;
const KEY_OFFSET = 16;
export const KEY_ID_BYTES = 16;
const VALUE_OFFSET = KEY_OFFSET + KEY_ID_BYTES;

export interface PackSignature {
  /** Which key, as `updateKeyId` names it. */
  readonly keyId: string;
  /** r and s, 32 bytes each, big-endian. */
  readonly value: Uint8Array;
}

/**
 * A file divided into the pack and what is said to sign it; whatever is neither stays with the pack, for its reader to
 * judge.
 */
export function splitSignature(file: Uint8Array): { readonly pack: Uint8Array; readonly signature?: PackSignature } {
  if (file.length < PREFIX_BYTES || MAGIC.some((byte, i) => file[i] !== byte)) return { pack: file };
  const packBytes = new DataView(file.buffer, file.byteOffset).getUint32(16, true);
  const block = file.subarray(packBytes);
  if (block.length !== SIGNATURE_BYTES || SIGNATURE_MAGIC.some((byte, i) => block[i] !== byte)) return { pack: file };
  const view = new DataView(block.buffer, block.byteOffset);
  if (view.getUint32(8, true) !== ALGORITHM_ECDSA_P256_SHA256 || view.getUint32(12, true) !== 0) return { pack: file };
  const keyId = Buffer.from(block.subarray(KEY_OFFSET, VALUE_OFFSET)).toString("hex");
  return { pack: file.subarray(0, packBytes), signature: { keyId, value: block.subarray(VALUE_OFFSET) } };
}

/** The pack and a signature after it. */
export function joinSignature(pack: Uint8Array, { keyId, value }: PackSignature): Uint8Array {
  const file = new Uint8Array(pack.length + SIGNATURE_BYTES);
  file.set(pack);
  const block = file.subarray(pack.length);
  block.set(SIGNATURE_MAGIC);
  new DataView(block.buffer, block.byteOffset).setUint32(8, ALGORITHM_ECDSA_P256_SHA256, true);
  block.set(Buffer.from(keyId, "hex"), KEY_OFFSET);
  block.set(value, VALUE_OFFSET);
  return file;
}
