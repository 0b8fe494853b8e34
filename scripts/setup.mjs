// Sets up everything `npm start` and `npm test` need, and nothing twice: npm packages, the board's page, the pinned Zig
// compiler, the native, WASM and RISC-V builds, the TypeScript build. Uses only what Node ships, because it runs before
// anything is installed.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
export const ZIG_VERSION = "0.17.1";
const STAMPS = join(ROOT, ".toolchain", "stamps");
const VENV = join(ROOT, ".toolchain", "zig-venv");

function say(text) {
  process.stderr.write(`${text}\n`);
}

export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: ROOT, stdio: ["ignore", 2, "inherit"], ...options });
  if (result.error) throw new Error(`cannot run ${command}: ${result.error.message}`);
  if (result.status !== 0) throw new Error(`${command} ${args.join(" ")} failed with exit code ${result.status}`);
}

/** Files below `paths`, sorted, as one SHA-256: a step runs again only when this changes. */
function fingerprint(paths) {
  const hash = createHash("sha256").update(process.version).update(process.platform).update(process.arch);
  const visit = (path) => {
    if (!existsSync(path)) return;
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) {
        if (!["node_modules", "dist", ".zig-cache", "zig-out"].includes(name) && !name.endsWith(".tsbuildinfo"))
          visit(join(path, name));
      }
    } else hash.update(path.slice(ROOT.length)).update("\0").update(readFileSync(path)).update("\0");
  };
  for (const path of paths) visit(join(ROOT, path));
  return hash.digest("hex");
}

/** Runs `action` unless `inputs` are as they were when it last ended well and `outputs` are there. */
export function step(name, inputs, outputs, message, action) {
  const stamp = join(STAMPS, name);
  const now = fingerprint(inputs);
  const current =
    existsSync(stamp) && readFileSync(stamp, "utf8") === now && outputs.every((path) => existsSync(join(ROOT, path)));
  if (current) return;
  say(`> ${message}`);
  action();
  mkdirSync(STAMPS, { recursive: true });
  writeFileSync(stamp, fingerprint(inputs));
}

function zigOnPath() {
  const probe = spawnSync("zig", ["version"], { encoding: "utf8" });
  return probe.status === 0 && probe.stdout.trim() === ZIG_VERSION;
}

/**
 * The command line of the pinned compiler: a matching `zig` on PATH,
 * or the `ziglang` wheel in a local virtual environment.
 */
export function zigCommand() {
  if (zigOnPath()) return ["zig"];
  return [venvPython(VENV), "-m", "ziglang"];
}

/** Makes a virtual environment and answers its Python. */
function makeVenv(folder) {
  const python = ["python3", "python"].find((name) => spawnSync(name, ["--version"]).status === 0);
  if (!python) throw new Error("Python 3 is needed and not on PATH");
  try {
    run(python, ["-m", "venv", folder]);
  } catch (error) {
    throw new Error(
      `${error.message}; Debian and Ubuntu keep this part of Python in a package: apt-get install python3-venv`,
    );
  }
  return venvPython(folder);
}

function venvPython(folder) {
  return join(folder, process.platform === "win32" ? "Scripts/python.exe" : "bin/python");
}

function pip(python, args) {
  run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...args]);
}

/** A program of PyPI in a virtual environment of its own, unless it is there in this version. */
function installWheel(name, version, folder) {
  if (hasWheel(name, version, folder)) return;
  say(`> fetching ${name} ${version} (from PyPI, into .toolchain/)`);
  pip(makeVenv(folder), [`${name}==${version}`]);
}

function hasWheel(name, version, folder) {
  const [windows, others] = [join(folder, "Lib"), join(folder, "lib")];
  const pythons = process.platform === "win32" ? [windows] : existsSync(others) ? inside(others) : [];
  return pythons.some((python) => existsSync(join(python, "site-packages", `${name}-${version}.dist-info`)));
}

const inside = (folder) => readdirSync(folder).map((name) => join(folder, name));

function installZig() {
  if (!zigOnPath()) installWheel("ziglang", ZIG_VERSION, VENV);
}

const RUFF_VERSION = "0.17.6";
const RUFF_VENV = join(ROOT, ".toolchain", "ruff-venv");

/** The program that checks format and lint of Python. */
export function ruffProgram() {
  return join(RUFF_VENV, process.platform === "win32" ? "Scripts/ruff.exe" : "bin/ruff");
}

/** What `tidy` needs beside the compiler. */
export function installRuff() {
  installWheel("ruff", RUFF_VERSION, RUFF_VENV);
}

const ESPTOOL_VERSION = "5.6.0";
const ESPTOOL_VENV = join(ROOT, ".toolchain", "esptool-venv");

