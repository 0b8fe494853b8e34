// Fuzzes what takes bytes from strangers, with libFuzzer, and fails with the path of the input that broke it: the
// runtime with model files (kernels/fuzz), the device core with JSON, CBOR, HTTP requests and MQTT messages
// (firmware/components/synapse/core/fuzz). Found inputs stay in found/ beside the target, the grown corpus in
// .zig-cache/fuzz/; see the README of each folder.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { ROOT, setupPage, zig } from "../scripts/setup.mjs";

const RUNTIME = join(ROOT, "kernels", "fuzz");
const CORE = join(ROOT, "firmware", "components", "synapse", "core", "fuzz");
const OBJECTS = join(ROOT, "zig-out", "fuzz");
const WORK = join(ROOT, ".zig-cache", "fuzz");
/** Slowest accepted input, and most memory; either ends the run as a finding. */
const LIMITS = ["-timeout=10", "-rss_limit_mb=1024", "-max_len=32768"];
const KERNELS = ["kernels_avx2.o", "kernels_avx512vnni.o"];
/** One program each; those of the core are one program that is told which to be. */
const TARGETS = {
  generic: { folder: RUNTIME, step: "fuzz-objects", objects: ["fuzz_generic.o"], corpus: "corpus", share: 0.5 },
  x86: { folder: RUNTIME, step: "fuzz-objects", objects: ["fuzz_x86.o", ...KERNELS], corpus: "corpus", share: 0.5 },
  ...Object.fromEntries(
    ["json", "cbor", "http", "mqtt"].map((name) => [
      name,
      { folder: CORE, step: "fuzz-core", objects: ["fuzz_core.o"], corpus: join("corpus", name), share: 1 },
    ]),
  ),
};
const INSTALL = "apt-get install clang-19 libclang-rt-19-dev";

const HELP = `Usage: node stress/fuzz.mjs [options]

  --seconds <n>    time of each target, 1 to 86400 (default: 60); the two builds of the runtime share one
  --target <name>  ${Object.keys(TARGETS).join(", ")}; may be given several times (default: all)
  --help           this text
`;

class UsageError extends Error {}

function options() {
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        seconds: { type: "string", default: "60" },
        target: { type: "string", multiple: true },
        help: { type: "boolean", default: false, short: "h" },
      },
    }));
  } catch (error) {
    throw new UsageError(error.message);
  }
  const seconds = Number(values.seconds);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 86_400)
    throw new UsageError(`--seconds is ${values.seconds}; expected 1 to 86400`);
  const names = values.target ?? Object.keys(TARGETS);
  for (const name of names) {
    if (TARGETS[name] === undefined)
      throw new UsageError(`--target is ${name}; expected one of ${Object.keys(TARGETS).join(", ")}`);
  }
  return { seconds, names, help: values.help };
}

/** A clang whose libFuzzer links, or undefined. */
function findClang() {
  const probe = mkdtempSync(join(tmpdir(), "synapse-fuzz-"));
  try {
    const source =
      "int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n) { return (void)d, (void)n, 0; }";
    return ["clang-19", "clang-20", "clang-18", "clang-17", "clang-16", "clang-15", "clang-14", "clang"].find(
      (clang) => {
        const args = ["-fsanitize=fuzzer", "-x", "c", "-", "-o", join(probe, "probe")];
        return spawnSync(clang, args, { input: source, stdio: ["pipe", "ignore", "ignore"] }).status === 0;
      },
    );
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}

function build(clang, name) {
  const program = join(WORK, name);
  const objects = TARGETS[name].objects.map((object) => join(OBJECTS, object));
  const args = ["-fsanitize=fuzzer", "-O1", join(RUNTIME, "coverage.c"), ...objects, "-o", program];
  const result = spawnSync(clang, args, { stdio: ["ignore", "inherit", "inherit"] });
  if (result.status !== 0) throw new Error(`${clang} cannot link the fuzz target`);
  return program;
}

/** Runs one target; answers its last line of statistics and the inputs it has found. */
function fuzz(program, name, seconds) {
  const { folder, corpus: seeds } = TARGETS[name];
  const corpus = join(WORK, `corpus-${name}`);
  const kept = join(folder, "found");
  mkdirSync(corpus, { recursive: true });
  mkdirSync(kept, { recursive: true });
  const before = new Set(readdirSync(kept));
  const dictionary = readdirSync(folder).find((file) => file.endsWith(".dict"));
  const args = [
    ...LIMITS,
    `-max_total_time=${seconds}`,
    `-dict=${join(folder, dictionary)}`,
    `-artifact_prefix=${kept}/`,
    corpus,
    join(folder, seeds),
  ];
  return new Promise((resolve, reject) => {
    const environment = { ...process.env, SYNAPSE_FUZZ_TARGET: name };
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], env: environment });
    let tail = "";
    let last = "";
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text) => {
      tail = (tail + text).slice(-8000);
      last = text.match(/^#\d+\t.*cov: .*$/gm)?.at(-1) ?? last;
    });
    child.on("error", reject);
    child.on("close", (code) => {
      const found = readdirSync(kept).filter((input) => !before.has(input));
      resolve({ code, last, tail, found: found.map((input) => relative(ROOT, join(kept, input))) });
    });
  });
}

async function main() {
  const { seconds, names, help } = options();
  if (help) {
    process.stdout.write(HELP);
    return 0;
  }
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
  zig(["build", ...new Set(names.map((name) => TARGETS[name].step))]);
  mkdirSync(WORK, { recursive: true });
  for (const name of names) {
    const share = Math.max(1, Math.floor(seconds * TARGETS[name].share));
    const { code, last, tail, found } = await fuzz(build(clang, name), name, share);
    const cov = /cov: (\d+)/.exec(last)?.[1];
    const execs = Number(/^Done (\d+) runs/m.exec(tail)?.[1] ?? /^#(\d+)/.exec(last)?.[1] ?? 0);
    console.log(
      `fuzz ${name}: ${execs} execs in ${share} s (${Math.round(execs / share)}/s), coverage ${cov ?? 0} edges`,
    );
    if (code !== 0) {
      console.error(tail);
      console.error(`fuzz ${name}: failed on ${found.join(", ") || "an input that was not kept"}`);
      if (found[0])
        console.error(`run it again with: SYNAPSE_FUZZ_TARGET=${name} ${relative(ROOT, join(WORK, name))} ${found[0]}`);
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
