import { randomBytes } from "node:crypto";
import { access, constants, type FileHandle, lstat, open, readlink, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { writeFailed } from "./writeFailed.js";

/**
 * Names of streams that are open already. What they lead to may be a file of the shell's (`> out.syn`), which is
 * written on in its place.
 */
const OPEN_STREAM = /^\/dev\/(stdout|stderr|fd\/\d+)$|^\/proc\/self\/fd\/\d+$/;

/** Whether a path names a stream that this process has open, such as its stdout. */
export function isOpenStream(path: string): boolean {
  return OPEN_STREAM.test(path);
}

/** As many links in a row as Linux follows. */
const LINKS_MAX = 40;

/**
 * Writes a file so that its name holds either what it held before or all of `bytes`: a temporary file in the same
 * folder is written, flushed and renamed, and removed if any of that fails. A symbolic link stays one, and the file
 * that it leads to is written; what is no regular file (a device, a FIFO, `/dev/stdout`) is written into, since it
 * cannot be replaced. A file that is overwritten keeps its mode, and its owner where that may be set. Throws InputError
 * `WRITE_FAILED` when the place cannot be written.
 */
export async function atomicWrite(path: string, bytes: Uint8Array | string): Promise<void> {
  return atomicWriteWith(path, (file) => file.writeFile(bytes));
}

/**
 * As `atomicWrite`, of what `write` puts into the file piece by piece. Its errors that are no failures of the file
 * system pass as they are.
 */
export async function atomicWriteWith(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  try {
    if (isOpenStream(path)) return await writeInto(path, write);
    const place = await targetOf(path);
    const old = await existing(place);
    if (old !== undefined && !old.isFile()) return await writeInto(place, write);
    // A file that its owner made read-only is not to be replaced behind their back.
    if (old !== undefined) await access(place, constants.W_OK);
    await replace(place, old, write);
  } catch (error) {
    throw writeFailed(path, error);
  }
}

/** Where the bytes go in the end: behind all symbolic links, the last of which may lead to nothing yet. */
async function targetOf(path: string): Promise<string> {
  let place = path;
  for (let links = 0; links <= LINKS_MAX; links++) {
    const entry = await lstat(place).catch(missing);
    if (entry === undefined || !entry.isSymbolicLink()) return place;
    // The kernel's links to open files lead to names that do not exist; it follows them itself.
    if ((await stat(place).catch(missing))?.isFile() === false) return place;
    place = resolve(dirname(place), await readlink(place));
  }
  throw Object.assign(new Error("too many symbolic links"), { code: "ELOOP" });
}

function existing(place: string) {
  return stat(place).catch(missing);
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}

async function writeInto(place: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  // At the end, where what is behind a stream's name is a file.
  const file = await open(place, constants.O_WRONLY | constants.O_APPEND);
  try {
    await write(file);
  } finally {
    await file.close();
  }
}

async function replace(
  place: string,
  old: { readonly mode: number; readonly uid: number; readonly gid: number } | undefined,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  // Its own short name: one made of the file's would be too long where that is as long as names may be.
  const temporary = join(dirname(place), `.${randomBytes(9).toString("hex")}.tmp`);
  let file: FileHandle | undefined;
  try {
    // What is written may be secret, and nobody else is to read it before it has the old file's mode.
    file = await open(temporary, "wx", old === undefined ? 0o666 : 0o600);
    await write(file);
    if (old !== undefined) await likeBefore(file, old);
    await file.sync();
    await file.close();
    file = undefined;
    await rename(temporary, place);
  } catch (error) {
    await file?.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Owner first: setting it takes bits of the mode away. */
async function likeBefore(
  file: FileHandle,
  old: { readonly mode: number; readonly uid: number; readonly gid: number },
): Promise<void> {
  // Only root may give files away; anybody else's new file is their own.
  await file.chown(old.uid, old.gid).catch(() => undefined);
  await file.chmod(old.mode & 0o7777);
}
