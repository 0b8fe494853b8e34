// Puts faults into a copy of the Zig sources, one at a time, and runs the folder's own tests on each.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, zigCommand } from "../setup.mjs";
import { apply, sites } from "./zigSites.mjs";

/** What a build of the tests reads. */
const COPIED = ["build.zig", "kernels", "firmware/components/synapse", "sim"];

/** A copy of the sources in which faults can be put; what an earlier run compiled is used again. */
function copyTree(name) {
  const copy = join(ROOT, ".toolchain", "mutate", name);
  mkdirSync(copy, { recursive: true });
  for (const path of COPIED) {
    rmSync(join(copy, path), { recursive: true, force: true });
    cpSync(join(ROOT, path), join(copy, path), {
      recursive: true,
      filter: (from) => !/node_modules|sim\/dist/.test(from),
    });
  }
  return copy;
}

/** Test files, what only tests and fuzzers use, and kernels for other processors, which these tests do not run. */
const isLeftOut = (path) =>
  /(?:_test|_fuzz)\.zig$|\/(?:testing|fuzz)\/|test_(?:board|host)\.zig$|\/sim_\w+\.zig$|isa\/(?:simd128|pie)/.test(
    path,
  );

/** All sites of the files below `folder`, in the order of their paths. */
export function allSites(folder) {
  const listed = spawnSync("git", ["ls-files", folder], { cwd: ROOT, encoding: "utf8" });
  const files = listed.stdout
    .split("\n")
    .filter((path) => path.endsWith(".zig") && !isLeftOut(path) && existsSync(join(ROOT, path)));
  return files.flatMap((file) => sites(readFileSync(join(ROOT, file), "utf8")).map((site) => ({ file, ...site })));
}

/**
 * Runs the tests for each of `chosen`, until `count` have said something: a fault that does not compile is none.
 * Answers one result a fault: `{ file, line, from, to, outcome }` with `killed`, `survived` or `timeout`.
 */
export function tryFaults({ name, step, chosen, count, say }) {
  const copy = copyTree(name);
  const [command, ...first] = zigCommand();
  const build = (timeout) =>
    spawnSync(command, [...first, "build", step], {
      cwd: copy,
      encoding: "utf8",
      timeout,
      killSignal: "SIGKILL",
      maxBuffer: 1 << 28,
    });
  const started = Date.now();
  const clean = build();
  if (clean.status !== 0) throw new Error(`the tests fail without any fault:\n${clean.stderr}`);
  // A fault may make a loop endless. The first run compiled everything, so that it is the longest of all that end.
  const timeout = (Date.now() - started) * 3 + 120_000;
  const results = [];
  for (const site of chosen) {
    if (results.length === count) break;
    const path = join(copy, site.file);
    const source = readFileSync(path, "utf8");
    writeFileSync(path, apply(source, site));
    const run = build(timeout);
    writeFileSync(path, source);
    if (run.status !== 0 && isCompileError(run.stderr)) continue;
    const outcome = run.signal !== null ? "timeout" : run.status === 0 ? "survived" : "killed";
    const result = { file: site.file, line: site.line, from: site.from, to: site.to, outcome };
    results.push(result);
    say(result, results.length);
  }
  return results;
}

/** Not a test that failed: those are said without a place in the source before the word. */
function isCompileError(output) {
  return /^\S+\.zig:\d+:\d+: error: /m.test(output) && !/\d+ pass,? .*(?:fail|crash|leak|timeout)/.test(output);
}