/** Espressif's own flashing program: tests hold the simulated chip against it. */
function installEsptool() {
  installWheel("esptool", ESPTOOL_VERSION, ESPTOOL_VENV);
}

const TRAINING_VENV = join(ROOT, ".toolchain", "training");

/** The Python of `training/`, or undefined when it has not been set up. */
export function trainingPython() {
  const python = venvPython(TRAINING_VENV);
  return existsSync(python) ? python : undefined;
}

/** PyTorch and what the training's tests compare with: some gigabytes, so only when asked for. */
export function setupTraining() {
  step(
    "training",
    ["training/pyproject.toml"],
    [".toolchain/training"],
    "installing PyTorch for training/ (some gigabytes, into .toolchain/)",
    () => {
      const python = makeVenv(TRAINING_VENV);
      pip(python, ["./training[test,reference]"]);
      // The reference environment and model, without its other dependencies: they would bring simulators and data sets
      // that nothing here needs.
      pip(python, ["--no-deps", "stable-worldmodel==0.1.1"]);
    },
  );
}

export function zig(args) {
  const [command, ...rest] = zigCommand();
  run(command, [...rest, ...args]);
}

const PAGE = "firmware/components/synapse/web";
/** What the device core embeds of the page. */
const PAGE_BUILT = [`${PAGE}/dist/index.html`, `${PAGE}/dist/content-security-policy.txt`];

/** npm packages and the board's page: all that a Zig build needs beside the compiler. */
export function setupPage() {
  step("npm", ["package-lock.json"], ["node_modules"], "installing npm packages", () =>
    run("npm", ["ci", "--no-fund", "--no-audit", "--ignore-scripts", "--loglevel=error"]),
  );
  step(
    "page",
    [
      "package-lock.json",
      "scripts/build-page.mjs",
      "scripts/client-sources.mjs",
      "client/src",
      "client/package.json",
      `${PAGE}/src`,
      `${PAGE}/tsconfig.json`,
    ],
    PAGE_BUILT,
    "building the page",
    () => run(process.execPath, [join("scripts", "build-page.mjs")]),
  );
}

/** The compiler, and what Zig builds embed. */
export function setupZig() {
  setupPage();
  installZig();
  installRuff();
}

export function setup() {
  setupZig();
  installEsptool();
  const sources = [
    "build.zig",
    "build.zig.zon",
    "kernels",
    "firmware/components/synapse/core",
    "firmware/components/synapse/include",
    "firmware/components/synapse/tools",
    `${PAGE}/openapi.json`,
    "engines/native",
    "engines/wasm",
    "engines/rv32",
    "engines/guest",
    "engines/guests.zig",
    "firmware/main/setup",
    "sim/cable",
    "host/linalg",
    "sim/native",
    "sim/device",
    ...PAGE_BUILT,
  ];
  step(
    "zig-build",
    sources,
    ["zig-out"],
    "building the runtime: native addons, WASM, RISC-V, ESP32-P4 library (once, a few minutes)",
    () => zig(["build"]),
  );
  const typescript = [
    "tsconfig.base.json",
    "tsconfig.json",
    "engines/src",
    "engines/tsconfig.json",
    "sim/src",
    "sim/tsconfig.json",
    "client/src",
    "client/tsconfig.json",
    "host/src",
    "host/tsconfig.json",
    `${PAGE}/src`,
    `${PAGE}/test`,
    `${PAGE}/tsconfig.json`,
  ];
  step("tsc", typescript, ["engines/dist", "sim/dist", "client/dist", "host/dist"], "compiling TypeScript", () =>
    run(process.execPath, [join("node_modules", "typescript", "bin", "tsc"), "-b"]),
  );
  const tab = [
    "package-lock.json",
    "scripts/bundle-tab.mjs",
    "engines/src",
    "sim/src",
    "client/src",
    "firmware/components/synapse/web",
  ];
  step("tab", tab, ["sim/dist/browser/files/index.html"], "bundling the board for a browser's tab", () =>
    run(process.execPath, [join("scripts", "bundle-tab.mjs")]),
  );
  const flashPage = ["package-lock.json", "scripts/bundle-flash-page.mjs", "engines/src", "sim/src/board", "host/src"];
  step("flash-page", flashPage, ["host/dist/flashPage/files/index.html"], "bundling the page that flashes boards", () =>
    run(process.execPath, [join("scripts", "bundle-flash-page.mjs")]),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    if (process.argv[2] === "training") setupTraining();
    else setup();
  } catch (error) {
    say(`setup: ${error.message}`);
    process.exit(1);
  }
}
