import { readInput } from "../files/readInput.js";
import { ElfSymbols } from "./elfSymbols.js";
import { panicPlaces } from "./logLine.js";
import { SourceLines } from "./sourceLines.js";

const ELF_BYTES_MAX = 256 << 20;

/** Says what the addresses in a panic's lines are of. */
export class PanicDecoder {
  readonly #symbols: ElfSymbols;
  readonly #lines: SourceLines | undefined;

  private constructor(symbols: ElfSymbols, lines: SourceLines | undefined) {
    this.#symbols = symbols;
    this.#lines = symbols.hasLines ? lines : undefined;
  }

  /** Rejects with an InputError `ELF_NOT_ONE`, `ELF_NO_SYMBOLS` or one of the file system. */
  static async open(elf: string, env: Readonly<Record<string, string | undefined>>): Promise<PanicDecoder> {
    const symbols = new ElfSymbols(await readInput(elf, "the .elf of the firmware", ELF_BYTES_MAX), elf);
    return new PanicDecoder(symbols, SourceLines.find(elf, env));
  }

  /** What it can say, in words. */
  get about(): string {
    if (this.#lines !== undefined) return `functions and lines of source, by ${this.#lines.program}`;
    const why = this.#symbols.hasLines
      ? `none of ${SourceLines.programs.join(", ")} is on the PATH`
      : "it has no DWARF";
    return `functions without lines of source: ${why}`;
  }

  /** One text for each address that is of code, and one for each function that was inlined there. */
  async namesOf(line: string): Promise<string[]> {
    const places = panicPlaces(line).flatMap(({ register, address }) => {
      const name = this.#symbols.nameOf(address);
      return name === undefined ? [] : [{ register, address, name }];
    });
    if (places.length === 0) return [];
    const sources = await this.#lines?.at(places.map(({ address }) => address));
    return places.flatMap(({ register, address, name }) => {
      const [first, ...outer] = sources?.get(address) ?? [];
      const where = `${register} 0x${address.toString(16).padStart(8, "0")}: ${first ?? name}`;
      return [where, ...outer.map((place) => `  inlined by ${place}`)];
    });
  }
}
