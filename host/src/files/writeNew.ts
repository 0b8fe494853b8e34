import { open, rm } from "node:fs/promises";
import { writeFailed } from "./writeFailed.js";

/**
 * Writes a file that is not there yet, all of it or nothing. Answers false, and writes nothing, when something has that
 * name, a symbolic link that leads nowhere included. Throws InputError `WRITE_FAILED` when the place cannot be written.
 */
export async function writeNew(path: string, bytes: Uint8Array | string, mode: number): Promise<boolean> {
  let created = false;
  try {
    const file = await open(path, "wx", mode);
    created = true;
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if (!created && (error as NodeJS.ErrnoException).code === "EEXIST") return false;
    if (created) await rm(path, { force: true });
    throw writeFailed(path, error);
  }
}
