/** As ESP-IDF writes them: `I (1234) tag: text`. */
export type LogLevel = "error" | "warn" | "info" | "debug" | "verbose";

const LEVELS: Readonly<Record<string, LogLevel>> = { E: "error", W: "warn", I: "info", D: "debug", V: "verbose" };
/** Of the registers of a panic, those that say where the program was, and the lines of backtraces. */
const PLACES = /\b(MEPC|RA|PC|Backtrace|S0\/FP)\s*:((?:\s*0x[0-9a-f]{8}(?::0x[0-9a-f]{8})?)+)/gi;

/** Undefined of lines that are no log, such as those of the chip's own loader and of a panic. */
export function levelOf(line: string): LogLevel | undefined {
  return LEVELS[/^([EWIDV]) \(/.exec(line)?.[1] ?? ""];
}

export const isPanic = (line: string): boolean =>
  /Guru Meditation Error|^abort\(\) was called|assert failed:/.test(line);

/** An address of code in a panic's line, and what it is of. */
export interface PanicPlace {
  readonly register: string;
  readonly address: number;
}

/** Those of a line, in their order. */
export function panicPlaces(line: string): PanicPlace[] {
  return [...line.matchAll(PLACES)].flatMap(([, register, values]) =>
    [...(values ?? "").matchAll(/0x([0-9a-f]{8})(?::0x[0-9a-f]{8})?/gi)].map(([, digits]) => ({
      register: register ?? "",
      address: Number.parseInt(digits ?? "", 16),
    })),
  );
}

/** Makes lines of text that comes in pieces. Colours and other commands to terminals are taken out. */
export class LineSplitter {
  #rest = "";
  readonly #decoder = new TextDecoder();

  push(bytes: Uint8Array): string[] {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    // Of a chip that never ends its line, the beginning is shown as one.
    this.#rest = (lines.pop() ?? "").slice(-LINE_CHARACTERS_MAX);
    return lines.map(plain);
  }

  /** What has no end yet. */
  end(): string[] {
    const rest = plain(this.#rest);
    this.#rest = "";
    return rest === "" ? [] : [rest];
  }
}

const LINE_CHARACTERS_MAX = 16_384;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be taken out
const TERMINAL_COMMANDS = /\u001b\[[0-9;?]*[ -/]*[@-~]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: those of eight bits, which terminals obey too, with them
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

function plain(line: string): string {
  return line.replaceAll(TERMINAL_COMMANDS, "").replaceAll(CONTROLS, "");
}
