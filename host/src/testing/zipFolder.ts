import { readdir, readFile, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { zipSync } from "fflate";

/** The files of a folder as a zip archive, as somebody packs it. */
export async function zipFolder(folder: string): Promise<Buffer> {
  const files: Record<string, Uint8Array> = {};
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name);
    if ((await stat(path)).isFile()) files[name.split(sep).join("/")] = new Uint8Array(await readFile(path));
  }
  return Buffer.from(zipSync(files));
}
