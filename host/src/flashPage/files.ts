import { unzip } from "fflate";
import type { FileSet } from "../files/fileSet.js";
import { inputError } from "../files/inputError.js";
import type { OfferedBuild } from "../flash/flashSite.js";

/** The bytes of a file of this page's site. Rejects with an InputError `SITE_FILE`. */
export async function fetchSiteFile(path: string): Promise<Uint8Array> {
  const answer = await fetch(path).catch(() => undefined);
  if (answer?.ok) return new Uint8Array(await answer.arrayBuffer());
  const said = answer === undefined ? "cannot be reached" : `was answered with ${answer.status}`;
  throw inputError(path, "SITE_FILE", `the file ${said}`, {
    expected: "the whole site, as `synapse-host flash-page --output` has written it",
  });
}

/** A build that the site has beside the page. */
export function servedFiles(build: OfferedBuild): FileSet {
  return fileSet(build.name, build.files, (path) => fetchSiteFile(build.folder + path));
}

/** A zip that the visitor has chosen. Rejects with an InputError `ZIP_DAMAGED`. */
export async function zippedFiles(file: File): Promise<FileSet> {
  const packed = new Uint8Array(await file.arrayBuffer());
  const files = await new Promise<Record<string, Uint8Array>>((resolve, reject) => {
    unzip(packed, (error, unpacked) => {
      if (error === null) return resolve(unpacked);
      const expected = "a release or a build folder as a zip archive";
      return reject(inputError(file.name, "ZIP_DAMAGED", `it cannot be unpacked: ${error.message}`, { expected }));
    });
  });
  const names = Object.keys(files).filter((name) => !name.endsWith("/"));
  return fileSet(file.name, names, async (path) => files[path] as Uint8Array);
}

/** A folder that the visitor has chosen. */
export function folderFiles(list: FileList): FileSet {
  const files = new Map([...list].map((file) => [withoutTop(file.webkitRelativePath), file]));
  const name = list[0]?.webkitRelativePath.split("/")[0] ?? "folder";
  return fileSet(
    name,
    [...files.keys()],
    async (path) => new Uint8Array(await (files.get(path) as File).arrayBuffer()),
  );
}

const withoutTop = (path: string): string => path.slice(path.indexOf("/") + 1);

function fileSet(source: string, paths: readonly string[], get: (path: string) => Promise<Uint8Array>): FileSet {
  return {
    source,
    names: async (name) => paths.filter((path) => path.split("/").at(-1) === name).sort(),
    read: async (path, what, bytesMax) => {
      if (!paths.includes(path))
        throw inputError(`${source}/${path}`, "FILE_NOT_FOUND", "no such file", { expected: what });
      const bytes = await get(path);
      if (bytes.length <= bytesMax) return bytes;
      throw inputError(`${source}/${path}`, "FILE_TOO_LARGE", `${bytes.length} bytes are too many`, {
        expected: `${what} of at most ${bytesMax} bytes`,
      });
    },
  };
}
