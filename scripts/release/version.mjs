// The root's package.json has the version; the files listed here carry a copy, because each is read where the root is
// not: in a published package, on a chip, by pip.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import semver from "semver";

const JSON_VERSION = /(?<="version": ")[^"]+(?=")/;

/** Of packages with a version at all, their own and that of other packages of this project that they depend on. */
const PACKAGE = [JSON_VERSION, /(?<="synapse-[a-z0-9-]+": ")\d[^"]*(?=")/g];

/** Each file, and where in it: all matches of a pattern with the flag g, which may be none, else its first. */
function places(root) {
  const { workspaces } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return [
    ...["package.json", ...workspaces.map((folder) => `${folder}/package.json`)].map((file) => ({
      file,
      patterns: PACKAGE,
    })),
    { file: "firmware/components/synapse/web/openapi.json", patterns: [JSON_VERSION] },
    { file: "firmware/components/synapse/core/request/device.zig", patterns: [/(?<=pub const version = ")[^"]+(?=")/] },
    { file: "training/pyproject.toml", patterns: [/(?<=^version = ")[^"]+(?=")/m] },
  ];
}

/** The present version. */
export function present(root) {
  return JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version;
}

/** Every copy of the version: `{ file, version }`. Throws RangeError where a file has none. */
export function carriers(root) {
  return places(root).flatMap(({ file, patterns }) => {
    const text = readFileSync(join(root, file), "utf8");
    return patterns.flatMap((pattern) => {
      const found = pattern.global ? (text.match(pattern) ?? []) : pattern.exec(text)?.slice(0, 1);
      if (!found) throw new RangeError(`${file} carries no version where ${pattern} looks for it`);
      return found.map((version) => ({ file, version }));
    });
  });
}

/** The text of every file with `version` in all its places: `{ file, from, text }`. */
export function bumped(root, version) {
  return places(root).map(({ file, patterns }) => {
    const before = readFileSync(join(root, file), "utf8");
    let from;
    const text = patterns.reduce(
      (whole, pattern) =>
        whole.replace(pattern, (old) => {
          from ??= old;
          return version;
        }),
      before,
    );
    return { file, from, text };
  });
}

/** Whether `version` comes after `other`, by semver's order; RangeError for what is no version. */
export function isAbove(version, other) {
  if (semver.valid(version) !== version) {
    throw new RangeError(`${JSON.stringify(version)} is no version; expected three numbers with dots, such as 0.2.0`);
  }
  return semver.gt(version, other);
}
