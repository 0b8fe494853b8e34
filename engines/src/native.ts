import { availableParallelism } from "node:os";
import { loadAddon } from "./addon.js";
import { decodeMeta } from "./decodeMeta.js";
import {
  checkNotAborted,
  type Engine,
  type EntryInfo,
  type Model,
  type ModelInfo,
  type OpProfile,
  type Session,
  type SessionRequirements,
} from "./engine.js";
import { checkInputs, findEntry } from "./entryInputs.js";
import { EngineError } from "./errors.js";

/** Handles of the addon: only the addon can look inside. */
type ModelHandle = { readonly model: unique symbol };
type SessionHandle = { readonly session: unique symbol };

/** What engines/native/addon.zig exports. */
interface Addon {
  isa(): string;
  allocate(bytes: number): ArrayBuffer;
  modelOpen(file: Uint8Array): ModelHandle;
  modelInfo(
    model: ModelHandle,
  ): Omit<ModelInfo, "meta" | "entries"> & { readonly meta?: Uint8Array; readonly entries: EntryInfo[] };
  modelRelease(model: ModelHandle): void;
  sessionRequirements(model: ModelHandle, threads: number): SessionRequirements;
  sessionOpen(model: ModelHandle, threads: number): SessionHandle;
  sessionRun(session: SessionHandle, entry: number, rows: number, inputs: readonly Uint8Array[]): Promise<Uint8Array[]>;
  sessionSelfTest(session: SessionHandle): Promise<void>;
  sessionCancel(session: SessionHandle): void;
  sessionState(session: SessionHandle): Uint8Array;
  sessionSetState(session: SessionHandle, state: Uint8Array): void;
  sessionReset(session: SessionHandle): void;
  sessionProfile(session: SessionHandle, entry: number): OpProfile[];
  sessionResetProfile(session: SessionHandle): void;
  sessionClose(session: SessionHandle): void;
}

let loaded: Addon | undefined;

/** The addon, loaded once for the process. */
export function nativeAddon(): Addon {
  loaded ??= loadAddon() as Addon;
  return loaded;
}

/** Memory that the native engine uses in place: a pack read into it is not copied again. */
export function allocateAligned(bytes: number): Uint8Array {
  return new Uint8Array(nativeAddon().allocate(bytes));
}

/** Errors of the addon carry a code and an offset; what users see is an EngineError. */
function engineError(cause: unknown): Error {
  if (cause instanceof Error && "code" in cause && typeof cause.code === "string" && !(cause instanceof EngineError)) {
    const offset = "offset" in cause && typeof cause.offset === "number" && cause.offset > 0 ? cause.offset : undefined;
    return new EngineError(cause.code, cause.message, offset);
  }
  return cause as Error;
}

function call<T>(body: () => T): T {
  try {
    return body();
  } catch (cause) {
    throw engineError(cause);
  }
}

/** The runtime on this machine's own processor, with threads. */
class NativeEngine implements Engine {
  readonly name = "native";
  readonly isa: string;
  #closed = false;

  constructor() {
    this.isa = nativeAddon().isa();
  }

  async openModel(file: Uint8Array): Promise<Model> {
    if (this.#closed) throw new EngineError("ARGUMENT", "the native engine is closed");
    return new NativeModel(call(() => nativeAddon().modelOpen(file)));
  }

  /** Nothing to stop: models and sessions are closed one by one, or when they are collected. */
  async close(): Promise<void> {
    this.#closed = true;
  }
}

/** Rejects with an EngineError `ADDON_MISSING` that says why when there is no addon for this machine. */
export async function openNativeEngine(): Promise<Engine> {
  return new NativeEngine();
}

class NativeModel implements Model {
  readonly info: ModelInfo;
  readonly #handle: ModelHandle;
  readonly #sessions = new Set<NativeSession>();
  #closed = false;

