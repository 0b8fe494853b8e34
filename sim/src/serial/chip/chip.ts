import { Cable, type LinePeer } from "../line/cable.js";
import type { LineFaults } from "../line/faults.js";
import { COMMAND, parseRequest, REQUEST_BYTES_MAX } from "../protocol/loaderProtocol.js";
import { SlipReader } from "../protocol/slip.js";
import { Loader } from "./loader.js";
import type { NorFlash } from "./norFlash.js";
import { Registers } from "./registers.js";
import { type ResetCause, romBanner } from "./romBanner.js";
import type { Silicon } from "./silicon.js";

/** What runs after a start from flash, be it the application or a bootloader that found none. */
export interface Application {
  /** Bytes from the serial line. */
  receive(bytes: Uint8Array): void;
  /** The chip resets; resolves when nothing of it runs any more and the flash has what it wrote. */
  stop(): Promise<void>;
}

export interface ApplicationHost {
  print(text: string): void;
  /** Bytes for the program on the line alone: a terminal does not show them. */
  send(bytes: Uint8Array): void;
  /** The application resets the chip. */
  reset(cause: ResetCause): void;
}

export type StartApplication = (flash: NorFlash, cause: ResetCause, host: ApplicationHost) => Promise<Application>;

export type ChipMode = "download" | "application";

export interface ChipOptions {
  /** Bytes on the line take the time that they take at its rate; they take none unless this is true. */
  readonly paced?: boolean;
  /** What the chip prints, whoever listens on its line. */
  readonly print?: (text: string) => void;
}

const START_BAUD = 115_200;
const CONSOLE_CHARACTERS_MAX = 262_144;

/**
 * A simulated ESP32-P4 and its flash behind a serial line: it starts what the flash holds, or, when the line asks for
 * it at a reset, its loader.
 */
export class Chip {
  readonly flash: NorFlash;
  readonly silicon: Silicon;
  #registers: Registers;
  #start: StartApplication;
  #loader: Loader | undefined;
  #application: Application | undefined;
  #cable: Cable;
  #print: (text: string) => void;
  #frames = new SlipReader(REQUEST_BYTES_MAX);
  #console = "";
  /** EN and BOOT as the circuit beside the USB bridge sets them: low means held. */
  #held = false;
  #bootHeld = false;
  /** Resets come one after the other; a later one makes earlier ones pointless. */
  #resets = 0;
  #last: Promise<void> = Promise.resolve();

  /** The cable is pulled: nothing runs until somebody plugs it in again. */
  #off = false;

  constructor(silicon: Silicon, flash: NorFlash, start: StartApplication, options: ChipOptions = {}) {
    this.silicon = silicon;
    this.flash = flash;
    this.#registers = new Registers(silicon);
    this.#start = start;
    this.#cable = new Cable((bytes) => this.#arrived(bytes), options.paced ?? false);
    this.#print = options.print ?? (() => undefined);
  }

  /** What is wrong with the cable from now on. */
  set faults(faults: LineFaults) {
    this.#cable.faults = faults;
  }

  get mode(): ChipMode {
    return this.#loader === undefined ? "application" : "download";
  }

  /** Everything that was printed since the chip exists, as far as it is kept: what a terminal would show. */
  get console(): string {
    return this.#console;
  }

  /** Resolves when resets and requests that have come so far are done. */
  async idle(): Promise<void> {
    await this.#last;
    await this.#loader?.idle;
    await this.#last;
  }

