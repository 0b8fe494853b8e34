import { access, constants, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { isOpenStream } from "./atomicWrite.js";
import { writeFailed } from "./writeFailed.js";

/**
 * Rejects with InputError `WRITE_FAILED` where a file cannot be written in the end, before the work that makes it: in a
 * folder that is not there or that this user may not write, or over a folder.
 */
export async function requireWritable(path: string): Promise<void> {
  if (isOpenStream(path)) return;
  try {
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory()) throw Object.assign(new Error("is a folder"), { code: "EISDIR", syscall: "open" });
    await access(found === undefined ? dirname(path) : path, constants.W_OK);
  } catch (error) {
    throw writeFailed(path, error);
  }
}
