// `npm test`: sets up what is missing, checks format, types and lint, runs the Zig and TypeScript tests, and ends with
// what failed, a line each, and one count over all. `npm test -- host/src/pack` runs the TypeScript
// tests of one folder only.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { ROOT, setup, setupTraining, trainingPython, zigCommand } from "./setup.mjs";

/** Steps of the Zig build whose results cannot run on this machine: one for each kind of system that has an addon. */
const OTHER_SYSTEMS = ["addon-aarch64", "prebuild-darwin-arm64", "prebuild-win32-x64"];
const REPORT = join(ROOT, ".toolchain", "vitest.json");

/** Runs a program with its output shown, and returns its exit code. */
function show(command, args) {
  const result = spawnSync(command, args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
  if (result.error) throw new Error(`cannot run ${command}: ${result.error.message}`);
  return result.status ?? 1;
}

function title(text) {
  process.stdout.write(`\n== ${text}\n`);
}

/** One check that passes or fails as a whole. */
function check(name, command, args) {
  title(name);
  const passed = show(command, args) === 0;
  return passed ? { passed: 1, failed: 0 } : { passed: 0, failed: 1, failures: [name] };
}

/** A command line split as `check` wants it. */
function withArguments([command, ...first], more) {
  return [command, [...first, ...more]];
}

/** The Zig tests of the runtime and the device core; counted from the build summary. */
function zigTests() {
  title("Zig tests: runtime and device core");
  const [command, ...rest] = zigCommand();
  const result = spawnSync(command, [...rest, "build", "test", "--summary", "all"], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  const output = `${result.stdout}${result.stderr}`;
  const [, count, total] = /(\d+)\/(\d+) tests passed/.exec(output) ?? [];
  const passed = Number(count ?? 0);
  const failed = Number(total ?? 0) - passed;
  if (result.status !== 0) {
    process.stdout.write(output);
    const failures = [...output.matchAll(/^error: '([^'\n]+)' (?:failed|leaked|terminated|timed out).*$/gm)].map(
      ([, test]) => `Zig: ${test}`,
    );
    return { passed, failed: Math.max(failed, 1), failures: failures.length > 0 ? failures : ["zig build test"] };
  }
  if (passed === 0) {
    process.stdout.write(`${output}\nno Zig test was counted\n`);
    return { passed: 0, failed: 1, failures: ["zig build test: no test was counted"] };
  }
  for (const [line] of output.matchAll(/^(power cuts|firmware|settings): .*$/gm)) process.stdout.write(`${line}\n`);
  process.stdout.write(`${passed} Zig tests passed\n`);
  return { passed, failed: 0 };
}

function typescriptTests(filters) {
  title("TypeScript tests");
  mkdirSync(join(ROOT, ".toolchain"), { recursive: true });
  rmSync(REPORT, { force: true });
  const status = show(process.execPath, [
    join("node_modules", "vitest", "vitest.mjs"),
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${REPORT}`,
    ...filters,
  ]);
  const report = JSON.parse(readFileSync(REPORT, "utf8"));
  const failed = report.numFailedTests + (status !== 0 && report.numFailedTests === 0 ? 1 : 0);
  return {
    passed: report.numPassedTests,
    failed,
    skipped: report.numPendingTests,
    failures: typescriptFailures(report),
  };
}

/** Each failed test of vitest's report with the first line of its message, and each file that could not be run. */
function typescriptFailures(report) {
  const failures = [];
  for (const file of report.testResults) {
    const name = relative(ROOT, file.name);
    const failed = file.assertionResults.filter(({ status }) => status === "failed");
    for (const { fullName, failureMessages } of failed)
      failures.push(`${name} > ${fullName}: ${firstLine(failureMessages[0])}`);
    if (failed.length === 0 && file.status === "failed") failures.push(`${name}: ${firstLine(file.message)}`);
  }
  return failures;
}

function firstLine(text = "") {
  return stripVTControlCharacters(text).split("\n", 1)[0];
}

/** The tests of training/: where PyTorch is set up, and always on a build server. */
function trainingTests() {
  title("Training tests");
  if (process.env.CI) setupTraining();
  const python = trainingPython();
  if (python === undefined) {
    process.stdout.write("left out: PyTorch is not set up; `npm run setup:training` installs it (some gigabytes)\n");
    return { passed: 0, failed: 0 };
  }
  const result = spawnSync(python, ["-m", "pytest", "training"], {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  process.stdout.write(result.stdout);
  const count = (word) =>
    Number(new RegExp(`(\\d+) ${word}`).exec(result.stdout.trimEnd().split("\n").at(-1) ?? "")?.[1] ?? 0);
  const failed = count("failed") + count("error");
  const failures = [...result.stdout.matchAll(/^(?:FAILED|ERROR) (.*)$/gm)].map(([, test]) => test);
  return {
    passed: count("passed"),
    failed: result.status !== 0 && failed === 0 ? 1 : failed,
    skipped: count("skipped"),
    failures,
  };
}

const filters = process.argv.slice(2);
try {
  setup();
  const results =
    filters.length > 0
      ? [typescriptTests(filters)]
      : [
          check("Lint and format", process.execPath, [
            join("node_modules", "@biomejs", "biome", "bin", "biome"),
            "check",
            ".",
          ]),
          check("Tidy", process.execPath, [join("scripts", "tidy.mjs")]),
          zigTests(),
          check(
            "The addons compile for 64-bit Arm, macOS and Windows",
            ...withArguments(zigCommand(), ["build", ...OTHER_SYSTEMS]),
          ),
          typescriptTests([]),
          trainingTests(),
        ];
  const total = (key) => results.reduce((sum, result) => sum + (result[key] ?? 0), 0);
  const skipped = total("skipped");
  process.stdout.write("\n");
  for (const failure of results.flatMap(({ failures }) => failures ?? [])) process.stdout.write(`failed: ${failure}\n`);
  process.stdout.write(
    `${total("passed")} passed, ${total("failed")} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`,
  );
  process.exitCode = total("failed") > 0 ? 1 : 0;
} catch (error) {
  process.stderr.write(`test: ${error.message}\n`);
  process.stdout.write(`\nfailed: ${error.message}\n0 passed, 1 failed\n`);
  process.exitCode = 1;
}
