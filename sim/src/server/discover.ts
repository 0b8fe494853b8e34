import type { Service } from "bonjour-service";
import { InputError } from "synapse-engine/errors";
import { MDNS_TYPE, type MdnsOptions, openMdns } from "./mdns.js";
import { urlOf } from "./url.js";

/** A board that announces itself in the local network. Texts are the announcement's own, whoever made it. */
export interface DiscoveredBoard {
  readonly name: string;
  readonly id: string | null;
  readonly model: string | null;
  readonly firmware: string | null;
  readonly board: string | null;
  /** Where its HTTP API answers. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly addresses: readonly string[];
}

export interface DiscoverOptions extends MdnsOptions {
  readonly seconds: number;
  /** Ends the search early, with what was found so far. */
  readonly signal?: AbortSignal;
  readonly onFound?: (board: DiscoveredBoard) => void;
}

/** Questions and answers get lost, and boards in power saving sleep through some. */
const ASK_AGAIN_MS = 1_000;

/** Listens for boards that announce themselves by multicast DNS. Throws an InputError with code `MDNS_UNAVAILABLE`. */
export async function discoverBoards(options: DiscoverOptions): Promise<DiscoveredBoard[]> {
  let fail: (error: Error) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    fail = (error) =>
      reject(
        new InputError({
          code: "MDNS_UNAVAILABLE",
          source: `UDP port ${options.port ?? 5353}`,
          message: error.message,
          expected: "a network, and no program that keeps the port of multicast DNS to itself",
        }),
      );
  });
  const { bonjour, close } = openMdns(options, (error) => fail(error));
  const browser = bonjour.find({ type: MDNS_TYPE }, (service) => options.onFound?.(boardOf(service)));
  const asking = setInterval(() => browser.update(), ASK_AGAIN_MS);
  try {
    await Promise.race([waited(options.seconds * 1000, options.signal), failed]);
    return browser.services.map(boardOf).sort((a, b) => compare(a.name, b.name) || a.port - b.port);
  } finally {
    clearInterval(asking);
    browser.stop();
    await close();
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function waited(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    if (signal?.aborted) end();
    else signal?.addEventListener("abort", end, { once: true });
  });
}

function boardOf({ name, host, port, addresses = [], referer, txt }: Service): DiscoveredBoard {
  const fact = (key: string): string | null => (typeof txt?.[key] === "string" ? txt[key] : null);
  // An address that the announcement came from can be reached from here;
  // but it may have been passed on from another network.
  const from = referer?.address;
  const own = from !== undefined && (addresses.length === 0 || addresses.includes(from) || from.startsWith("127."));
  const address = own ? from : (addresses.find(isIPv4) ?? addresses[0]);
  const reached = address ?? host;
  return {
    name,
    id: fact("id"),
    model: fact("model"),
    firmware: fact("firmware"),
    board: fact("board"),
    url: urlOf(fact("tls") === "1" ? "https" : "http", reached, port),
    host,
    port,
    addresses,
  };
}

const isIPv4 = (address: string): boolean => address.includes(".");
