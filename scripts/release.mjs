// `npm run release -- 0.2.0 [--dry-run]`: dates the changelog, writes the version, tests, makes the packages' tarballs,
// commits and tags. Publishes nothing.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { datedChangelog, unreleased } from "./release/changelog.mjs";
import { bumped, isAbove, present } from "./release/version.mjs";
import { ROOT, run } from "./setup.mjs";

const HELP = `Usage: npm run release -- <version> [--dry-run]

Makes a release of what is committed, on this machine alone: docs/development.md tells the steps.

  --dry-run   say what would be done, and do nothing of it; exit code 1 where something would stop it
  --help      this text
`;

class ReleaseError extends Error {}
/** What a dry run finds in the way of a release: no wrong input, but no success either. */
class StoppedError extends Error {}

function git(...args) {
  const { status, stdout, stderr } = spawnSync("git", args, { cwd: ROOT, encoding: "utf8" });
  if (status !== 0) throw new ReleaseError(`git ${args.join(" ")}: ${stderr.trim()}`);
  return stdout.trim();
}

function options() {
  let parsed;
  try {
    const boolean = { type: "boolean", default: false };
    parsed = parseArgs({ allowPositionals: true, options: { "dry-run": boolean, help: { ...boolean, short: "h" } } });
  } catch (error) {
    throw new ReleaseError(error.message);
  }
  const { values, positionals } = parsed;
  if (!values.help && positionals.length !== 1)
    throw new ReleaseError("expected one version, such as 0.2.0; --help says more");
  return { version: positionals[0], dryRun: values["dry-run"], help: values.help };
}

/** Everything that would stop the release, at once: people fix it in one go. */
function obstacles(version, changelog) {
  const found = [];
  const now = present(ROOT);
  if (!isAbove(version, now)) found.push(`${version} is not above the present version, ${now}`);
  if (unreleased(changelog) === "") found.push('CHANGELOG.md has nothing under "Unreleased"');
  if (git("status", "--porcelain") !== "") found.push("the working tree has changes that are not committed");
  if (git("tag", "--list", `v${version}`) !== "") found.push(`the tag v${version} exists`);
  return found;
}

function main() {
  const { version, dryRun, help } = options();
  if (help) return process.stdout.write(HELP);
  const path = join(ROOT, "CHANGELOG.md");
  const changelog = readFileSync(path, "utf8");
  const stops = obstacles(version, changelog);
  if (stops.length > 0 && !dryRun) throw new ReleaseError(stops.join("; "));
  const files = bumped(ROOT, version);
  const today = new Date().toISOString().slice(0, 10);
  if (dryRun) {
    say(dryRunText(version, today, files, changelog));
    if (stops.length > 0) throw new StoppedError(`it would be stopped: ${stops.join("; ")}`);
    return;
  }
  for (const { file, text } of files) writeFileSync(join(ROOT, file), text);
  writeFileSync(path, datedChangelog(changelog, version, today));
  run("npm", ["install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"]);
  run("npm", ["test"]);
  run(process.execPath, [join("scripts", "make-packages.mjs"), "--out", "dist-packages"]);
  git("add", "--all");
  git("commit", "--message", `Release ${version}`);
  git("tag", "--annotate", `v${version}`, "--message", `Synapse ${version}`);
  say(`Release ${version} is committed and tagged. To publish it:\n\n${publishCommands(version).join("\n")}`);
}

function publishCommands(version) {
  return [
    "git push origin main",
    `git push origin v${version}`,
    // The addons first: whoever installs the engine then finds them.
    "for file in ./dist-packages/synapse-engine-{linux,darwin,win32}-*.tgz; do npm publish --access public $file; done",
    "for name in engine client sim host; do npm publish --access public " +
      `./dist-packages/synapse-$name-${version}.tgz; done`,
  ];
}

function dryRunText(version, today, files, changelog) {
  return [
    `A release of ${version}, of ${today}, would`,
    "",
    ...files.map(({ file, from }) => `  write ${version} for ${from} in ${file}`),
    `  date the changelog's section of ${
      unreleased(changelog)
        .split("\n")
        .filter((line) => line.startsWith("- ")).length
    } entries`,
    "  run npm test",
    "  make the packages' tarballs in dist-packages/",
    `  commit "Release ${version}" and tag v${version}`,
    "",
    "and leave these commands to you:",
    "",
    ...publishCommands(version).map((command) => `  ${command}`),
  ].join("\n");
}

function say(text) {
  process.stdout.write(`${text}\n`);
}

try {
  main();
} catch (error) {
  process.stderr.write(`release: ${error.message}\n`);
  process.exitCode = error instanceof ReleaseError || error instanceof RangeError ? 2 : 1;
}
