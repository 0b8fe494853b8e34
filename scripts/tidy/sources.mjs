// The files that tidy looks at: what git tracks and what it does not ignore, without what others made.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, extname, join } from "node:path";

const LANGUAGES = new Map([
  [".ts", "typescript"],
  [".tsx", "typescript"],
  [".mjs", "typescript"],
  [".js", "typescript"],
  [".zig", "zig"],
  [".py", "python"],
  [".c", "c"],
  [".h", "c"],
  [".sh", "shell"],
  [".css", "css"],
  [".md", "markdown"],
]);
const BYTES_MAX = 1 << 20;

/** Whether nobody writes this file by hand. */
function isMade(path) {
  return (
    (/(^|\/)(fixtures|corpus)\//.test(path) && !/\.(py|mjs)$/.test(path)) ||
    basename(path) === "package-lock.json" ||
    path === "client/src/types.ts" ||
    path === "host/src/format/table.ts"
  );
}

/** `{ path, text, language, made }` of every text file; `language` is undefined for what tidy has no rules for. */
export function readSources(root) {
  const listed = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  });
  if (listed.status !== 0) throw new Error(`git ls-files failed: ${listed.stderr}`);
  const paths = [...new Set(listed.stdout.split("\0"))]
    .filter((path) => path !== "" && existsSync(join(root, path)))
    .sort();
  return paths.flatMap((path) => {
    const bytes = readFileSync(join(root, path));
    if (bytes.length > BYTES_MAX || bytes.includes(0)) return [];
    return [source(path, bytes.toString("utf8"))];
  });
}

export function source(path, text) {
  return { path, text, language: LANGUAGES.get(extname(path)), made: isMade(path) };
}

/** What a finding is counted under: the first folder of a path, or `.` for files at the root. */
export function placeOf(path) {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : ".";
}

export function lineAt(text, offset) {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
