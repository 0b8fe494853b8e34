import { createHash, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { InputError } from "synapse-engine/errors";
import { PREFIX_BYTES, SHA256_OFFSET } from "../format/layout.js";
import { joinSignature, KEY_ID_BYTES, splitSignature } from "../format/signatureBlock.js";
import { readPack } from "../pack/readPack.js";

/** What is signed: that this is a pack's digest, and the digest. */
const MESSAGE_HEAD = Buffer.from("synapse-model-signature-v1\0", "latin1");

/**
 * The pack followed by its signature by `key`; a signature that the file has already is replaced. Throws InputError
 * `PACK_*` for what is no pack.
 */
export function signPack(file: Uint8Array, key: KeyObject, source: string): Uint8Array {
  const { pack } = splitSignature(file);
  readPack(pack, source);
  const keyId = updateKeyId(updateKeyPoint(createPublicKey(key)));
  return joinSignature(pack, { keyId, value: sign("sha256", messageOf(pack), { key, dsaEncoding: "ieee-p1363" }) });
}

/**
 * The id of the key that signed the pack, out of `keys` (public ones). Throws InputError `PACK_*` for what is no pack,
 * and `SIGNATURE_MISSING`, `SIGNATURE_KEY_UNKNOWN` or `SIGNATURE_WRONG` where a board with these keys answers so.
 */
export function verifyPack(file: Uint8Array, keys: readonly KeyObject[], source: string): string {
  const { pack, signature } = splitSignature(file);
  readPack(pack, source);
  const known = new Map(keys.map((key) => [updateKeyId(updateKeyPoint(key)), key]));
  const expected = `a signature by key ${[...known.keys()].join(" or ")}`;
  if (signature === undefined)
    throw new InputError({ code: "SIGNATURE_MISSING", source, message: "the pack is not signed", expected });
  const key = known.get(signature.keyId);
  if (key === undefined)
    throw new InputError({
      code: "SIGNATURE_KEY_UNKNOWN",
      source,
      message: `the pack is signed by key ${signature.keyId}`,
      expected,
    });
  if (!verify("sha256", messageOf(pack), { key, dsaEncoding: "ieee-p1363" }, signature.value))
    throw new InputError({
      code: "SIGNATURE_WRONG",
      source,
      message: `the signature is not one of this pack by key ${signature.keyId}`,
      expected,
    });
  return signature.keyId;
}

/** A public key as boards take it: an uncompressed point on P-256 (4, x, y), 65 bytes. `key` is one. */
export function updateKeyPoint(key: KeyObject): Uint8Array {
  const { x = "", y = "" } = key.export({ format: "jwk" });
  return Uint8Array.from([4, ...Buffer.from(x, "base64url"), ...Buffer.from(y, "base64url")]);
}

/** What boards and packs call a key: the first 16 bytes of its point's SHA-256, in hexadecimal. */
export function updateKeyId(point: Uint8Array): string {
  return createHash("sha256")
    .update(point)
    .digest("hex")
    .slice(0, 2 * KEY_ID_BYTES);
}

function messageOf(pack: Uint8Array): Uint8Array {
  return Buffer.concat([MESSAGE_HEAD, pack.subarray(SHA256_OFFSET, PREFIX_BYTES)]);
}
