import { checkNotAborted } from "./engine.js";
import { EngineError } from "./errors.js";
import { type Guest, Struct } from "./guest.js";

const UTF8 = new TextDecoder();

/** Text of the guest's memory. */
export function readText(guest: Guest, address: number, bytes: number): string {
  return bytes === 0 ? "" : UTF8.decode(guest.read(address, bytes));
}

/** A NUL-terminated text of the guest's memory, at most `bytesMax` long. */
export function readCString(guest: Guest, address: number, bytesMax = 64): string {
  const bytes = guest.read(address, bytesMax);
  const end = bytes.indexOf(0);
  return UTF8.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** Buffers of the guest that are given back together. */
export class Buffers {
  readonly #guest: Guest;
  readonly #owned: { readonly address: number; readonly bytes: number }[] = [];

  constructor(guest: Guest) {
    this.#guest = guest;
  }

  async alloc(bytes: number, purpose: string): Promise<number> {
    const address = await this.#guest.alloc(bytes);
    if (address === 0) throw new EngineError("OUT_OF_MEMORY", `the engine has no ${bytes} bytes left for ${purpose}`);
    this.#owned.push({ address, bytes });
    return address;
  }

  async free(): Promise<void> {
    for (const { address, bytes } of this.#owned.splice(0)) await this.#guest.free(address, bytes);
  }
}

/** Runs `body` with buffers that are given back however it ends. */
export async function withBuffers<T>(guest: Guest, body: (buffers: Buffers) => Promise<T>): Promise<T> {
  const buffers = new Buffers(guest);
  try {
    return await body(buffers);
  } finally {
    await buffers.free();
  }
}

/**
 * Calls a function that answers a `syn_result`; a failure becomes an EngineError, with `syn_error`'s words if `error`
 * is its address.
 */
export async function callChecked(
  guest: Guest,
  what: string,
  name: string,
  args: readonly number[],
  error?: number,
): Promise<void> {
  checkResult(guest, what, name, (await guest.call(name, ...args)) | 0, error);
}

function checkResult(guest: Guest, what: string, name: string, result: number, error?: number): void {
  if (result === 0) return;
  const code = guest.manifest.results[result] ?? `RESULT_${result}`;
  if (error === undefined) throw new EngineError(code, `${what}: ${name} answered ${code}`);
  const details = new Struct(
    guest.manifest,
    "syn_error",
    guest.read(error, new Struct(guest.manifest, "syn_error").bytes.length),
  );
  const message = details.array("message");
  const end = message.indexOf(0);
  const offset = details.get("offset");
  throw new EngineError(
    code,
    UTF8.decode(end < 0 ? message : message.subarray(0, end)) || `${what}: ${code}`,
    offset > 0 ? offset : undefined,
  );
}

const MORE = 1;
/** Others get their turn after this long. */
const PIECES_MS = 20;

/**
 * Goes on with the run or self-test that a session has begun, op by op, to its end. Once `signal` is aborted it is
 * cancelled, and this throws an EngineError with code `CANCELLED`.
 */
export async function advanceToEnd(guest: Guest, what: string, session: number, signal: AbortSignal): Promise<void> {
  let rested = performance.now();
  for (;;) {
    if (signal.aborted) await callChecked(guest, what, "syn_session_cancel", [session]);
    checkNotAborted(signal, what);
    const result = (await guest.call("syn_session_advance", session, 1)) | 0;
    if (result !== MORE) return checkResult(guest, what, "syn_session_advance", result);
    if (performance.now() - rested < PIECES_MS) continue;
    await new Promise((resolve) => setTimeout(resolve));
    rested = performance.now();
  }
}

/** Calls a function that fills one struct of the C API, named after `args`. */
export async function callForStruct(
  guest: Guest,
  what: string,
  name: string,
  args: readonly number[],
  struct: string,
): Promise<Struct> {
  return withBuffers(guest, async (buffers) => {
    const empty = new Struct(guest.manifest, struct);
    const address = await buffers.alloc(empty.bytes.length, struct);
    guest.write(address, empty.bytes);
    await callChecked(guest, what, name, [...args, address]);
    return new Struct(guest.manifest, struct, guest.read(address, empty.bytes.length));
  });
}

/** Calls a function that fills `count` words, each behind a pointer that follows `args`. */
export async function callForWords(
  guest: Guest,
  what: string,
  name: string,
  args: readonly number[],
  count: number,
): Promise<number[]> {
  return withBuffers(guest, async (buffers) => {
    const address = await buffers.alloc(4 * count, "results");
    const pointers = Array.from({ length: count }, (_, index) => address + 4 * index);
    await callChecked(guest, what, name, [...args, ...pointers]);
    const words = guest.read(address, 4 * count);
    const view = new DataView(words.buffer, words.byteOffset, words.byteLength);
    return pointers.map((_, index) => view.getUint32(4 * index, true));
  });
}
