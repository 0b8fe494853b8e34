import type { FetchResult } from "./deviceCore.js";

/**
 * Codes of Node and of its HTTP client, by what they mean to a board. What is not listed is a connection that broke.
 */
const BY_CODE: Readonly<Record<string, FetchResult>> = {
  ENOTFOUND: "name",
  EAI_AGAIN: "name",
  EAI_FAIL: "name",
  EAI_NONAME: "name",
  ECONNREFUSED: "refused",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  EHOSTDOWN: "unreachable",
  ENETDOWN: "unreachable",
  EADDRNOTAVAIL: "unreachable",
  ETIMEDOUT: "timeout",
  UND_ERR_CONNECT_TIMEOUT: "timeout",
  UND_ERR_HEADERS_TIMEOUT: "timeout",
  UND_ERR_BODY_TIMEOUT: "timeout",
  ERR_INVALID_URL: "address",
  ERR_TLS_CERT_ALTNAME_INVALID: "certificate",
};

/**
 * As OpenSSL names what is wrong with a certificate: https://docs.openssl.org/master/man1/openssl-verification-options/
 */
const CERTIFICATE_CODES = [
  "CERT_",
  "CRL_",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "PATH_LENGTH_EXCEEDED",
  "HOSTNAME_MISMATCH",
];

/** Thrown where no request can be made. */
export class FetchRefused extends Error {
  readonly result: FetchResult;

  constructor(result: FetchResult) {
    super(result);
    this.result = result;
  }
}

/** Why a `fetch` has failed, as far as it says: browsers do not. */
export function fetchFailure(error: unknown): FetchResult {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof FetchRefused) return at.result;
    const { code } = at as { readonly code?: unknown };
    if (typeof code === "string") {
      const known = BY_CODE[code];
      if (known !== undefined) return known;
      if (CERTIFICATE_CODES.some((begin) => code.startsWith(begin))) return "certificate";
      // A connection that is reset before TLS is there may have met a server that restarts: it broke,
      // and another try may do.
      if (/^(ERR_SSL_|ERR_TLS_|EPROTO$)/.test(code)) return "tls";
    }
    // Fetch refuses ports of other protocols.
    if (at.message === "bad port") return "address";
  }
  return "broken";
}
