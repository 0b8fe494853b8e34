import { promisify } from "node:util";
import { inflateRaw } from "node:zlib";
import type { FileSource } from "./fileSource.js";
import { inputError, quote } from "./inputError.js";

const inflate = promisify(inflateRaw);

const END_BYTES = 22;
const COMMENT_BYTES_MAX = 65535;
const LOCATOR_BYTES = 20;
const END64_BYTES = 56;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;
const STORED = 0;
const DEFLATED = 8;
// DEFLATE can expand about a thousandfold; weights hardly shrink, so what claims more than this is refused before it is
// inflated.
const INFLATED_BYTES_FREE = 1 << 26;
const INFLATION_MAX = 20;
/** Of a directory, which is held in memory: some 200,000 names. */
const DIRECTORY_BYTES_MAX = 1 << 24;

/** A member of a zip archive. */
export interface ZipEntry {
  readonly name: string;
  /** Length of its content. */
  readonly bytes: number;
  readonly storedBytes: number;
  readonly method: number;
  /** CRC-32 of its content, as the directory has it; 0 where whoever wrote it left it out. */
  readonly crc: number;
  readonly headerOffset: number;
}

/**
 * A zip archive's central directory, zip64 included, and positioned reads of its members; stored members are read
 * without touching the rest. Specification: APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
 */
export class ZipArchive {
  readonly file: FileSource;
  readonly entries: ReadonlyMap<string, ZipEntry>;
  readonly #directoryOffset: number;

  private constructor(file: FileSource, entries: ReadonlyMap<string, ZipEntry>, directoryOffset: number) {
    this.file = file;
    this.entries = entries;
    this.#directoryOffset = directoryOffset;
  }

  /** @throws InputError ZIP_* */
  static async open(file: FileSource): Promise<ZipArchive> {
    const directory = await findDirectory(file);
    if (directory.bytes > DIRECTORY_BYTES_MAX) {
      throw inputError(file.path, "ZIP_TOO_MANY_ENTRIES", `its directory has ${directory.bytes} bytes`, {
        expected: `a directory of at most ${DIRECTORY_BYTES_MAX} bytes`,
      });
    }
    const entries = readDirectory(file.path, await file.readAt(directory.offset, directory.bytes), directory);
    return new ZipArchive(file, entries, directory.offset);
  }

  /** `length` bytes of an entry's content from `offset`. @throws InputError ZIP_* */
  async read(entry: ZipEntry, offset = 0, length = entry.bytes): Promise<Uint8Array<ArrayBuffer>> {
    const where = `entry ${quote(entry.name)}`;
    const fail = (code: string, message: string, expected?: string) =>
      inputError(this.file.path, code, message, expected === undefined ? { where } : { where, expected });
    if (offset + length > entry.bytes)
      throw fail(
        "ZIP_OUT_OF_ENTRY",
        `bytes ${offset} to ${offset + length} of an entry of ${entry.bytes} are asked for`,
      );
    const data = await this.#dataOffset(entry, fail);
    if (entry.method === STORED) return this.file.readAt(data + offset, length);
    if (entry.bytes > Math.max(INFLATED_BYTES_FREE, entry.storedBytes * INFLATION_MAX)) {
      throw fail(
        "ZIP_INFLATES_TOO_FAR",
        `${entry.storedBytes} bytes claim to inflate to ${entry.bytes}`,
        `at most ${INFLATION_MAX} times as much; store the entry uncompressed`,
      );
    }
    let content: Uint8Array;
    try {
      content = await inflate(await this.file.readAt(data, entry.storedBytes), {
        maxOutputLength: Math.max(1, entry.bytes),
      });
    } catch (error) {
      throw fail("ZIP_BAD_DEFLATE", `the compressed data is damaged (${(error as Error).message})`);
    }
    if (content.length !== entry.bytes)
      throw fail("ZIP_BAD_DEFLATE", `it inflates to ${content.length} bytes`, `${entry.bytes} bytes`);
    return Uint8Array.from(content.subarray(offset, offset + length));
  }

