/** One file of an `ar` archive. */
export interface ArchiveMember {
  readonly name: string;
  readonly data: Uint8Array;
}

const AR_MAGIC = "!<arch>\n";
const AR_HEADER_BYTES = 60;

/**
 * The object files of an `ar` archive (System V and GNU form), without its symbol index and its table of long names.
 */
export function readArchive(bytes: Uint8Array): ArchiveMember[] {
  if (text(bytes, 0, 8) !== AR_MAGIC)
    throw new Error(`not an archive: it does not begin with ${JSON.stringify(AR_MAGIC)}`);
  const members: ArchiveMember[] = [];
  let at = 8;
  let longNames = "";
  while (at + AR_HEADER_BYTES <= bytes.length) {
    const name = text(bytes, at, 16).trim();
    const size = Number(text(bytes, at + 48, 10).trim());
    if (text(bytes, at + 58, 2) !== "`\n" || !Number.isInteger(size))
      throw new Error(`byte ${at}: expected an archive member's header`);
    const data = bytes.subarray(at + AR_HEADER_BYTES, at + AR_HEADER_BYTES + size);
    if (data.length !== size) throw new Error(`member ${name} is cut short`);
    // `name/`, or `/12` for the twelfth byte of the table of names that do not fit here.
    if (name === "//") longNames = text(data, 0, data.length);
    else if (name !== "/") {
      const long = /^\/(\d+)$/.exec(name)?.[1];
      const full = long === undefined ? name : longNames.slice(Number(long)).split("\n", 1)[0];
      members.push({ name: (full ?? name).replace(/\/$/, ""), data });
    }
    at += AR_HEADER_BYTES + size + (size % 2);
  }
  return members;
}

export interface ElfSection {
  readonly name: string;
  readonly type: number;
  /** Takes memory when the program runs (SHF_ALLOC). */
  readonly allocated: boolean;
  readonly bytes: number;
}

export interface ElfSymbol {
  readonly name: string;
  readonly defined: boolean;
  /** Seen by other files: global or weak. */
  readonly global: boolean;
}

export interface ElfFile {
  readonly machine: number;
  readonly flags: number;
  readonly sections: readonly ElfSection[];
  readonly symbols: readonly ElfSymbol[];
}

export const EM_RISCV = 243;
/** e_flags of the RISC-V psABI: compressed instructions, and floats of single precision passed in registers. */
export const EF_RISCV_RVC = 1;
export const EF_RISCV_FLOAT_ABI_SINGLE = 2;
const SHT_SYMTAB = 2;
const SHF_ALLOC = 2;
const SYMBOL_BYTES = 16;

/** A 32-bit little-endian ELF file (System V ABI, chapter 4): its header's flags, sections and symbols. */
export function readElf(bytes: Uint8Array): ElfFile {
  if (text(bytes, 0, 4) !== "\x7fELF") throw new Error("not an ELF file");
  if (bytes[4] !== 1 || bytes[5] !== 1) throw new Error("not a 32-bit little-endian ELF file");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [tableAt, entryBytes, count] = [view.getUint32(32, true), view.getUint16(46, true), view.getUint16(48, true)];
  const raw = Array.from({ length: count }, (_, index) => {
    const word = (field: number) => view.getUint32(tableAt + index * entryBytes + 4 * field, true);
    return { name: word(0), type: word(1), flags: word(2), offset: word(4), bytes: word(5), link: word(6) };
  });
  const names = raw[view.getUint16(50, true)]?.offset ?? 0;
  const sections = raw.map((section) => ({
    name: cString(bytes, names + section.name),
    type: section.type,
    allocated: (section.flags & SHF_ALLOC) !== 0,
    bytes: section.bytes,
  }));
  const symbols = raw
    .filter((section) => section.type === SHT_SYMTAB)
    .flatMap((table) =>
      Array.from({ length: table.bytes / SYMBOL_BYTES }, (_, index) => {
        const at = table.offset + index * SYMBOL_BYTES;
        return {
          name: cString(bytes, (raw[table.link]?.offset ?? 0) + view.getUint32(at, true)),
          defined: view.getUint16(at + 14, true) !== 0,
          global: view.getUint8(at + 12) >> 4 !== 0,
        };
      }),
    );
  return { machine: view.getUint16(18, true), flags: view.getUint32(36, true), sections, symbols };
}

function text(bytes: Uint8Array, at: number, count: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + count));
}

function cString(bytes: Uint8Array, at: number): string {
  const end = bytes.indexOf(0, at);
  return new TextDecoder().decode(bytes.subarray(at, end));
}
