import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { rm } from "node:fs/promises";
import { InputError } from "synapse-engine/errors";
import { readInput } from "../files/readInput.js";
import { writeNew } from "../files/writeNew.js";
import { updateKeyId, updateKeyPoint } from "./signPack.js";

const KEY_FILE_BYTES_MAX = 65_536;
const CURVE = "prime256v1";

export interface CreatedKey {
  readonly keyId: string;
  readonly privateFile: string;
  readonly publicFile: string;
}

/**
 * A new key for signing packs: `name`.pem, readable for its owner alone, and `name`.pub.pem. Rejects with InputError
 * `FILE_EXISTS` instead of writing over one.
 */
export async function createUpdateKey(name: string): Promise<CreatedKey> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: CURVE });
  const [privateFile, publicFile] = [`${name}.pem`, `${name}.pub.pem`];
  await writeNewKey(privateFile, privateKey.export({ type: "pkcs8", format: "pem" }) as string, 0o600);
  try {
    await writeNewKey(publicFile, publicKey.export({ type: "spki", format: "pem" }) as string, 0o644);
  } catch (error) {
    await rm(privateFile, { force: true });
    throw error;
  }
  return { keyId: updateKeyId(updateKeyPoint(publicKey)), privateFile, publicFile };
}

/** The private key of a PEM file. Rejects with InputError `KEY_INVALID` for anything but an ECDSA key on P-256. */
export async function readSigningKey(path: string): Promise<KeyObject> {
  return readKey(path, "a private key on P-256 (PEM) without a passphrase, as keygen makes them", createPrivateKey);
}

/** The public key of a PEM file. A private one is refused too: it has no business where boards are made. */
export async function readUpdateKey(path: string): Promise<KeyObject> {
  return readKey(path, "a public key on P-256 (PEM), as keygen makes them: the .pub.pem", (pem) => {
    if (pem.includes("PRIVATE KEY")) throw new Error("a private key");
    return createPublicKey(pem);
  });
}

async function readKey(path: string, expected: string, parse: (pem: string) => KeyObject): Promise<KeyObject> {
  const pem = new TextDecoder().decode(await readInput(path, expected, KEY_FILE_BYTES_MAX));
  const invalid = (message: string) => new InputError({ code: "KEY_INVALID", source: path, message, expected });
  let key: KeyObject;
  try {
    key = parse(pem);
  } catch {
    // OpenSSL's words for it are "unsupported" and the like.
    throw invalid("not such a key");
  }
  if (key.asymmetricKeyDetails?.namedCurve === CURVE) return key;
  throw invalid(
    `a key of another kind (${key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? "unknown"})`,
  );
}

async function writeNewKey(path: string, text: string, mode: number): Promise<void> {
  if (await writeNew(path, text, mode)) return;
  throw new InputError({
    code: "FILE_EXISTS",
    source: path,
    message: "exists already",
    expected: "another name: a lost key cannot be made again",
  });
}
