import { open, stat } from "node:fs/promises";
import { InputError } from "synapse-engine/errors";
import { Archive, archivePath } from "./archive.js";
import { quote } from "./inputError.js";
import { findDuplicateKey } from "./strictJson.js";

/** The system's error codes in words, for files that the user names. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "not readable for this user",
  EPERM: "not readable for this user",
  EISDIR: "is a folder",
  ENOTDIR: "a part of the path is not a folder",
  ELOOP: "too many symbolic links",
  ENAMETOOLONG: "the name is too long",
};

/**
 * Reads a whole file that the user named, one inside of a zip archive (`eval.zip/test-00/frame-00.png`) too. Rejects
 * with an InputError of code `FILE_<errno>`, `FILE_KIND` (a folder, a device) or `FILE_TOO_LARGE` before reading
 * anything that is larger than `bytesMax`; for archives also `ZIP_*` and `ARCHIVE_*`.
 */
export async function readInput(path: string, what: string, bytesMax: number): Promise<Uint8Array> {
  try {
    const inside = await archivePath(path);
    if (inside !== undefined && inside.member !== "")
      return await readMember(inside.archive, inside.member, what, bytesMax);
    // Looked at before opening: opening a named pipe would wait for a writer.
    const { size } = await regularFile(path, what);
    if (size > bytesMax) throw tooLarge(path, what, size, bytesMax);
    const handle = await open(path, "r");
    try {
      return new Uint8Array(await handle.readFile());
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw error instanceof InputError ? error : fileError(path, what, error as NodeJS.ErrnoException);
  }
}

async function readMember(path: string, member: string, what: string, bytesMax: number): Promise<Uint8Array> {
  const archive = await Archive.open(path);
  try {
    return await archive.read(member, what, bytesMax);
  } finally {
    await archive.close();
  }
}

async function regularFile(path: string, what: string): Promise<{ size: number }> {
  const found = await stat(path);
  if (found.isFile()) return found;
  throw new InputError({
    code: "FILE_KIND",
    source: path,
    message: found.isDirectory() ? "is a folder" : "is not a regular file",
    expected: what,
  });
}

function tooLarge(path: string, what: string, size: number, bytesMax: number): InputError {
  return new InputError({
    code: "FILE_TOO_LARGE",
    source: path,
    message: `${size} bytes are too many`,
    expected: `${what} of at most ${bytesMax} bytes`,
  });
}

/** A typed error for a failed system call on a file that the user named. */
export function fileError(path: string, what: string, error: NodeJS.ErrnoException): InputError {
  const reason = REASONS[error.code ?? ""] ?? error.message;
  return new InputError({ code: `FILE_${error.code ?? "UNREADABLE"}`, source: path, message: reason, expected: what });
}

/**
 * Parses a JSON file. Rejects with an InputError `JSON_SYNTAX` with the parser's place, or `JSON_DUPLICATE_KEY`: of two
 * values for one key the parser would take the last without a word.
 */
export async function readJsonInput(path: string, what: string, bytesMax: number): Promise<unknown> {
  const bytes = await readInput(path, what, bytesMax);
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError({
      code: "JSON_SYNTAX",
      source: path,
      message: `not JSON: ${(error as Error).message}`,
      expected: what,
    });
  }
  const duplicate = findDuplicateKey(text);
  if (duplicate === undefined) return value;
  throw new InputError({
    code: "JSON_DUPLICATE_KEY",
    source: path,
    where: `character ${duplicate.at}`,
    message: `the key ${quote(duplicate.key)} occurs twice in one object`,
    expected: "each key once",
  });
}
