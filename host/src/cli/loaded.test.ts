import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMMANDS, repoPath } from "./testing/cliHarness.js";

const HOOK = new URL("../testing/listLoaded.mjs", import.meta.url).href;
const PROGRAM = repoPath("host", "bin", "synapse-host.js");
const MODEL = repoPath("sim", "fixtures", "lewm-test.syn");
const CAT = repoPath("samples", "cat.jpg");

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "synapse-loaded-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs Node and answers what it has loaded: packages by their names, and files of this repository by their paths. */
function loadedBy(args: readonly string[]): { packages: string[]; files: string[] } {
  const list = join(folder, "loaded");
  rmSync(list, { force: true });
  const { status, stderr } = spawnSync(process.execPath, ["--import", HOOK, ...args], {
    cwd: repoPath("host"),
    encoding: "utf8",
    env: { PATH: process.env.PATH, LOADED_MODULES: list },
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  const urls = existsSync(list) ? readFileSync(list, "utf8").trimEnd().split("\n") : [];
  const paths = urls.filter((url) => url.startsWith("file:")).map((url) => fileURLToPath(url));
  const packages = paths.flatMap((path) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []);
  const files = paths.filter((path) => !path.includes("/node_modules/")).map((path) => relative(repoPath(), path));
  return { packages: [...new Set(packages)].sort(), files };
}

/** What a simulated board brings along, and what only reports and pictures need. */
const HEAVY = ["aedes", "bonjour-service", "mqtt", "qrcode", "sharp"];

describe("the program loads what a command needs when it is run", () => {
  test.each(["--help", "--version"])("%s", (option) => {
    const { packages, files } = loadedBy([PROGRAM, option]);
    expect(packages).toEqual(["commander", "picocolors"]);
    expect(files.filter((path) => path.startsWith("engines/"))).toEqual(["engines/dist/errors.js"]);
    expect(files.filter((path) => path.startsWith("sim/"))).toEqual([]);
  });

  test.each(COMMANDS)("%s --help", (command) => {
    expect(loadedBy([PROGRAM, command, "--help"]).packages).toEqual(["commander", "picocolors"]);
  });

  test("inspect, which starts no board, loads board files and neither an image library nor a broker", () => {
    const { packages, files } = loadedBy([PROGRAM, "inspect", MODEL]);
    expect(packages.filter((name) => HEAVY.includes(name))).toEqual([]);
    expect(files).toContain("sim/dist/board/boardFiles.js");
    expect(files).not.toContain("sim/dist/index.js");
  });

  test("run loads the image library for a picture", () => {
    const { packages } = loadedBy([PROGRAM, "run", MODEL, "encode", CAT]);
    expect(packages.filter((name) => HEAVY.includes(name))).toEqual(["sharp"]);
  });

  test("the library loads neither until a board is started", () => {
    const { packages, files } = loadedBy(["--input-type=module", "-e", 'await import("synapse-host")']);
    expect(files).toContain("host/dist/index.js");
    expect(packages.filter((name) => HEAVY.includes(name))).toEqual([]);
  });
});
