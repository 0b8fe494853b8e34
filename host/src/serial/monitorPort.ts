import { InputError } from "synapse-engine/errors";
import type { FlashPort } from "../flash/espChip.js";
import { LineSplitter } from "./logLine.js";

export interface MonitorOptions {
  readonly baudRate: number;
  readonly signal: AbortSignal;
  readonly line: (text: string) => void;
  /** The connection broke, or is there again. */
  readonly link: (up: boolean) => void;
}

/** How long a port may be away, as while a chip with USB of its own resets, between two looks. */
const AWAY_MS = 500;
const RESET_MS = 100;

/** Resets the chip into what its flash holds, by the lines that a port has for that. */
export async function resetChip(port: FlashPort): Promise<void> {
  await port.setSignals({ dataTerminalReady: false, requestToSend: true });
  await new Promise((resolve) => setTimeout(resolve, RESET_MS));
  await port.setSignals({ dataTerminalReady: false, requestToSend: false });
}

/**
 * Reads a board's console line by line until the signal aborts; a board that goes away and comes back is read on.
 * `open` gives the port anew each time. Rejects with an InputError when it cannot be had at the beginning.
 */
export async function monitorPort(open: () => Promise<FlashPort>, options: MonitorOptions): Promise<void> {
  const { signal, link } = options;
  let seen = false;
  while (!signal.aborted) {
    try {
      await readPort(await open(), options, () => {
        link(true);
        seen = true;
      });
    } catch (error) {
      if (!seen || !(error instanceof InputError)) throw error;
    }
    if (signal.aborted) return;
    link(false);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, AWAY_MS);
      const stop = () => {
        clearTimeout(timer);
        resolve();
      };
      signal.addEventListener("abort", stop, { once: true });
    });
  }
}

async function readPort(port: FlashPort, { baudRate, signal, line }: MonitorOptions, opened: () => void) {
  await port.open({ baudRate });
  const reader = port.readable?.getReader();
  const splitter = new LineSplitter();
  const stop = () => void reader?.cancel().catch(() => undefined);
  signal.addEventListener("abort", stop, { once: true });
  try {
    // Both lines asserted would hold some boards in reset.
    await port.setSignals({ dataTerminalReady: false, requestToSend: false });
    opened();
    while (reader !== undefined && !signal.aborted) {
      const { value, done } = await Promise.race([reader.read(), port.lost]);
      if (done) break;
      for (const text of splitter.push(value)) line(text);
    }
  } finally {
    signal.removeEventListener("abort", stop);
    for (const text of splitter.end()) line(text);
    reader?.releaseLock();
    await port.close();
  }
}
