import { readFile } from "node:fs/promises";
import { cableModule } from "../../board/boardBuilds.js";

/** What the console of a board's application asks of the board around it. */
export interface CableHost {
  /** Bytes for the line. */
  send(bytes: Uint8Array): void;
  /** Somebody says which network to join; answered by `joined` or `joinFailed`. */
  join(ssid: string, password: string): void;
  /** Somebody asks which networks there are; answered by `networks`. */
  scan(): void;
  /** The board may be claimed without its code. */
  claim(): void;
  resetSettings(): void;
  /** The words that there are, for the log. */
  help(text: string): void;
  /** A question to the board's API; answered under this number by `answerBegin`, `answerAdd` and `answerEnd`. */
  ask(number: number, method: string, target: string): void;
}

/** What a console says of the board to those who ask. */
export interface CableNames {
  readonly firmware: string;
  readonly version: string;
  readonly chip: string;
  readonly deviceName: string;
}

interface CableExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly [name: string]: unknown;
}

/** The part of the WebAssembly JavaScript interface that is used. */
interface WasmApi {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ readonly instance: { readonly exports: CableExports } }>;
}
const wasm = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;

/**
 * The serial console of a board's application: Improv, the words that people type, and questions of programs. It is the
 * C of firmware/main/setup that runs on a board, as a WASM module.
 */
export class Cable {
  #exports: CableExports;

  private constructor(exports: CableExports) {
    this.#exports = exports;
  }

  /** Rejects with an EngineError `BUILD_MISSING` when the module was not built. */
  static async open(names: CableNames, host: CableHost): Promise<Cable> {
    const bytes = await readFile(cableModule());
    const { instance } = await wasm.instantiate(bytes, { host: imports(host, () => cable.#exports.memory.buffer) });
    const cable = new Cable(instance.exports);
    cable.#call("_initialize");
    const texts = [names.firmware, names.version, names.chip, names.deviceName];
    cable.#write(new TextEncoder().encode(texts.map((text) => `${text}\0`).join("")));
    cable.#call("begin", 0);
    return cable;
  }

  /** Bytes that came over the line. */
  feed(bytes: Uint8Array): void {
    this.#pieces(bytes, (count) => this.#call("feed", count));
  }

  /** The board is in the network, at this address. */
  joined(url: string): void {
    this.#text(url);
    this.#call("joined");
  }

  joinFailed(): void {
    this.#call("join_failed");
  }

  networks(found: readonly { readonly ssid: string; readonly rssiDbm: number; readonly locked: boolean }[]): void {
    for (const { ssid, rssiDbm, locked } of found) {
      this.#text(ssid);
      this.#call("network", rssiDbm, locked ? 1 : 0);
    }
    this.#call("networks_end");
  }

  answerBegin(number: number, status: number): void {
    this.#call("answer_begin", number, status);
  }

  answerAdd(number: number, bytes: Uint8Array): void {
    this.#pieces(bytes, (count) => this.#call("answer_add", number, count));
  }

  answerEnd(number: number): void {
    this.#call("answer_end", number);
  }

  #call(name: string, ...args: number[]): number {
    return (this.#exports[name] as (...given: number[]) => number)(...args);
  }

  #pieces(bytes: Uint8Array, each: (count: number) => void): void {
    const size = this.#call("input_size");
    for (let at = 0; at < bytes.length; at += size) each(this.#write(bytes.subarray(at, at + size)));
  }

  #text(text: string): void {
    this.#write(new TextEncoder().encode(`${text}\0`));
  }

  #write(bytes: Uint8Array): number {
    new Uint8Array(this.#exports.memory.buffer, this.#call("input"), bytes.length).set(bytes);
    return bytes.length;
  }
}

function imports(host: CableHost, buffer: () => ArrayBuffer): Record<string, (...given: number[]) => void> {
  const bytes = (at = 0, count = 0) => new Uint8Array(buffer(), at, count).slice();
  const text = (at = 0, count = 0) => new TextDecoder().decode(bytes(at, count));
  return {
    send: (at, count) => host.send(bytes(at, count)),
    join: (ssid, ssidBytes, password, passwordBytes) => host.join(text(ssid, ssidBytes), text(password, passwordBytes)),
    scan: () => host.scan(),
    claim: () => host.claim(),
    reset_settings: () => host.resetSettings(),
    help: (at, count) => host.help(text(at, count)),
    ask: (number = 0, method, methodBytes, target, targetBytes) =>
      host.ask(number, text(method, methodBytes), text(target, targetBytes)),
  };
}