  constructor(handle: ModelHandle) {
    this.#handle = handle;
    const { meta, ...info } = nativeAddon().modelInfo(handle);
    try {
      this.info = { ...info, meta: meta === undefined ? {} : decodeMeta(meta) };
    } catch (cause) {
      nativeAddon().modelRelease(handle);
      throw cause;
    }
  }

  /** `threads`: 1 to 64; as many as the machine has cores when left out. */
  async createSession(options: { readonly threads?: number } = {}): Promise<Session> {
    if (this.#closed) throw new EngineError("ARGUMENT", `the model ${JSON.stringify(this.info.name)} is closed`);
    const threads = options.threads ?? Math.min(availableParallelism(), 64);
    if (!Number.isInteger(threads) || threads < 1 || threads > 64)
      throw new EngineError("ARGUMENT", `threads is ${threads}; expected 1 to 64`);
    const requirements = call(() => nativeAddon().sessionRequirements(this.#handle, threads));
    const session = new NativeSession(
      call(() => nativeAddon().sessionOpen(this.#handle, threads)),
      this.info,
      requirements,
      () => this.#sessions.delete(session),
    );
    this.#sessions.add(session);
    return session;
  }

  /** Closes its sessions too. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const session of [...this.#sessions]) await session.close();
    nativeAddon().modelRelease(this.#handle);
  }
}

class NativeSession implements Session {
  readonly requirements: SessionRequirements;
  readonly #handle: SessionHandle;
  readonly #info: ModelInfo;
  readonly #onClose: () => void;
  #last: Promise<unknown> = Promise.resolve();

  constructor(handle: SessionHandle, info: ModelInfo, requirements: SessionRequirements, onClose: () => void) {
    this.#onClose = onClose;
    this.#handle = handle;
    this.#info = info;
    this.requirements = requirements;
  }

  /** Calls of one session must not overlap; they are carried out one after the other. */
  #next<T>(body: () => T | Promise<T>): Promise<T> {
    const run = this.#last.then(body).catch((cause) => {
      throw engineError(cause);
    });
    this.#last = run.catch(() => undefined);
    return run;
  }

  run(name: string, inputs: readonly Uint8Array[], rows?: number, signal?: AbortSignal): Promise<Uint8Array[]> {
    return this.#next(() => {
      const { index, entry } = findEntry(this.#info, name);
      const count = rows ?? entry.rowsMax;
      checkInputs(entry, inputs, count);
      return this.#cancellable(signal, () => nativeAddon().sessionRun(this.#handle, index, count, inputs));
    });
  }

  async #cancellable<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    if (signal === undefined) return work();
    checkNotAborted(signal, "the run");
    const cancel = (): void => nativeAddon().sessionCancel(this.#handle);
    const working = work();
    signal.addEventListener("abort", cancel);
    try {
      return await working;
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  getState(): Promise<Uint8Array> {
    return this.#next(() => nativeAddon().sessionState(this.#handle));
  }

  setState(state: Uint8Array): Promise<void> {
    return this.#next(() => {
      const { stateBytes } = this.requirements;
      if (state.length !== stateBytes)
        throw new EngineError("ARGUMENT", `the state has ${state.length} bytes; this model's has ${stateBytes}`);
      nativeAddon().sessionSetState(this.#handle, state);
    });
  }

  reset(): Promise<void> {
    return this.#next(() => nativeAddon().sessionReset(this.#handle));
  }

  selfTest(signal?: AbortSignal): Promise<void> {
    return this.#next(() => this.#cancellable(signal, () => nativeAddon().sessionSelfTest(this.#handle)));
  }

  profile(name: string): Promise<OpProfile[]> {
    return this.#next(() => nativeAddon().sessionProfile(this.#handle, findEntry(this.#info, name).index));
  }

  resetProfile(): Promise<void> {
    return this.#next(() => nativeAddon().sessionResetProfile(this.#handle));
  }

  close(): Promise<void> {
    this.#onClose();
    return this.#next(() => nativeAddon().sessionClose(this.#handle));
  }
}
