// A package's README as npm shows it: without the part about this repository, and with links that lead somewhere.
import { posix } from "node:path";

/** What follows is for those who have the sources. */
const HERE = /^## In this repository\n[\s\S]*/m;
const RELATIVE = /\[([^\]]+)\]\((?!https?:|#)([^)\s]+)\)/g;

/**
 * `folder` is the package's in the repository, `web` the address at which the repository's files of this version are
 * read, or undefined while it has none: then of a relative link the words stay.
 */
export function publishedReadme(text, folder, web) {
  const shown = `${text.replace(HERE, "").trimEnd()}\n`;
  return shown.replace(RELATIVE, (_, words, to) =>
    web === undefined ? words : `[${words}](${web}/${posix.join(folder, to)})`,
  );
}

/** The address of the repository's files at a version's tag; undefined where the root's package.json names none. */
export function filesOnTheWeb({ repository, version }) {
  const url = typeof repository === "string" ? repository : repository?.url;
  if (url === undefined) return undefined;
  return `${url.replace(/^git\+/, "").replace(/\.git$/, "")}/blob/v${version}`;
}