  attach(peer: LinePeer): void {
    this.#cable.peer = peer;
    this.#frames.reset();
    if (!this.#off) return;
    this.#off = false;
    this.reset("power-on");
  }

  /** The program has gone. On a line without signals the chip then starts what it has been given. */
  detach(): void {
    const signals = this.#cable.peer?.signals ?? true;
    this.#cable.peer = undefined;
    this.#bootHeld = false;
    if (this.#held) this.setSignals(false, false);
    else if (!signals && this.#loader && !this.#off) this.reset("power-on");
  }

  /** DTR and RTS, through the two transistors that boards have beside their USB bridge: both or none change nothing. */
  setSignals(dtr: boolean, rts: boolean): void {
    this.#bootHeld = dtr && !rts;
    if (rts && !dtr) {
      if (!this.#held) this.#halt();
      this.#held = true;
    } else if (this.#held && !(dtr && rts)) {
      this.#held = false;
      this.reset("power-on");
    }
  }

  /** Starts anew: into the loader while BOOT is held, else from flash. */
  reset(cause: ResetCause): void {
    if (this.#bootHeld) this.#enterDownload(cause);
    else this.#startFlash(cause);
  }

  /** Bytes that a program sends. */
  receive(bytes: Uint8Array): void {
    this.#cable.fromPeer(bytes);
  }

  #arrived(bytes: Uint8Array): void {
    if (this.#held || this.#off) return;
    const frames = this.#frames.push(bytes);
    if (this.#loader) {
      for (const frame of frames) this.#loader?.frame(frame);
      return;
    }
    const sync = this.#cable.peer?.signals === false && frames.findIndex(isSync);
    if (sync === false || sync === -1) {
      this.#application?.receive(bytes);
      return;
    }
    // Whoever cannot hold BOOT gets the loader for the asking, silently: it waits for an answer and nothing else.
    const loader = this.#enterDownload(undefined);
    for (const frame of frames.slice(sync)) loader.frame(frame);
  }

  async close(): Promise<void> {
    this.#halt();
    this.#cable.peer = undefined;
    await this.#last;
  }

  /** Nothing runs any more. */
  #halt(): void {
    this.#resets++;
    this.#loader?.leave();
    this.#loader = undefined;
    this.#frames.reset();
    this.#last = this.#last.then(() => this.#stopApplication());
  }

  async #stopApplication(): Promise<void> {
    const application = this.#application;
    this.#application = undefined;
    await application?.stop();
  }

  #enterDownload(cause: ResetCause | undefined): Loader {
    this.#halt();
    const mine = this.#resets;
    this.#registers = new Registers(this.silicon);
    this.#cable.baud = undefined;
    const loader = new Loader(this.silicon, this.flash, this.#registers, {
      send: (bytes) => {
        if (mine === this.#resets) this.#cable.toPeer(bytes);
      },
      setBaud: (rate) => {
        this.#cable.baud = rate;
      },
      written: () => {
        const fault = this.#cable.block();
        if (fault === "unplug") this.#unplug();
        return fault !== "stuck";
      },
      reset: (why) => {
        if (mine !== this.#resets) return;
        if (why === "crash") this.print(ILLEGAL_INSTRUCTION);
        this.reset(why === "crash" ? "watchdog" : why);
      },
    });
    // It may write the flash when the application has given it back.
    loader.after(this.#last);
    this.#loader = loader;
    if (cause) this.print(romBanner(this.silicon, cause, "download"));
    return loader;
  }

  #startFlash(cause: ResetCause): void {
    this.#halt();
    const mine = this.#resets;
    this.#cable.baud = START_BAUD;
    this.#last = this.#last.then(async () => {
      if (mine !== this.#resets) return;
      this.print(romBanner(this.silicon, cause, "flash"));
      const application = await this.#start(this.flash, cause, {
        print: (text) => mine === this.#resets && this.print(text),
        send: (bytes) => mine === this.#resets && this.#cable.toPeer(bytes),
        reset: (why) => mine === this.#resets && this.reset(why),
      });
      if (mine === this.#resets) this.#application = application;
      else await application.stop();
    });
  }

  print(text: string): void {
    this.#console = (this.#console + text).slice(-CONSOLE_CHARACTERS_MAX);
    this.#print(text);
    this.#cable.toPeer(new TextEncoder().encode(text));
  }

  /** With the cable goes the power. */
  #unplug(): void {
    this.#halt();
    this.#off = true;
    this.#cable.peer?.drop();
  }
}

const ILLEGAL_INSTRUCTION =
  "Guru Meditation Error: Core 0 panic'ed (Illegal instruction). Exception was unhandled.\r\n";

function isSync(frame: Uint8Array): boolean {
  const request = parseRequest(frame);
  return typeof request === "object" && request.command === COMMAND.sync;
}
