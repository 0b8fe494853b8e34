import { createSecureContext } from "node:tls";
import { InputError } from "synapse-engine/errors";

/** With what one proves who one is. */
export interface TlsIdentity {
  /** PEM, with the authorities between this one and those that others know. */
  readonly certificate: string;
  /** PEM, without a passphrase. */
  readonly key: string;
}

export interface TlsOptions {
  /** PEM: who may vouch for the others, instead of the authorities that the machine knows. */
  readonly authorities?: string | undefined;
  readonly identity?: TlsIdentity | undefined;
}

/** What errors call the two parts: whoever got them from files or options names those. */
export interface TlsSources {
  readonly authorities?: string | undefined;
  readonly identity?: string | undefined;
}

/**
 * As Node's TLS takes them. Throws an InputError with code `TLS_INVALID` for what it does not take: no PEM, a
 * certificate and the key of another.
 */
export function secureOptions(
  { authorities, identity }: TlsOptions,
  sources: TlsSources = {},
): { ca?: string; cert?: string; key?: string } {
  const own = identity === undefined ? {} : { cert: identity.certificate, key: identity.key };
  const options = { ...own, ...(authorities === undefined ? {} : { ca: authorities }) };
  if (authorities !== undefined && !authorities.includes("-----BEGIN CERTIFICATE-----"))
    throw invalid(sources.authorities ?? "authorities", "there is no certificate", "certificates in PEM");
  try {
    createSecureContext(options);
  } catch (error) {
    throw invalid(
      sources.identity ?? "certificate and key",
      reasonOf(error as Error),
      "certificates in PEM, and the key of the first one, without a passphrase",
    );
  }
  return options;
}

/** In words. OpenSSL's message is about its source files; its reason says the same without them. */
export function reasonOf(error: Error & { readonly code?: unknown; readonly reason?: unknown }): string {
  return typeof error.reason === "string" ? error.reason : error.message || String(error.code);
}

function invalid(source: string, message: string, expected: string): InputError {
  return new InputError({ code: "TLS_INVALID", source, message, expected });
}
