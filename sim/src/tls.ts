import { createSecureContext } from "node:tls";
import { InputError } from "./errors.js";

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

/** As Node's TLS takes them. Throws an InputError with code `TLS_INVALID` for what it does not take: no PEM, a certificate and the key of another. */
export function secureOptions({ authorities, identity }: TlsOptions): { ca?: string; cert?: string; key?: string } {
  const own = identity === undefined ? {} : { cert: identity.certificate, key: identity.key };
  const options = { ...own, ...(authorities === undefined ? {} : { ca: authorities }) };
  if (authorities !== undefined && !authorities.includes("-----BEGIN CERTIFICATE-----"))
    throw invalid("authorities", "there is no certificate", "certificates in PEM");
  try {
    createSecureContext(options);
  } catch (error) {
    throw invalid(
      "certificate and key",
      (error as Error).message,
      "certificates in PEM, and the key of the first one, without a passphrase",
    );
  }
  return options;
}

function invalid(source: string, message: string, expected: string): InputError {
  return new InputError({ code: "TLS_INVALID", source, message, expected });
}
