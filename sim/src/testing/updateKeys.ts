import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";

export interface UpdateKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export const newUpdateKey = (): UpdateKey => generateKeyPairSync("ec", { namedCurve: "prime256v1" });

/** As boards take it. */
export function pointOf(key: KeyObject): Uint8Array {
  const { x = "", y = "" } = key.export({ format: "jwk" });
  return Uint8Array.from([4, ...Buffer.from(x, "base64url"), ...Buffer.from(y, "base64url")]);
}

export const keyId = (key: KeyObject): string => createHash("sha256").update(pointOf(key)).digest("hex").slice(0, 32);

/** A signed pack as docs/format.md says, put together by hand. */
export function signedByHand(pack: Uint8Array, { privateKey, publicKey }: UpdateKey): Uint8Array {
  const message = Buffer.concat([Buffer.from("synapse-model-signature-v1\0"), pack.subarray(32, 64)]);
  const signature = sign("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" });
  const head = [0x89, 0x53, 0x49, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 0, 0, 0, 0, 0, 0, 0];
  return Buffer.concat([pack, Buffer.from(head), Buffer.from(keyId(publicKey), "hex"), signature]);
}
