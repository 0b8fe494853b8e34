import { access, constants, stat } from "node:fs/promises";
import { sep } from "node:path";
import * as zlib from "node:zlib";
import { InputError } from "synapse-engine/errors";
import { FileSource } from "./fileSource.js";
import { inputError, quote } from "./inputError.js";
import { ZipArchive, type ZipEntry } from "./zip.js";

/** A file inside of a zip archive, as it is named: `models/lewm-tworoom/eval.zip/test-00/frame-00.png`. */
export interface ArchivePath {
  readonly archive: string;
  /** With slashes, and none at the end; empty for the archive itself. */
  readonly member: string;
}

/**
 * Takes a path apart that goes on behind a zip archive, as if that were a folder. Undefined where no part of it is a
 * file that ends in `.zip`: whatever a real folder holds is what the path says.
 */
export async function archivePath(path: string): Promise<ArchivePath | undefined> {
  const text = sep === "/" ? path : path.replaceAll(sep, "/");
  for (const { index } of text.matchAll(/\.zip(?=\/|$)/gi)) {
    const end = index + ".zip".length;
    const found = await stat(path.slice(0, end)).catch(() => undefined);
    if (found?.isFile())
      return {
        archive: path.slice(0, end),
        member: text
          .slice(end)
          .replaceAll(/\/+/g, "/")
          .replaceAll(/^\/|\/$/g, ""),
      };
  }
  return undefined;
}

/** The files of a zip archive, read in place and never unpacked. */
export class Archive {
  readonly path: string;
  /** Names of its files, in order. */
  readonly names: readonly string[];
  readonly #zip: ZipArchive;

  private constructor(zip: ZipArchive, names: readonly string[]) {
    this.path = zip.file.path;
    this.#zip = zip;
    this.names = names;
  }

  /**
   * Rejects with an InputError `ZIP_*`, `ARCHIVE_NAME` for a name that no file in a folder could have, or an error of
   * the file system.
   */
  static async open(path: string): Promise<Archive> {
    await access(path, constants.R_OK);
    const file = await FileSource.open(path);
    try {
      const zip = await ZipArchive.open(file);
      const names = [...zip.entries.keys()].filter((name) => isFile(path, name)).sort();
      return new Archive(zip, names);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** The content of a file. Rejects with an InputError `ARCHIVE_MEMBER`, `FILE_TOO_LARGE`, `ARCHIVE_CRC` or `ZIP_*`. */
  async read(name: string, what: string, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
    const entry = this.#entry(name, what);
    const where = { where: `entry ${quote(name)}` };
    if (entry.bytes > bytesMax) {
      const expected = `${what} of at most ${bytesMax} bytes`;
      throw inputError(this.path, "FILE_TOO_LARGE", `${entry.bytes} bytes are too many`, { ...where, expected });
    }
    const content = await this.#zip.read(entry);
    // Before 20.15, Node has no CRC; then the formats' own checks remain.
    const crc = zlib.crc32?.(content) ?? entry.crc;
    if (crc === entry.crc) return content;
    const expected = "what was packed: copy the archive again";
    throw inputError(this.path, "ARCHIVE_CRC", "its content is damaged: the CRC is another", { ...where, expected });
  }

  async close(): Promise<void> {
    await this.#zip.file.close();
  }

  #entry(name: string, what: string): ZipEntry {
    const entry = this.#zip.entries.get(name);
    if (entry !== undefined) return entry;
    const folder = this.names.some((other) => other.startsWith(`${name}/`));
    const expected =
      folder || this.names.length === 0
        ? what
        : `one of ${this.names.length} files, such as ${quote(this.names[0] as string)}`;
    throw inputError(this.path, "ARCHIVE_MEMBER", folder ? "is a folder" : "there is no such file in it", {
      where: `entry ${quote(name)}`,
      expected,
    });
  }
}

/**
 * Whether a name is that of a file rather than of a folder. Throws an InputError for one that leads anywhere else,
 * though nothing here follows it.
 */
function isFile(path: string, name: string): boolean {
  const parts = (name.endsWith("/") ? name.slice(0, -1) : name).split("/");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  if (parts.some((part) => part === "" || part === "." || part === "..") || /[\\\u0000-\u001f\u007f]/.test(name)) {
    const expected = "relative names without .. and with / between folders";
    throw new InputError({
      code: "ARCHIVE_NAME",
      source: path,
      where: `entry ${quote(name)}`,
      message: "is no name of a file",
      expected,
    });
  }
  // What macOS adds beside each file.
  return !name.endsWith("/") && parts[0] !== "__MACOSX";
}
