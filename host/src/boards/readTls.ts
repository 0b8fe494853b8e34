import { InputError } from "synapse-engine/errors";
import { secureOptions, type TlsIdentity, type TlsOptions } from "synapse-sim";
import { readInput } from "../files/readInput.js";

const PEM_BYTES_MAX = 1 << 20;

/** Paths of a certificate and its key, in PEM. */
export interface TlsFiles {
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

/**
 * What the two files hold; undefined when neither is named. Rejects with InputError `TLS_HALF` when one is, and
 * `TLS_INVALID` when they are no pair.
 */
export async function readTlsIdentity(
  { certificate, key }: TlsFiles,
  options: string,
): Promise<TlsIdentity | undefined> {
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate === undefined || key === undefined) {
    const [given, missing] = certificate === undefined ? ["a key", "its certificate"] : ["a certificate", "its key"];
    throw new InputError({
      code: "TLS_HALF",
      source: options,
      message: `there is ${given} without ${missing}`,
      expected: "both, or neither",
    });
  }
  const identity = { certificate: await readPem(certificate), key: await readPem(key) };
  secureOptions({ identity }, { identity: `${certificate} and ${key}` });
  return identity;
}

/** As BrokerLink takes them; undefined when no file is named. */
export async function readBrokerTls(
  files: TlsFiles & { readonly authorities?: string | undefined },
): Promise<TlsOptions | undefined> {
  const identity = await readTlsIdentity(files, "--broker-cert and --broker-key");
  const authorities = files.authorities === undefined ? undefined : await readPem(files.authorities);
  if (authorities !== undefined) secureOptions({ authorities }, { authorities: files.authorities });
  return identity === undefined && authorities === undefined ? undefined : { identity, authorities };
}

async function readPem(path: string): Promise<string> {
  return new TextDecoder().decode(await readInput(path, "a PEM file", PEM_BYTES_MAX));
}
