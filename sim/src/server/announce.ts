import { hostname } from "node:os";
import type { Service, ServiceConfig } from "bonjour-service";
import type { SimulatedBoard } from "../board/board.js";
import { type BoardClock, realClock } from "../board/clock.js";
import type { BoardServer } from "./listen.js";
import { MDNS_TYPE, type MdnsOptions, type MdnsSocket, openMdns } from "./mdns.js";

export interface AnnounceOptions extends MdnsOptions {
  /** Is told once when announcing does not work here; the board runs on. */
  readonly onWarning?: (message: string) => void;
  /** Of when the board is looked at; the machine's, unless given. */
  readonly clock?: BoardClock;
}

export interface Announcement {
  /** Says goodbye, so that nobody has to wait until the records expire. */
  close(): Promise<void>;
}

/** How often the board is asked what it calls itself: name and model change in many ways. */
const LOOK_MS = 500;
/** Of a label in DNS, and of a string in a TXT record. */
const LABEL_BYTES_MAX = 63;
const TEXT_BYTES_MAX = 255;

/**
 * Announces a served board as `_synapse._tcp` by multicast DNS, with id, model, firmware, board, and tls=1 for HTTPS,
 * as TXT, as long as it runs and has its link. Answers undefined when the server listens for this machine alone and no
 * interface is named: nobody else could reach the board.
 */
export async function announceBoard(
  board: SimulatedBoard,
  server: BoardServer,
  options: AnnounceOptions = {},
): Promise<Announcement | undefined> {
  if (isLoopback(server.host) && options.interface === undefined) return undefined;
  const everywhere = server.host === "0.0.0.0" || server.host.includes(":");
  const at = everywhere ? {} : { interface: server.host };
  const firmware = await firmwareOf(board);
  return new Announcer(() => serviceOf(board, server, firmware), { ...at, ...options });
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

/** A simulated board is new here: its owner is the one that it was made with, or nobody. */
async function firmwareOf(board: SimulatedBoard): Promise<string> {
  const headers = board.ownerToken === undefined ? {} : { authorization: `Bearer ${board.ownerToken}` };
  const { status, body } = await board.handle({ method: "GET", target: "/v1/device", headers });
  if (status !== 200) return "";
  return (JSON.parse(new TextDecoder().decode(body)) as { firmware: { version: string } }).firmware.version;
}

/** What is announced of a board now; undefined: nothing. */
function serviceOf(board: SimulatedBoard, { port, url }: BoardServer, firmware: string): ServiceConfig | undefined {
  const identity = board.link ? board.identity() : undefined;
  if (identity === undefined) return undefined;
  // Boards of the same name and identity on several machines and ports, as simulated ones are,
  // do not get in each other's way.
  const machine = hostname()
    .split(".")[0]
    ?.replaceAll(/[^A-Za-z0-9-]/g, "-")
    .slice(0, 32);
  const place = ` (${machine} ${port})`;
  const facts = {
    id: identity.id,
    model: identity.model,
    firmware,
    board: board.board.id,
    tls: url.startsWith("https:") ? "1" : "",
  };
  const txt = Object.entries(facts)
    .filter(([, value]) => value !== "")
    .map(([key, value]) => [key, cut(value, TEXT_BYTES_MAX - key.length - 1)]);
  return {
    name: cut(identity.name, LABEL_BYTES_MAX - place.length) + place,
    type: MDNS_TYPE,
    protocol: "tcp",
    port,
    host: `synapse-${machine}-${port}.local`,
    txt: Object.fromEntries(txt),
    // The name is the machine's and the port's own, and a probe that failed would write to the program's output.
    probe: false,
  };
}

/** The longest beginning of a text of at most so many bytes in UTF-8. */
function cut(text: string, bytesMax: number): string {
  let bytes = 0;
  let length = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > bytesMax) break;
    length += character.length;
  }
  return text.slice(0, length);
}

class Announcer implements Announcement {
  #wanted: () => ServiceConfig | undefined;
  #options: AnnounceOptions;
  #said = "";
  #open: { readonly socket: MdnsSocket; readonly service: Service } | undefined;
  #failed = false;
  #closed = false;
  #cancel: () => void = () => undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(wanted: () => ServiceConfig | undefined, options: AnnounceOptions) {
    this.#wanted = wanted;
    this.#options = options;
    this.#follow();
  }

  #follow(): void {
    this.#looking = this.#look().then(() => {
      if (this.#closed || this.#failed) return;
      this.#cancel = (this.#options.clock ?? realClock).after(LOOK_MS, () => this.#follow());
    });
  }

  async #look(): Promise<void> {
    const wanted = this.#wanted();
    const text = JSON.stringify(wanted ?? null);
    if (text === this.#said) return;
    this.#said = text;
    await this.#withdraw();
    if (wanted === undefined || this.#closed) return;
    // A socket of its own: with one service, the library takes back what others on the same
    // socket have in common with it.
    const socket = openMdns(this.#options, (error) => this.#fail(error));
    this.#open = { socket, service: socket.bonjour.publish(wanted) };
  }

  #fail(error: Error): void {
    if (this.#failed || this.#closed) return;
    this.#failed = true;
    this.#options.onWarning?.(`the board is not announced in the local network: ${error.message}`);
  }

  async #withdraw(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    if (!this.#failed) await new Promise<void>((resolve) => open.service.stop(() => resolve()));
    await open.socket.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#looking;
    await this.#withdraw();
  }
}
