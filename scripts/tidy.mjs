// Whether the tree is tidy: `node scripts/tidy.mjs`. Format and lint of Zig and Python by their own programs (biome has
// TypeScript), and the rules of tidy/rules.mjs, whose findings may be no more than tidy/ratchet.json allows, by rule
// and first folder. `--all` shows what is allowed too, `--json` prints one document,
// `--update` lowers the ratchet to what is there.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, ruffProgram, zigCommand } from "./setup.mjs";
import { runFormatters } from "./tidy/formatters.mjs";
import { addedLines, compareCounts, countFindings, risen } from "./tidy/ratchet.mjs";
import { findings } from "./tidy/rules.mjs";
import { placeOf, readSources } from "./tidy/sources.mjs";

const RATCHET = "scripts/tidy/ratchet.json";
const UPDATE = "lower the ratchet: run `node scripts/tidy.mjs --update`";

/** The ratchet; in the middle of a merge that changed it on both sides, the one of HEAD. */
function readRatchet() {
  try {
    return JSON.parse(readFileSync(join(ROOT, RATCHET), "utf8"));
  } catch {
    const { stdout, status } = spawnSync("git", ["show", `HEAD:${RATCHET}`], { cwd: ROOT, encoding: "utf8" });
    if (status !== 0) throw new Error(`${RATCHET} is no JSON, and HEAD has none; expected {"rule": {"folder": count}}`);
    return JSON.parse(stdout);
  }
}

/**
 * Findings on lines that are new since the ratchet was written, or in new places where none is:
 * what has raised a count.
 */
function newest(found) {
  const git = (...args) => spawnSync("git", args, { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 28 }).stdout ?? "";
  const written = git("log", "-1", "--format=%H", "--", RATCHET).trim();
  if (written === "") return found;
  const added = addedLines(git("diff", "--unified=0", "--find-renames", "--no-color", "--no-ext-diff", written));
  const untracked = new Set(git("ls-files", "-z", "--others", "--exclude-standard").split("\0"));
  const fresh = found.filter(({ path, line }) => untracked.has(path) || added.get(path)?.has(line));
  return fresh.length > 0 ? fresh : found;
}

function show({ path, line, rule, text }) {
  process.stdout.write(`${path}:${line}: ${rule}: ${text}\n`);
}

function update(found, counts, ratchet) {
  const above = risen(counts, ratchet);
  for (const { rule } of above)
    newest(found.filter((finding) => finding.rule === rule && isAbove(finding, counts, ratchet))).forEach(show);
  for (const { rule, count, allowed } of above)
    process.stdout.write(`${rule}: ${count} in all; the ratchet allows ${allowed} and only falls\n`);
  if (above.length > 0) return 1;
  writeFileSync(join(ROOT, RATCHET), `${JSON.stringify(counts, null, 2)}\n`);
  process.stdout.write(`${RATCHET} has today's counts\n`);
  return 0;
}

function risenRules(differences) {
  const rules = new Set(differences.filter(({ count, allowed }) => count > allowed).map(({ rule }) => rule));
  return [...rules];
}

function isAbove({ rule, path }, counts, ratchet) {
  const place = placeOf(path);
  return counts[rule][place] > (ratchet[rule]?.[place] ?? 0);
}

function report(found, counts, ratchet, all) {
  if (all) found.forEach(show);
  const differences = compareCounts(counts, ratchet);
  for (const rule of all ? [] : risenRules(differences))
    newest(found.filter((finding) => finding.rule === rule && isAbove(finding, counts, ratchet))).forEach(show);
  for (const { rule, place, count, allowed } of differences) {
    const advice = count < allowed ? UPDATE : "it only falls: put right what is new among those above";
    process.stdout.write(`${rule} in ${place}: ${count}, the ratchet has ${allowed}; ${advice}\n`);
  }
  return differences.length;
}

function main(options) {
  const unknown = options.find((option) => !["--all", "--json", "--update"].includes(option));
  if (unknown !== undefined) throw new Error(`${unknown} is no option; expected --all, --json or --update`);
  const sources = readSources(ROOT);
  const found = findings(sources);
  const counts = countFindings(found);
  const ratchet = readRatchet();
  if (options.includes("--update")) return update(found, counts, ratchet);
  const formats = runFormatters(ROOT, sources, { zig: zigCommand(), ruff: ruffProgram() });
  if (options.includes("--json")) {
    const differences = compareCounts(counts, ratchet);
    process.stdout.write(`${JSON.stringify({ findings: found, counts, differences, formats }, null, 1)}\n`);
    return differences.length + formats.length > 0 ? 1 : 0;
  }
  for (const { name, output, fix } of formats) process.stdout.write(`${output}\n${name} finds something; ${fix}\n`);
  const failed = report(found, counts, ratchet, options.includes("--all")) + formats.length;
  process.stdout.write(failed === 0 ? `tidy: ${sources.length} files\n` : `not tidy: ${failed} checks\n`);
  return failed === 0 ? 0 : 1;
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`tidy: ${error.message}\n`);
  process.exitCode = 2;
}
