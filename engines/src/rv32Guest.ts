import { closeSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildFile } from "./builds.js";
import { EngineError } from "./errors.js";
import { type Guest, type Manifest, parseManifest } from "./guest.js";
import { Rv32Process } from "./rv32Process.js";

export interface Rv32Options {
  /**
   * RAM of the emulated guest; models, their sessions and the runtime live in it. A multiple of 1 MiB,
   * by default 256 MiB.
   */
  readonly ramBytes?: number;
  /**
   * Counts retired instructions exactly and repeatably, at half the speed. Otherwise profile ticks are of no use.
   * By default true.
   */
  readonly icount?: boolean;
  /** How long one call may take before the guest counts as hung. By default 10 minutes. */
  readonly timeoutMs?: number;
  /** The emulator, by default `qemu-system-riscv32` on the PATH. */
  readonly command?: string;
}

const RAM_START = 0x80000000;
const MIB = 2 ** 20;
const HELLO_TIMEOUT_MS = 60_000;
const COMMAND = { hello: 0, call: 1, exit: 3 } as const;
/** The emulated chip has RV32IMAFC: no double precision. */
const CPU = "rv32,d=false";

/**
 * The guest's RAM is a file that the emulator maps and this side reads and writes: the kernel keeps both views the
 * same, and the answer to a command orders them. The file loses its name as soon as the emulator has it open, so it
 * cannot outlive the two.
 */
export class Rv32Guest implements Guest {
  readonly manifest: Manifest;
  readonly ticks: number;
  readonly #process: Rv32Process;
  readonly #ram: number;
  readonly #ramBytes: number;
  readonly #functions: ReadonlyMap<string, number>;
  #open = true;

  private constructor(process: Rv32Process, ram: number, ramBytes: number, hello: readonly number[]) {
    const [manifest = 0, manifestBytes = 0, ticks = 0] = hello;
    this.#process = process;
    this.#ram = ram;
    this.#ramBytes = ramBytes;
    this.ticks = ticks;
    this.manifest = parseManifest(this.read(manifest, manifestBytes));
    this.#functions = new Map([...this.manifest.functions, "alloc", "free"].map((name, index) => [name, index]));
  }

  static async start(options: Rv32Options): Promise<Rv32Guest> {
    const ramBytes = Math.min(1024, Math.max(16, Math.ceil((options.ramBytes ?? 256 * MIB) / MIB))) * MIB;
    const elf = buildFile("synapse-rv32.elf");
    const folder = mkdtempSync(join(tmpdir(), "synapse-rv32-"));
    const path = join(folder, "ram");
    const ram = openSync(path, "w+");
    let started: Rv32Process | undefined;
    try {
      ftruncateSync(ram, ramBytes);
      const args = qemuArguments(elf, path, ramBytes, options.icount ?? true);
      started = new Rv32Process(options.command ?? "qemu-system-riscv32", args, options.timeoutMs ?? 600_000);
      await started.started(HELLO_TIMEOUT_MS);
      const hello = await started.request([COMMAND.hello, ramBytes], HELLO_TIMEOUT_MS);
      return new Rv32Guest(started, ram, ramBytes, hello);
    } catch (cause) {
      await started?.close(COMMAND.exit);
      closeSync(ram);
      throw cause;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** The emulator's process, as the system numbers it. */
  get processId(): number | undefined {
    return this.#process.processId;
  }

  async call(name: string, ...args: readonly number[]): Promise<number> {
    const index = this.#functions.get(name);
    if (index === undefined) throw new EngineError("BUILD", `the RV32 build has no ${name}: rebuild it`);
    this.#check();
    const [result = 0] = await this.#process.request([COMMAND.call, index, ...args]);
    return result;
  }

  alloc(bytes: number): Promise<number> {
    return this.call("alloc", bytes);
  }

  async free(address: number, bytes: number): Promise<void> {
    if (this.#open) await this.call("free", address, bytes);
  }

  read(address: number, bytes: number): Uint8Array {
    this.#check();
    const data = new Uint8Array(Math.max(0, Math.min(bytes, this.#ramBytes - (address - RAM_START))));
    let done = 0;
    while (done < data.length) {
      const count = readSync(this.#ram, data, done, data.length - done, address - RAM_START + done);
      if (count === 0) throw new EngineError("STOPPED", "the emulated core's memory cannot be read");
      done += count;
    }
    return data;
  }

  write(address: number, data: Uint8Array): void {
    this.#check();
    let done = 0;
    while (done < data.length) done += writeSync(this.#ram, data, done, data.length - done, address - RAM_START + done);
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    await this.#process.close(COMMAND.exit);
    this.#open = false;
    closeSync(this.#ram);
  }

  #check(): void {
    if (!this.#open) throw new EngineError("ARGUMENT", "the engine is closed");
  }
}

function qemuArguments(elf: string, ram: string, ramBytes: number, icount: boolean): string[] {
  // A comma separates options in the emulator's command line; doubled, it stands for itself.
  const quoted = ram.replaceAll(",", ",,");
  return [
    ...["-M", "virt,memory-backend=ram", "-cpu", CPU, "-m", `${ramBytes / MIB}M`],
    ...["-object", `memory-backend-file,id=ram,size=${ramBytes},mem-path=${quoted},share=on`],
    ...["-bios", "none", "-kernel", elf, "-display", "none", "-monitor", "none", "-no-reboot"],
    ...["-chardev", "stdio,id=uart,mux=off,signal=off", "-serial", "chardev:uart"],
    ...(icount ? ["-icount", "shift=0"] : []),
  ];
}
