export type LogLetter = "I" | "W" | "E";

/** What a line of log takes on a serial line at the speed of the console: the bootloader's clock here. */
const LINE_MS = 6;
const FIRST_MS = 25;

/** Lines as ESP-IDF writes them: `I (25) boot: text`. Their times count lines, so that the same flash logs the same. */
export class BootLog {
  #print: (text: string) => void;
  #ms = FIRST_MS;

  constructor(print: (text: string) => void) {
    this.#print = print;
  }

  line(letter: LogLetter, tag: string, text: string): void {
    this.#print(`${letter} (${this.#ms}) ${tag}: ${text}\r\n`);
    this.#ms += LINE_MS;
  }

  get ms(): number {
    return this.#ms;
  }
}

export const hex = (value: number, digits = 0): string => value.toString(16).padStart(digits, "0");
