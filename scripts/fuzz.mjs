// Fuzzes the runtime: builds kernels/fuzz with libFuzzer, runs it, and fails with the path of the input that broke it.
//   node scripts/fuzz.mjs [--seconds 60] [--variant generic|x86]
// Found inputs stay in kernels/fuzz/found/, the grown corpus in .zig-cache/fuzz/; see kernels/fuzz/README.md.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { ROOT, setupPage, zig } from "./setup.mjs";

const FUZZ = join(ROOT, "kernels", "fuzz");
const OBJECTS = join(ROOT, "zig-out", "fuzz");
const WORK = join(ROOT, ".zig-cache", "fuzz");
const FOUND = join(FUZZ, "found");
/** Slowest accepted input, and most memory; either ends the run as a finding. */
const LIMITS = ["-timeout=10", "-rss_limit_mb=1024", "-max_len=32768"];
const INSTALL = "apt-get install clang-19 libclang-rt-19-dev";

class UsageError extends Error {}

function options() {
  let values;
  try {
    ({ values } = parseArgs({ options: { seconds: { type: "string", default: "60" }, variant: { type: "string" } } }));
  } catch (error) {
    throw new UsageError(error.message);
  }
  const seconds = Number(values.seconds);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 86_400)
    throw new UsageError(`--seconds is ${values.seconds}; expected 1 to 86400`);
  if (values.variant !== undefined && !["generic", "x86"].includes(values.variant))
    throw new UsageError(`--variant is ${values.variant}; expected generic or x86`);
  return { seconds, variants: values.variant === undefined ? ["generic", "x86"] : [values.variant] };
}

/** A clang whose libFuzzer links, or undefined. */
function findClang() {
  const probe = mkdtempSync(join(tmpdir(), "synapse-fuzz-"));
  try {
    const source = "int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n) { return (void)d, (void)n, 0; }";
    return ["clang-19", "clang-20", "clang-18", "clang-17", "clang-16", "clang-15", "clang-14", "clang"].find((clang) => {
      const args = ["-fsanitize=fuzzer", "-x", "c", "-", "-o", join(probe, "probe")];
      return spawnSync(clang, args, { input: source, stdio: ["pipe", "ignore", "ignore"] }).status === 0;
    });
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}

function build(clang, variant) {
  const program = join(WORK, variant);
  const kernels = variant === "x86" ? ["kernels_avx2.o", "kernels_avx512vnni.o"] : [];
  const objects = [`fuzz_${variant}.o`, ...kernels].map((name) => join(OBJECTS, name));
  const args = ["-fsanitize=fuzzer", "-O1", join(FUZZ, "coverage.c"), ...objects, "-o", program];
  const result = spawnSync(clang, args, { stdio: ["ignore", "inherit", "inherit"] });
  if (result.status !== 0) throw new Error(`${clang} cannot link the fuzz target`);
  return program;
}

/** Runs one variant; answers its last line of statistics and the inputs it has found. */
function fuzz(program, variant, seconds) {
  const corpus = join(WORK, `corpus-${variant}`);
  mkdirSync(corpus, { recursive: true });
  mkdirSync(FOUND, { recursive: true });
  const before = new Set(readdirSync(FOUND));
  const args = [
    ...LIMITS,
    `-max_total_time=${seconds}`,
    `-dict=${join(FUZZ, "syn.dict")}`,
    `-artifact_prefix=${FOUND}/`,
    corpus,
    join(FUZZ, "corpus"),
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
    let tail = "";
    let last = "";
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text) => {
      tail = (tail + text).slice(-8000);
      last = text.match(/^#\d+\t.*cov: .*$/gm)?.at(-1) ?? last;
    });
    child.on("error", reject);
    child.on("close", (code) => {
      const found = readdirSync(FOUND).filter((name) => !before.has(name));
      resolve({ code, last, tail, found: found.map((name) => relative(ROOT, join(FOUND, name))) });
    });
  });
}

async function main() {
  const { seconds, variants } = options();
  if (process.platform !== "linux" || process.arch !== "x64") {
    console.log("fuzz: runs on x86-64 Linux only; skipped");
    return process.env.CI ? 1 : 0;
  }
  const clang = findClang();
  if (clang === undefined) {
    console.log(`fuzz: skipped, no clang with libFuzzer; install it with: ${INSTALL}`);
    return process.env.CI ? 1 : 0;
  }
  setupPage();
  zig(["build", "fuzz-objects"]);
  mkdirSync(WORK, { recursive: true });
  for (const variant of variants) {
    const share = Math.max(1, Math.floor(seconds / variants.length));
    const { code, last, tail, found } = await fuzz(build(clang, variant), variant, share);
    const cov = /cov: (\d+)/.exec(last)?.[1];
    const execs = Number(/^Done (\d+) runs/m.exec(tail)?.[1] ?? /^#(\d+)/.exec(last)?.[1] ?? 0);
    console.log(`fuzz ${variant}: ${execs} execs in ${share} s (${Math.round(execs / share)}/s), coverage ${cov ?? 0} edges`);
    if (code !== 0) {
      console.error(tail);
      console.error(`fuzz ${variant}: failed on ${found.join(", ") || "an input that was not kept"}`);
      if (found[0]) console.error(`run it again with: ${relative(ROOT, join(WORK, variant))} ${found[0]}`);
      return 1;
    }
  }
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`fuzz: ${error.message}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
