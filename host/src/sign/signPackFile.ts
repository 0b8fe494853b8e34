import { createPublicKey } from "node:crypto";
import { atomicWrite } from "../files/atomicWrite.js";
import { readInput } from "../files/readInput.js";
import { requireOtherFile } from "../files/requireOtherFile.js";
import { PACK_BYTES_MAX } from "../open/openModelFile.js";
import { signPack, updateKeyId, updateKeyPoint, verifyPack } from "./signPack.js";
import { readSigningKey, readUpdateKey } from "./updateKeys.js";

export interface SignedFile {
  readonly output: string;
  readonly fileBytes: number;
  readonly keyId: string;
}

/** Signs the pack at `model` with the private key at `key` and writes it to `output`, or over itself. */
export async function signPackFile(model: string, key: string, output = model): Promise<SignedFile> {
  const signer = await readSigningKey(key);
  const signed = signPack(await readInput(model, "a .syn file", PACK_BYTES_MAX), signer, model);
  await requireOtherFile(output, [key]);
  await atomicWrite(output, signed);
  return { output, fileBytes: signed.length, keyId: updateKeyId(updateKeyPoint(createPublicKey(signer))) };
}

/** The id of the key that signed the pack at `model`, out of those at `keys`; rejects as `verifyPack` throws. */
export async function verifyPackFile(model: string, keys: readonly string[]): Promise<string> {
  const known = await Promise.all(keys.map(readUpdateKey));
  return verifyPack(await readInput(model, "a .syn file", PACK_BYTES_MAX), known, model);
}
