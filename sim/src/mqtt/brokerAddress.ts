import { InputError } from "synapse-engine/errors";

const SCHEMES: ReadonlySet<string> = new Set(["mqtt:", "mqtts:", "ws:", "wss:"]);
/** The URL parser would encode what else stands in an address. */
const VISIBLE = /^[!-~]*$/;
const CONTROL = /\p{Cc}/u;

/** The address of a broker, and who it says that its client is. */
export interface BrokerAddress {
  /** Without user and password, so that it can be shown. */
  readonly url: string;
  /** Decoded; empty when the address names nobody. */
  readonly username: string;
  readonly password: string;
}

/**
 * Takes apart `mqtt://user:password@host:port`. Throws an InputError with code `BROKER_URL`, which does not show what
 * was given when there is an `@` or a query in it: what stands there may be a password.
 */
export function brokerAddress(text: string): BrokerAddress {
  const parsed = VISIBLE.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  // The URL parser would take a port of 0 for one, and drop what it cannot read.
  const place =
    /^[a-z]+:\/\/(?:[^/?#]*@)?((?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([1-9][0-9]{0,4}))?)(?=[/?#]|$)/.exec(text);
  const port = Number(place?.[2] ?? 0);
  const credentials = parsed === undefined ? undefined : decoded(parsed);
  if (
    parsed === undefined ||
    place === null ||
    !SCHEMES.has(parsed.protocol) ||
    port > 65_535 ||
    credentials === undefined
  ) {
    throw new InputError({
      code: "BROKER_URL",
      source: /[@?#]/.test(text) ? "the broker's address" : text,
      message: "this is no address of a broker",
      expected: "mqtt://host, or mqtts://, ws:// or wss://, and maybe a port from 1 to 65535",
    });
  }
  const rest = text.slice(place[0].length);
  return { url: `${parsed.protocol}//${place[1]}${rest}`, ...credentials };
}

/** An address without a user as it may be shown: a query is often a signature. */
export const shownAddress = (url: string): string => url.replace(/[?#].*$/, "?***");

function decoded(address: URL): { username: string; password: string } | undefined {
  try {
    const [username, password] = [decodeURIComponent(address.username), decodeURIComponent(address.password)];
    return CONTROL.test(username + password) ? undefined : { username, password };
  } catch {
    return undefined;
  }
}
