import {
  checkNotAborted,
  type EntryInfo,
  type ModelInfo,
  type OpProfile,
  type Session,
  type SessionRequirements,
} from "./engine.js";
import { checkInputs, findEntry, portBytes } from "./entryInputs.js";
import { EngineError } from "./errors.js";
import { type Guest, Struct } from "./guest.js";
import {
  advanceToEnd,
  Buffers,
  callChecked,
  callForStruct,
  callForWords,
  readCString,
  readText,
  withBuffers,
} from "./guestCalls.js";

/** One session in a guest's memory. Its methods may be called at any time; they are carried out one after the other. */
export class GuestSession implements Session {
  readonly requirements: SessionRequirements;
  readonly #guest: Guest;
  readonly #info: ModelInfo;
  readonly #address: number;
  readonly #buffers: Buffers;
  readonly #onClose: () => void;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(
    guest: Guest,
    info: ModelInfo,
    address: number,
    buffers: Buffers,
    requirements: SessionRequirements,
    onClose: () => void,
  ) {
    this.#guest = guest;
    this.#info = info;
    this.#address = address;
    this.#buffers = buffers;
    this.requirements = requirements;
    this.#onClose = onClose;
  }

  static async open(guest: Guest, model: number, info: ModelInfo, onClose: () => void): Promise<GuestSession> {
    const needs = await callForStruct(
      guest,
      "opening a session",
      "syn_session_get_requirements",
      [model, 1],
      "syn_session_requirements",
    );
    const config = new Struct(guest.manifest, "syn_session_config");
    const buffers = new Buffers(guest);
    try {
      for (const region of ["session", "fast", "slow", "state", "thread"]) {
        const bytes = needs.get(`${region}_bytes`);
        config.set(region, await buffers.alloc(bytes, `the session's ${region} region`));
        config.set(`${region}_bytes`, bytes);
      }
      config.set("threads", 1);
      config.set("ticks", guest.ticks);
      const address = await withBuffers(guest, async (temporary) => {
        const at = await temporary.alloc(config.bytes.length, "syn_session_config");
        guest.write(at, config.bytes);
        return (await callForWords(guest, "opening a session", "syn_session_open", [model, at], 1))[0] ?? 0;
      });
      const requirements = {
        fastBytes: needs.get("fast_bytes"),
        slowBytes: needs.get("slow_bytes"),
        stateBytes: needs.get("state_bytes"),
        threadBytes: needs.get("thread_bytes"),
        sessionBytes: needs.get("session_bytes"),
      };
      return new GuestSession(guest, info, address, buffers, requirements, onClose);
    } catch (cause) {
      await buffers.free().catch(() => undefined);
      throw cause;
    }
  }

  /** Calls of one session must not overlap: a run between another's input and output would mix them up. */
  #next<T>(body: () => Promise<T>): Promise<T> {
    const run = this.#last.then(() => {
      if (this.#closed) throw new EngineError("ARGUMENT", "the session is closed");
      return body();
    });
    this.#last = run.catch(() => undefined);
    return run;
  }

  #entry(name: string): { readonly index: number; readonly entry: EntryInfo } {
    return findEntry(this.#info, name);
  }

  run(name: string, inputs: readonly Uint8Array[], rows?: number, signal?: AbortSignal): Promise<Uint8Array[]> {
    return this.#next(async () => {
      const { index, entry } = this.#entry(name);
      const count = rows ?? entry.rowsMax;
      checkInputs(entry, inputs, count);
      for (const [port, data] of inputs.entries()) {
        const [address = 0] = await callForWords(
          this.#guest,
          name,
          "syn_session_input",
          [this.#address, index, port],
          2,
        );
        this.#guest.write(address, data);
      }
      await this.#whole(
        `running ${name}`,
        ["syn_session_run", "syn_session_begin"],
        [this.#address, index, count],
        signal,
      );
      const outputs: Uint8Array[] = [];
      for (const [port, info] of entry.outputs.entries()) {
        const [address = 0] = await callForWords(
          this.#guest,
          name,
          "syn_session_output",
          [this.#address, index, port],
          2,
        );
        outputs.push(this.#guest.read(address, portBytes(info, count)));
      }
      return outputs;
    });
  }

  /** A function that does all at once, or with a signal the one that begins the same, and then its ops. */
  async #whole(
    what: string,
    [all, begin]: readonly [string, string],
    args: readonly number[],
    signal?: AbortSignal,
  ): Promise<void> {
    if (signal === undefined) return callChecked(this.#guest, what, all, args);
    checkNotAborted(signal, what);
    await callChecked(this.#guest, what, begin, args);
    return advanceToEnd(this.#guest, what, this.#address, signal);
  }

  async #stateRegion(): Promise<readonly [number, number]> {
    const [address = 0, bytes = 0] = await callForWords(
      this.#guest,
      "the session's state",
      "syn_session_state",
      [this.#address],
      2,
    );
    return [address, bytes];
  }

  getState(): Promise<Uint8Array> {
    return this.#next(async () => {
      const [address, bytes] = await this.#stateRegion();
      return bytes === 0 ? new Uint8Array(0) : this.#guest.read(address, bytes);
    });
  }

  setState(state: Uint8Array): Promise<void> {
    return this.#next(async () => {
      const [address, bytes] = await this.#stateRegion();
      if (state.length !== bytes)
        throw new EngineError("ARGUMENT", `the state has ${state.length} bytes; this model's has ${bytes}`);
      if (bytes > 0) this.#guest.write(address, state);
    });
  }

  reset(): Promise<void> {
    return this.#next(() => callChecked(this.#guest, "resetting the session", "syn_session_reset", [this.#address]));
  }

  selfTest(signal?: AbortSignal): Promise<void> {
    return this.#next(async () => {
      for (let golden = 0; golden < this.#info.goldenCount; golden += 1) {
        const what = `self-test ${golden} of ${this.#info.name}`;
        await this.#whole(
          what,
          ["syn_session_self_test", "syn_session_begin_self_test"],
          [this.#address, golden],
          signal,
        );
      }
    });
  }

  profile(name: string): Promise<OpProfile[]> {
    return this.#next(async () => {
      const { index, entry } = this.#entry(name);
      const ops: OpProfile[] = [];
      for (let op = 0; op < entry.opCount; op += 1) {
        const found = await callForStruct(
          this.#guest,
          name,
          "syn_session_get_profile",
          [this.#address, index, op],
          "syn_op_profile",
        );
        ops.push({
          op: readCString(this.#guest, found.get("op")),
          name: readText(this.#guest, found.get("name"), found.get("name_bytes")),
          runs: found.get("runs"),
          ticks: found.get("ticks"),
          macs: found.get("macs"),
          weightBytes: found.get("weight_bytes"),
          activationBytes: found.get("activation_bytes"),
        });
      }
      return ops;
    });
  }

  resetProfile(): Promise<void> {
    return this.#next(() =>
      callChecked(this.#guest, "resetting the profile", "syn_session_reset_profile", [this.#address]),
    );
  }

  async close(): Promise<void> {
    await this.#last;
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
    await this.#buffers.free();
  }
}
