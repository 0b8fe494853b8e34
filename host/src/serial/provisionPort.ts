import { inputError } from "../files/inputError.js";
import type { FlashPort } from "../flash/espChip.js";
import { IMPROV, IMPROV_COMMAND, ImprovReader, improvCommand, improvResult } from "./improv.js";

export interface ProvisionOptions {
  readonly ssid: string;
  readonly password: string;
  /** Of the answer to a question that needs no network. */
  readonly answerMs: number;
  /** Of joining the network. */
  readonly joinMs: number;
  readonly signal: AbortSignal;
}

const BAUD_RATE = 115_200;
const ERRORS: Readonly<Record<number, string>> = {
  1: "it does not understand the request",
  2: "it does not know the command",
  3: "it could not join the network: the name or the password is wrong, or the network is out of reach",
  4: "it has to be allowed first: press its button",
  255: "it does not say why",
};

/**
 * Gives a board the name and password of a network, and answers the address where it is found then, if it says one.
 * Rejects with an InputError `PROVISION_SILENT` (nothing there speaks Improv), `PROVISION_REFUSED`, `PROVISION_LATE`,
 * or what opening the port rejects with.
 */
export async function provisionPort(port: FlashPort, options: ProvisionOptions): Promise<string | undefined> {
  await port.open({ baudRate: BAUD_RATE });
  try {
    // Both lines asserted would hold some boards in reset.
    await port.setSignals({ dataTerminalReady: false, requestToSend: false });
    const talk = new Conversation(port, options.signal);
    await talk.send(improvCommand(IMPROV_COMMAND.state, []));
    await talk.until(options.answerMs, "PROVISION_SILENT", "nothing there speaks Improv", (type) =>
      type === IMPROV.state ? true : undefined,
    );
    await talk.send(improvCommand(IMPROV_COMMAND.wifi, [options.ssid, options.password]));
    const joined = await talk.until(options.joinMs, "PROVISION_LATE", "it does not join the network", (type, data) => {
      if (type === IMPROV.error && data[0] !== 0 && data[0] !== undefined) throw refused(port.name, data[0]);
      const result = type === IMPROV.result ? improvResult(data) : undefined;
      return result?.command === IMPROV_COMMAND.wifi ? { url: result.texts[0] } : undefined;
    });
    return joined.url;
  } finally {
    await port.close();
  }
}

function refused(source: string, code: number): Error {
  return inputError(source, "PROVISION_REFUSED", `the board refuses: ${ERRORS[code] ?? `error ${code}`}`, {
    expected: "a network that the board reaches, 2.4 or 5 GHz, and its password",
  });
}

/** Commands to a board, and the packets that it says. */
class Conversation {
  readonly #port: FlashPort;
  readonly #signal: AbortSignal;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #reader = new ImprovReader();

  constructor(port: FlashPort, signal: AbortSignal) {
    this.#port = port;
    this.#signal = signal;
    this.#chunks = (port.readable as ReadableStream<Uint8Array>)[Symbol.asyncIterator]();
  }

  async send(packet: Uint8Array): Promise<void> {
    const writer = this.#port.writable?.getWriter();
    await writer?.write(packet);
    writer?.releaseLock();
  }

  /** The first thing that `look` finds in a packet; rejects when the time is over. */
  async until<Found>(
    milliseconds: number,
    code: string,
    message: string,
    look: (type: number, data: Uint8Array) => Found | undefined,
  ): Promise<Found> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const expected = "a board whose firmware takes Wi-Fi credentials over this port";
      const end = () => reject(inputError(this.#port.name, code, message, { expected }));
      timer = setTimeout(end, milliseconds);
      this.#signal.addEventListener("abort", () => reject(this.#signal.reason as Error), { once: true });
    });
    try {
      while (true) {
        const { value } = await Promise.race([this.#chunks.next(), late, this.#port.lost]);
        for (const { type, data } of this.#reader.push(value ?? new Uint8Array())) {
          const found = look(type, data);
          if (found !== undefined) return found;
        }
      }
    } finally {
      clearTimeout(timer);
      late.catch(() => undefined);
    }
  }
}
