import { checkNotAborted } from "./engine.js";
import { EngineError } from "./errors.js";
import { type Machine, Struct } from "./machine.js";

const UTF8 = new TextDecoder();

/** Text of the machine's memory. */
export function readText(machine: Machine, address: number, bytes: number): string {
  return bytes === 0 ? "" : UTF8.decode(machine.read(address, bytes));
}

/** A NUL-terminated text of the machine's memory, at most `bytesMax` long. */
export function readCString(machine: Machine, address: number, bytesMax = 64): string {
  const bytes = machine.read(address, bytesMax);
  const end = bytes.indexOf(0);
  return UTF8.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** Buffers of the machine that are given back together. */
export class Buffers {
  readonly #machine: Machine;
  readonly #owned: { readonly address: number; readonly bytes: number }[] = [];

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  async alloc(bytes: number, purpose: string): Promise<number> {
    const address = await this.#machine.alloc(bytes);
    if (address === 0) throw new EngineError("OUT_OF_MEMORY", `the engine has no ${bytes} bytes left for ${purpose}`);
    this.#owned.push({ address, bytes });
    return address;
  }

  async free(): Promise<void> {
    for (const { address, bytes } of this.#owned.splice(0)) await this.#machine.free(address, bytes);
  }
}

/** Runs `body` with buffers that are given back however it ends. */
export async function withBuffers<T>(machine: Machine, body: (buffers: Buffers) => Promise<T>): Promise<T> {
  const buffers = new Buffers(machine);
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
  machine: Machine,
  what: string,
  name: string,
  args: readonly number[],
  error?: number,
): Promise<void> {
  checkResult(machine, what, name, (await machine.call(name, ...args)) | 0, error);
}

function checkResult(machine: Machine, what: string, name: string, result: number, error?: number): void {
  if (result === 0) return;
  const code = machine.manifest.results[result] ?? `RESULT_${result}`;
  if (error === undefined) throw new EngineError(code, `${what}: ${name} answered ${code}`);
  const details = new Struct(
    machine.manifest,
    "syn_error",
    machine.read(error, new Struct(machine.manifest, "syn_error").bytes.length),
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
export async function advanceToEnd(
  machine: Machine,
  what: string,
  session: number,
  signal: AbortSignal,
): Promise<void> {
  let rested = performance.now();
  for (;;) {
    if (signal.aborted) await callChecked(machine, what, "syn_session_cancel", [session]);
    checkNotAborted(signal, what);
    const result = (await machine.call("syn_session_advance", session, 1)) | 0;
    if (result !== MORE) return checkResult(machine, what, "syn_session_advance", result);
    if (performance.now() - rested < PIECES_MS) continue;
    await new Promise((resolve) => setTimeout(resolve));
    rested = performance.now();
  }
}

/** Calls a function that fills one struct of the C API, named after `args`. */
export async function callForStruct(
  machine: Machine,
  what: string,
  name: string,
  args: readonly number[],
  struct: string,
): Promise<Struct> {
  return withBuffers(machine, async (buffers) => {
    const empty = new Struct(machine.manifest, struct);
    const address = await buffers.alloc(empty.bytes.length, struct);
    machine.write(address, empty.bytes);
    await callChecked(machine, what, name, [...args, address]);
    return new Struct(machine.manifest, struct, machine.read(address, empty.bytes.length));
  });
}

/** Calls a function that fills `count` words, each behind a pointer that follows `args`. */
export async function callForWords(
  machine: Machine,
  what: string,
  name: string,
  args: readonly number[],
  count: number,
): Promise<number[]> {
  return withBuffers(machine, async (buffers) => {
    const address = await buffers.alloc(4 * count, "results");
    const pointers = Array.from({ length: count }, (_, index) => address + 4 * index);
    await callChecked(machine, what, name, [...args, ...pointers]);
    const words = machine.read(address, 4 * count);
    const view = new DataView(words.buffer, words.byteOffset, words.byteLength);
    return pointers.map((_, index) => view.getUint32(4 * index, true));
  });
}
