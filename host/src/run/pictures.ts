import { readdir, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { InputError } from "synapse-engine/errors";
import { Archive, archivePath } from "../files/archive.js";
import { PICTURE, PICTURE_BYTES_MAX } from "../files/inputKinds.js";
import { fileError, readInput } from "../files/readInput.js";

const PICTURES = new Set([".jpg", ".jpeg", ".png"]);
/** In the folder of each episode of an evaluation set (training/evaluation_set.py). */
const EPISODE = "episode.json";
const EPISODES = { judging: /^test-/, calibration: /^calibration-/ } as const;

/** What pictures of an evaluation set are for; its two kinds of episodes share no frame. */
export type PictureUse = keyof typeof EPISODES;

/** A picture among those of a folder or an archive. */
export interface Picture {
  /** As `synapse-host run` takes it. */
  readonly name: string;
  readonly read: () => Promise<Uint8Array>;
}

export interface Pictures {
  readonly chosen: readonly Picture[];
  /** How many there were to choose from. */
  readonly found: number;
  close(): Promise<void>;
}

/**
 * The pictures below a folder or in a zip archive, subfolders included, in the order of their paths, or the one picture
 * named. Of more than `most` those are taken that lie evenly spread in that order, the first among them. Of an
 * evaluation set only the episodes count that are for this use: `test-NN` to judge by, `calibration-NN` to choose by.
 * Rejects with an InputError `FILE_*`, `ZIP_*`, `ARCHIVE_*` or `NO_PICTURES`.
 */
export async function openPictures(path: string, most: number, use: PictureUse = "judging"): Promise<Pictures> {
  const inside = await archivePath(path);
  if (inside !== undefined) return picturesInside(path, inside.archive, inside.member, most, use);
  const chosen = choose(path, await below(path, use), most);
  const pictures = chosen.files.map((name) => ({ name, read: () => readInput(name, PICTURE, PICTURE_BYTES_MAX) }));
  return { chosen: pictures, found: chosen.found, close: async () => {} };
}

async function picturesInside(
  path: string,
  file: string,
  member: string,
  most: number,
  use: PictureUse,
): Promise<Pictures> {
  const archive = await Archive.open(file).catch((error) => {
    throw error instanceof InputError ? error : fileError(file, "a zip archive of pictures", error);
  });
  try {
    const { files, found } = choose(path, namesBelow(archive, member, use), most);
    const chosen = files.map((name) => ({
      name: `${file}/${name}`,
      read: () => archive.read(name, PICTURE, PICTURE_BYTES_MAX),
    }));
    return { chosen, found, close: () => archive.close() };
  } catch (error) {
    await archive.close();
    throw error;
  }
}

function namesBelow(archive: Archive, member: string, use: PictureUse): readonly string[] {
  if (member === "") return pictureNames(archive.names, use);
  if (archive.names.includes(member)) return [member];
  return pictureNames(
    archive.names.filter((name) => name.startsWith(`${member}/`)),
    use,
  );
}

function choose(
  path: string,
  all: readonly string[],
  most: number,
): { readonly files: readonly string[]; readonly found: number } {
  if (all.length === 0) {
    const expected = "files that end in .jpg, .jpeg or .png";
    throw new InputError({ code: "NO_PICTURES", source: path, message: "holds no pictures", expected });
  }
  const count = Math.min(all.length, most);
  const files = Array.from({ length: count }, (_, index) => all[Math.floor((index * all.length) / count)] as string);
  return { files, found: all.length };
}

async function below(path: string, use: PictureUse): Promise<readonly string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    // Links to folders are not followed: one could lead back.
    const found = (await readdir(path, { recursive: true, withFileTypes: true })).filter(
      (entry) => !entry.isDirectory(),
    );
    return pictureNames(found.map((entry) => join(entry.parentPath ?? entry.path, entry.name)).sort(), use);
  } catch (error) {
    throw fileError(path, "a folder of pictures", error as NodeJS.ErrnoException);
  }
}

/** Those of `files` that are pictures; of an evaluation set, those of the episodes for this use alone. */
function pictureNames(files: readonly string[], use: PictureUse): string[] {
  const episodesOf = (kind: PictureUse) =>
    files.filter((file) => basename(file) === EPISODE && EPISODES[kind].test(basename(dirname(file)))).map(dirname);
  const wanted = new Set(episodesOf(use));
  // What others judge by is no calibration, even where there is nothing else.
  const isSet = wanted.size > 0 || (use === "calibration" && episodesOf("judging").length > 0);
  return files.filter((file) => PICTURES.has(extname(file).toLowerCase()) && (!isSet || wanted.has(dirname(file))));
}
