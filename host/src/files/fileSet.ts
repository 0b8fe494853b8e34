import { readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { Archive, archivePath } from "./archive.js";
import { fileError, readInput } from "./readInput.js";

/** Files by their names with slashes: a folder, an archive, or what a browser was given. */
export interface FileSet {
  /** Names the set in errors. */
  readonly source: string;
  /** Paths of all files of one name, in order. */
  names(name: string): Promise<readonly string[]>;
  /** Rejects with an InputError when there is no such file or it is larger. */
  read(path: string, what: string, bytesMax: number): Promise<Uint8Array>;
}

/** Deep enough for what a build leaves, and no walk through somebody's whole disk. */
const DEPTH_MAX = 3;

/** A folder, or a zip archive as if it were one, as a set of files; `close` when done. */
export async function openFileSet(path: string, what: string): Promise<FileSet & { close(): Promise<void> }> {
  const inside = await archivePath(path);
  if (inside !== undefined) return openArchive(inside.archive, inside.member);
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw fileError(path, what, error);
  });
  if (!found.isDirectory()) throw fileError(path, what, Object.assign(new Error("is no folder"), { code: "ENOTDIR" }));
  return {
    source: path,
    names: async (name) => (await filesNamed(path, name, DEPTH_MAX)).sort(),
    read: (name, kind, bytesMax) => readInput(join(path, name), kind, bytesMax),
    close: async () => undefined,
  };
}

async function openArchive(path: string, member: string): Promise<FileSet & { close(): Promise<void> }> {
  const archive = await Archive.open(path);
  const start = member === "" ? "" : `${member}/`;
  return {
    source: member === "" ? path : `${path}/${member}`,
    names: async (name) =>
      archive.names
        .filter((each) => each.startsWith(start) && each.split("/").at(-1) === name)
        .map((each) => each.slice(start.length)),
    read: (name, kind, bytesMax) => archive.read(start + name, kind, bytesMax),
    close: () => archive.close(),
  };
}

/** Paths of the files of one name, with slashes, from `root`. A folder that cannot be read has none. */
async function filesNamed(root: string, name: string, depth: number, folder = root): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const below = entries
    .filter((entry) => entry.isDirectory() && depth > 0)
    .map((entry) => filesNamed(root, name, depth - 1, join(folder, entry.name)));
  const here = entries
    .filter((entry) => entry.isFile() && entry.name === name)
    .map((entry) => join(folder, entry.name));
  return [...here.map((path) => relative(root, path).split(sep).join("/")), ...(await Promise.all(below)).flat()];
}
