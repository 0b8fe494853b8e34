import { inputError } from "../files/inputError.js";

/** A function or an object of a program, from its first address on. */
interface ElfSymbol {
  readonly address: number;
  readonly bytes: number;
  readonly name: string;
}

const HEADER_BYTES = 52;
const SECTION_BYTES = 40;
const SYMBOL_BYTES = 16;
const SYMBOL_TABLE = 2;
/** Of a symbol without a size, such as one of assembler: what is further away is something else. */
const REACH_BYTES = 4096;
const FUNCTION = 2;
const UNTYPED = 0;

/** The symbols of a program for the chip: a 32-bit little-endian ELF. */
export class ElfSymbols {
  readonly #symbols: readonly ElfSymbol[];
  /** Whether it says which lines of source its code is from (DWARF). */
  readonly hasLines: boolean;

  /** Throws an InputError `ELF_NOT_ONE`, or `ELF_NO_SYMBOLS` of one that was stripped. */
  constructor(file: Uint8Array, source: string) {
    const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    if (file.length < HEADER_BYTES || view.getUint32(0) !== 0x7f454c46 || file[4] !== 1 || file[5] !== 1) {
      throw inputError(source, "ELF_NOT_ONE", "this is no program for the chip", {
        expected: "the .elf beside the .bin in the build folder",
      });
    }
    this.#symbols = readSymbols(file, view);
    // A section's name is not looked up in their table: no other text of a program looks like this one.
    this.hasLines = Buffer.from(file.buffer, file.byteOffset, file.byteLength).includes("\0.debug_line\0", 0, "latin1");
    if (this.#symbols.length > 0) return;
    throw inputError(source, "ELF_NO_SYMBOLS", "it has no symbols", {
      expected: "the .elf that idf.py build has left, not a stripped one",
    });
  }

  /** `app_main+0x12`; undefined where nothing is. */
  nameOf(address: number): string | undefined {
    let low = 0;
    let high = this.#symbols.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#symbols[middle] as ElfSymbol).address <= address) low = middle + 1;
      else high = middle;
    }
    const found = this.#symbols[low - 1];
    if (found === undefined || address >= found.address + (found.bytes || REACH_BYTES)) return undefined;
    return `${found.name}+0x${(address - found.address).toString(16)}`;
  }
}

/** In the order of addresses. Tables that lie outside of the file are none. */
function readSymbols(file: Uint8Array, view: DataView): ElfSymbol[] {
  const [sections, count] = [view.getUint32(32, true), view.getUint16(48, true)];
  const symbols: ElfSymbol[] = [];
  const section = (index: number) => {
    const at = sections + index * SECTION_BYTES;
    if (index >= count || at + SECTION_BYTES > file.length) return undefined;
    const [type, offset, bytes, link] = [4, 16, 20, 24].map((field) => view.getUint32(at + field, true));
    if (type === undefined || offset === undefined || bytes === undefined || offset + bytes > file.length)
      return undefined;
    return { type, offset, bytes, link: link ?? 0 };
  };
  for (let index = 0; index < count; index++) {
    const table = section(index);
    const names = table?.type === SYMBOL_TABLE ? section(table.link) : undefined;
    if (table === undefined || names === undefined) continue;
    const texts = file.subarray(names.offset, names.offset + names.bytes);
    for (let at = table.offset; at + SYMBOL_BYTES <= table.offset + table.bytes; at += SYMBOL_BYTES) {
      const type = view.getUint8(at + 12) & 15;
      const name = textAt(texts, view.getUint32(at, true));
      if ((type !== FUNCTION && type !== UNTYPED) || name === "" || name.startsWith("$")) continue;
      symbols.push({ address: view.getUint32(at + 4, true), bytes: view.getUint32(at + 8, true), name });
    }
    // A program has one; headers that name the same bytes again and again would fill the memory.
    break;
  }
  return symbols.sort((a, b) => a.address - b.address || a.bytes - b.bytes);
}

/** Longer ones are none of a compiler's. */
const NAME_BYTES_MAX = 2048;

function textAt(texts: Uint8Array, start: number): string {
  const name = texts.subarray(start, start + NAME_BYTES_MAX);
  const end = name.indexOf(0);
  return end < 0 ? "" : new TextDecoder().decode(name.subarray(0, end));
}