  /**
   * Where an entry's data begins: behind its local header, whose variable part may differ in length from the
   * directory's.
   */
  async #dataOffset(
    entry: ZipEntry,
    fail: (code: string, message: string, expected?: string) => Error,
  ): Promise<number> {
    if (entry.headerOffset > this.#directoryOffset - LOCAL_BYTES)
      throw fail("ZIP_BAD_ENTRY", "its header lies outside the entries");
    const header = new DataView((await this.file.readAt(entry.headerOffset, LOCAL_BYTES)).buffer);
    if (header.getUint32(0, true) !== 0x04034b50)
      throw fail("ZIP_BAD_ENTRY", `there is no entry header at byte ${entry.headerOffset}`);
    const data = entry.headerOffset + LOCAL_BYTES + header.getUint16(26, true) + header.getUint16(28, true);
    if (data + entry.storedBytes > this.#directoryOffset)
      throw fail("ZIP_BAD_ENTRY", "its data runs into the directory");
    return data;
  }
}

interface Directory {
  readonly offset: number;
  readonly bytes: number;
  readonly count: number;
}

async function findDirectory(file: FileSource): Promise<Directory> {
  const tailBytes = Math.min(file.size, END_BYTES + COMMENT_BYTES_MAX);
  const tail = new DataView((await file.readAt(file.size - tailBytes, tailBytes)).buffer);
  let at = tailBytes - END_BYTES;
  // The comment's length must lead exactly to the end, or a signature inside a comment would count.
  while (
    at >= 0 &&
    !(tail.getUint32(at, true) === 0x06054b50 && at + END_BYTES + tail.getUint16(at + 20, true) === tailBytes)
  )
    at--;
  // Bytes behind the zip, as some tools append them, are no comment. Then the last record counts that has the
  // directory's beginning where it says.
  if (at < 0) {
    at = tailBytes - END_BYTES;
    while (at >= 0 && !(await isEnd(file, tail, at, file.size - tailBytes))) at--;
  }
  if (at < 0)
    throw inputError(file.path, "ZIP_NO_DIRECTORY", "the end of the zip's central directory is missing", {
      expected: "a complete file",
    });
  const endOffset = file.size - tailBytes + at;
  const where = `byte ${endOffset}`;
  if (tail.getUint16(at + 4, true) !== 0 || tail.getUint16(at + 6, true) !== 0) {
    throw inputError(file.path, "ZIP_MULTIPLE_DISKS", "the archive is split over several files", {
      where,
      expected: "one file",
    });
  }
  const count = tail.getUint16(at + 10, true);
  const bytes = tail.getUint32(at + 12, true);
  const offset = tail.getUint32(at + 16, true);
  const wide = count === 0xffff || bytes === 0xffffffff || offset === 0xffffffff;
  const directory = (wide ? await findDirectory64(file, endOffset) : undefined) ?? { offset, bytes, count };
  if (directory.offset + directory.bytes > endOffset) {
    throw inputError(
      file.path,
      "ZIP_BAD_DIRECTORY",
      `the directory claims ${directory.bytes} bytes from ${directory.offset}`,
      {
        where,
        expected: `an end before ${endOffset}`,
      },
    );
  }
  if (directory.count * ENTRY_BYTES > directory.bytes) {
    throw inputError(
      file.path,
      "ZIP_BAD_DIRECTORY",
      `the directory claims ${directory.count} entries in ${directory.bytes} bytes`,
      {
        where,
      },
    );
  }
  return directory;
}

/**
 * Whether an end record at `at` of the file's tail has room for its comment, and a directory's first entry or nothing
 * where it points.
 */
async function isEnd(file: FileSource, tail: DataView, at: number, tailOffset: number): Promise<boolean> {
  if (tail.getUint32(at, true) !== 0x06054b50 || at + END_BYTES + tail.getUint16(at + 20, true) > tail.byteLength)
    return false;
  const offset = tail.getUint32(at + 16, true);
  if (offset === 0xffffffff || tail.getUint16(at + 10, true) === 0) return true;
  if (offset + 4 > tailOffset + at) return false;
  return new DataView((await file.readAt(offset, 4)).buffer).getUint32(0, true) === 0x02014b50;
}

async function findDirectory64(file: FileSource, endOffset: number): Promise<Directory | undefined> {
  if (endOffset < LOCATOR_BYTES + END64_BYTES) return undefined;
  const locator = new DataView((await file.readAt(endOffset - LOCATOR_BYTES, LOCATOR_BYTES)).buffer);
  if (locator.getUint32(0, true) !== 0x07064b50) return undefined;
  const at = locator.getBigUint64(8, true);
  const bad = (message: string) =>
    inputError(file.path, "ZIP_BAD_DIRECTORY", message, { where: `byte ${endOffset - LOCATOR_BYTES}` });
  if (at > BigInt(endOffset - LOCATOR_BYTES - END64_BYTES)) throw bad("the zip64 end record lies outside the file");
  const end = new DataView((await file.readAt(Number(at), END64_BYTES)).buffer);
  if (end.getUint32(0, true) !== 0x06064b50) throw bad(`there is no zip64 end record at byte ${at}`);
  const [count, bytes, offset] = [end.getBigUint64(32, true), end.getBigUint64(40, true), end.getBigUint64(48, true)];
  if (count > BigInt(file.size) || bytes > BigInt(file.size) || offset > BigInt(file.size))
    throw bad("the zip64 end record claims more than the file");
  return { count: Number(count), bytes: Number(bytes), offset: Number(offset) };
}

function readDirectory(source: string, bytes: Uint8Array<ArrayBuffer>, directory: Directory): Map<string, ZipEntry> {
  const view = new DataView(bytes.buffer);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < directory.count; i++) {
    const fail = (code: string, message: string, expected?: string) => {
      const where = `byte ${directory.offset + at}`;
      return inputError(source, code, message, expected === undefined ? { where } : { where, expected });
    };
    if (at + ENTRY_BYTES > bytes.length || view.getUint32(at, true) !== 0x02014b50)
      throw fail("ZIP_BAD_DIRECTORY", `entry ${i} is missing`, `${directory.count} entries`);
    const nameBytes = view.getUint16(at + 28, true);
    const extraBytes = view.getUint16(at + 30, true);
    const next = at + ENTRY_BYTES + nameBytes + extraBytes + view.getUint16(at + 32, true);
    if (next > bytes.length) throw fail("ZIP_BAD_DIRECTORY", `entry ${i} runs past the directory`);
    const name = new TextDecoder().decode(bytes.subarray(at + ENTRY_BYTES, at + ENTRY_BYTES + nameBytes));
    if (entries.has(name)) throw fail("ZIP_DUPLICATE_ENTRY", `${quote(name)} occurs twice`, "distinct names");
    if ((view.getUint16(at + 8, true) & 1) !== 0)
      throw fail("ZIP_ENCRYPTED", `${quote(name)} is encrypted`, "an archive without encryption");
    const method = view.getUint16(at + 10, true);
    if (method !== STORED && method !== DEFLATED)
      throw fail(
        "ZIP_UNKNOWN_METHOD",
        `${quote(name)} is compressed by method ${method}`,
        "stored (0) or deflated (8)",
      );
    const narrow = {
      bytes: view.getUint32(at + 24, true),
      storedBytes: view.getUint32(at + 20, true),
      headerOffset: view.getUint32(at + 42, true),
    };
    const sizes = widen(view, at + ENTRY_BYTES + nameBytes, extraBytes, narrow);
    if (sizes === undefined || sizes.storedBytes + sizes.headerOffset > directory.offset)
      throw fail("ZIP_BAD_ENTRY", `${quote(name)} lies outside the file`);
    if (method === STORED && sizes.bytes !== sizes.storedBytes)
      throw fail("ZIP_BAD_ENTRY", `${quote(name)} is stored but its two sizes differ`);
    entries.set(name, { name, method, crc: view.getUint32(at + 16, true), ...sizes });
    at = next;
  }
  return entries;
}

type Sizes = Pick<ZipEntry, "bytes" | "storedBytes" | "headerOffset">;

/**
 * Takes the fields that do not fit 32 bits from the zip64 extra field, which holds only those, in this order. Undefined
 * when it is damaged.
 */
function widen(view: DataView, start: number, length: number, narrow: Sizes): Sizes | undefined {
  const keys = (["bytes", "storedBytes", "headerOffset"] as const).filter((key) => narrow[key] === 0xffffffff);
  if (keys.length === 0) return narrow;
  for (let at = start; at + 4 <= start + length; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    const size = view.getUint16(at + 2, true);
    if (size < keys.length * 8 || at + 4 + size > start + length) return undefined;
    const wide = { ...narrow };
    for (const [i, key] of keys.entries()) {
      const value = Number(view.getBigUint64(at + 4 + 8 * i, true));
      if (!Number.isSafeInteger(value)) return undefined;
      wide[key] = value;
    }
    return wide;
  }
  return undefined;
}
