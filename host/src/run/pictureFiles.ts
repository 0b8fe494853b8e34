import { readdir, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { InputError } from "synapse-engine/errors";
import { fileError } from "../files/readInput.js";

const PICTURES = new Set([".jpg", ".jpeg", ".png"]);
/** In the folder of each episode of an evaluation set (training/export.py). */
const EPISODE = "episode.json";
const JUDGING = /^test-/;

export interface PictureFiles {
  readonly files: readonly string[];
  /** How many there were to choose from. */
  readonly found: number;
}

/**
 * The pictures below a folder, subfolders included, in the order of their paths, or the one picture named. Of more than `most` those are
 * taken that lie evenly spread in that order, the first among them. Of an evaluation set with episodes `test-NN` only these count: the
 * others were there to choose by. Rejects with an InputError `FILE_*` or `NO_PICTURES`.
 */
export async function pictureFiles(path: string, most: number): Promise<PictureFiles> {
  const all = await below(path);
  if (all.length === 0) {
    const expected = "files that end in .jpg, .jpeg or .png";
    throw new InputError({ code: "NO_PICTURES", source: path, message: "holds no pictures", expected });
  }
  const count = Math.min(all.length, most);
  const files = Array.from({ length: count }, (_, index) => all[Math.floor((index * all.length) / count)] as string);
  return { files, found: all.length };
}

async function below(path: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    // Links to folders are not followed: one could lead back.
    const found = (await readdir(path, { recursive: true, withFileTypes: true })).filter((entry) => !entry.isDirectory());
    const files = found.map((entry) => join(entry.parentPath ?? entry.path, entry.name)).sort();
    const judging = new Set(files.filter((file) => basename(file) === EPISODE && JUDGING.test(basename(dirname(file)))).map(dirname));
    return files.filter((file) => PICTURES.has(extname(file).toLowerCase()) && (judging.size === 0 || judging.has(dirname(file))));
  } catch (error) {
    throw fileError(path, "a folder of pictures", error as NodeJS.ErrnoException);
  }
}
