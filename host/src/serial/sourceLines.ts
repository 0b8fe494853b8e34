import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join, resolve } from "node:path";

/** Programs that read DWARF and say the same in the same form, the compiler's own first. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  "riscv32-esp-elf-addr2line": ["-p", "-f", "-i", "-a", "-C"],
  "llvm-symbolizer": ["--output-style=GNU", "-p", "-f", "-i", "-a", "-C"],
  "riscv64-unknown-elf-addr2line": ["-p", "-f", "-i", "-a", "-C"],
};
const ENDS = process.platform === "win32" ? [".exe"] : [""];
/** Of a program of tens of megabytes on a slow disk. */
const ANSWER_MS = 10_000;

/** Where in the source an address is, from the inside out: what was inlined there comes before its callers. */
export type SourcePlaces = readonly string[];

/** Finds the lines of source of a program's addresses by another program that is on this machine. */
export class SourceLines {
  /** Its name, for people. */
  readonly program: string;
  readonly #path: string;
  readonly #elf: string;

  private constructor(program: string, path: string, elf: string) {
    this.program = program;
    this.#path = path;
    this.#elf = resolve(elf);
  }

  /** Undefined where none of the programs is on the path. */
  static find(elf: string, env: Readonly<Record<string, string | undefined>>): SourceLines | undefined {
    const folders = (env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
    for (const name of Object.keys(PROGRAMS)) {
      const path = folders.flatMap((folder) => ENDS.map((end) => join(folder, name + end))).find(isExecutable);
      if (path !== undefined) return new SourceLines(name, path, elf);
    }
    return undefined;
  }

  static get programs(): readonly string[] {
    return Object.keys(PROGRAMS);
  }

  /** `app_main at /project/main.c:12`, by address; those without a line are left out, all when the program fails. */
  async at(addresses: readonly number[]): Promise<ReadonlyMap<number, SourcePlaces>> {
    const asked = addresses.map((address) => `0x${address.toString(16)}`);
    const args = [...(PROGRAMS[this.program] ?? []), "-e", this.#elf, ...asked];
    const said = await new Promise<string>((done) => {
      execFile(this.#path, args, { timeout: ANSWER_MS }, (error, stdout) => done(error ? "" : stdout));
    });
    return parsePlaces(said);
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Reads `0x4000a012: divide at /project/main.c:3` and ` (inlined by) app_main at /project/main.c:7`. */
function parsePlaces(said: string): ReadonlyMap<number, SourcePlaces> {
  const places = new Map<number, string[]>();
  let here: string[] | undefined;
  for (const line of said.split(/\r?\n/)) {
    const [, address, first, inlined] = /^(?:0x([0-9a-f]+): (.*)| ?\(inlined by\) (.*))$/i.exec(line) ?? [];
    if (address !== undefined) here = [];
    const place = first ?? inlined;
    // Of what has no line a number is missing.
    if (place !== undefined && /:[1-9]\d*( \(discriminator \d+\))?$/.test(place)) here?.push(place);
    if (address !== undefined && here !== undefined) places.set(Number.parseInt(address, 16), here);
  }
  return new Map([...places].filter(([, found]) => found.length > 0));
}
