import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { InputError } from "synapse-sim";

/**
 * Writes a file so that its name holds either what it held before or all of `bytes`: a temporary file in the same folder is written, flushed
 * and renamed, and removed if any of that fails. Throws InputError `WRITE_FAILED` when the place cannot be written.
 */
export async function atomicWrite(path: string, bytes: Uint8Array | string): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    const { code, message } = error as NodeJS.ErrnoException;
    throw new InputError({
      code: "WRITE_FAILED",
      source: path,
      message: `cannot be written (${code ?? message})`,
      expected: "a file name in a folder that exists and may be written, on a disk with space",
    });
  }
}
