import { EngineError } from "./errors.js";

/** What an entry point takes and gives: one input or output. */
export interface PortInfo {
  readonly name: string;
  readonly kind: "tensor" | "image" | "tokens" | "latent" | "action";
  readonly type: "f32" | "u8" | "i32";
  /** Row-major. When `dynamic`, the first dimension is the maximum. */
  readonly shape: readonly number[];
  readonly dynamic: boolean;
  readonly bytesMax: number;
}

export interface EntryInfo {
  readonly name: string;
  readonly rowsMax: number;
  readonly opCount: number;
  readonly inputs: readonly PortInfo[];
  readonly outputs: readonly PortInfo[];
}

export interface ModelInfo {
  readonly name: string;
  /** Outputs are equal byte for byte on every build. */
  readonly exact: boolean;
  readonly fileBytes: number;
  readonly sha256: string;
  readonly goldenCount: number;
  readonly entries: readonly EntryInfo[];
  /** The decoded `meta` map of the pack. */
  readonly meta: Readonly<Record<string, unknown>>;
}

/** Memory of one session, in bytes, by region. */
export interface SessionRequirements {
  readonly fastBytes: number;
  readonly slowBytes: number;
  readonly stateBytes: number;
  readonly threadBytes: number;
  readonly sessionBytes: number;
}

export interface OpProfile {
  readonly op: string;
  readonly name: string;
  readonly runs: number;
  /** Engine ticks: nanoseconds on native and WASM, retired instructions on RV32. */
  readonly ticks: number;
  readonly macs: number;
  readonly weightBytes: number;
  readonly activationBytes: number;
}

export interface Session {
  readonly requirements: SessionRequirements;
  /**
   * Runs an entry point. `inputs` in the order of the entry's ports, each exactly `rows` rows when its port is dynamic;
   * the outputs are fresh copies. Rejects with an EngineError when a size or a name is wrong, and with code `CANCELLED`
   * when `signal` is aborted before the last op: within the time of one op.
   * A run that had begun leaves a state of zeros.
   */
  run(entry: string, inputs: readonly Uint8Array[], rows?: number, signal?: AbortSignal): Promise<Uint8Array[]>;
  /** A copy of the state region; give it to `setState` of any session of the same model to restore or fork. */
  getState(): Promise<Uint8Array>;
  setState(state: Uint8Array): Promise<void>;
  reset(): Promise<void>;
  /** Runs the pack's self-test vectors; rejects with code `GOLDEN` when one differs. `signal` as for `run`. */
  selfTest(signal?: AbortSignal): Promise<void>;
  profile(entry: string): Promise<OpProfile[]>;
  resetProfile(): Promise<void>;
  close(): Promise<void>;
}

export interface Model {
  readonly info: ModelInfo;
  createSession(options?: { readonly threads?: number }): Promise<Session>;
  close(): Promise<void>;
}

export type EngineName = "native" | "wasm" | "wasm-baseline" | "rv32";

/** One build of the runtime. All builds give the same bytes for an `exact` model. */
export interface Engine {
  readonly name: EngineName;
  /** The instruction set of the inner loops, e.g. `avx512vnni`, `simd128`, `generic`. */
  readonly isa: string;
  /** Opens a packed model; rejects with an EngineError that carries the runtime's code, byte offset and message. */
  openModel(file: Uint8Array): Promise<Model>;
  close(): Promise<void>;
}

export function checkNotAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw new EngineError("CANCELLED", `${what} was cancelled`);
}
