import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, parse } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { storageTypeNames } from "./types.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const CONTRIBUTING = readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8");

/**
 * Tests and what only they and the fuzzer use, records of measurements, trained models, and documents but the format's.
 */
const OTHERS = [
  /\.test\.ts$/,
  /_test\.zig$/,
  /\/testing\//,
  /\/fixtures\//,
  /^kernels\/fuzz\//,
  /^models\//,
  /^(?!docs\/format\.md$).*\.md$/,
];

function git(...args: string[]): string[] {
  return execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).trim().split("\n");
}

/** The product's files in which a word stands, or which it names. */
function filesWith(word: string): string[] {
  const containing = git("grep", "-lIwF", "--untracked", word);
  const named = git("ls-files", "-co", "--exclude-standard").filter((path) => parse(path).name === word);
  return [...new Set([...containing, ...named])].filter((path) => !OTHERS.some((other) => other.test(path)));
}

/** The files that a section of CONTRIBUTING.md names, but for tests and scripts that are run. */
function filesNamed(section: string, placeholder: string, name: string): string[] {
  const begin = CONTRIBUTING.indexOf(`## ${section}\n`);
  const text = CONTRIBUTING.slice(begin, CONTRIBUTING.indexOf("\n## ", begin));
  const paths = [...text.matchAll(/`((?:kernels|host|docs)\/[^`\s]+\.\w+)`/g)].map(([, path]) =>
    (path as string).replaceAll(placeholder, name),
  );
  return [...new Set(paths)].filter((path) => !OTHERS.some((other) => other.test(path)));
}

/** `<part>` stands for any name. */
function matches(path: string, named: string): boolean {
  const pattern = named.split(/<\w+>/).map((text) => text.replace(/[.[\]()+]/g, "\\$&"));
  return new RegExp(`^${pattern.join("[^/]+")}$`).test(path);
}

const newestType = storageTypeNames.at(-1) as string;

it.each([
  ["Add a storage type", "<type>", newestType],
  // Its name is nothing but an op's, and it has a computing part of its own.
  ["Add an op", "<op>", "patchify"],
])("%s: CONTRIBUTING.md names all files that must change, and no other", (section, placeholder, name) => {
  const named = filesNamed(section, placeholder, name);
  const found = filesWith(name);
  expect(found.filter((path) => !named.some((each) => matches(path, each)))).toEqual([]);
  expect(named.filter((each) => !found.some((path) => matches(path, each)))).toEqual([]);
});
