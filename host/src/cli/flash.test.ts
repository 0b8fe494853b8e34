import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readBoard, type SimulatedChip, startSimulatedChip } from "synapse-sim";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { boardEntries } from "../flash/partitionTable.js";
import { FAMILIES, writeFirmwareBuild } from "../testing/firmwareBuild.js";
import { zipFolder } from "../testing/zipFolder.js";
import { runInside } from "./testing/cliHarness.js";

const repository = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const MODEL = repository("sim/fixtures/lewm-test.syn");
/** Two boards whose partitions differ, in a release for both families. */
const [SMALL, LARGE] = ["esp32-p4-function-ev", "waveshare-esp32-p4-wifi6"] as const;

let folder: string;
let chip: SimulatedChip;
let state: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "synapse-cli-flash-"));
  for (const id of [SMALL, LARGE]) {
    const board = await readBoard(repository(`boards/${id}.json`));
    for (const family of ["v1", "v3"] as const)
      await writeFirmwareBuild(join(folder, "release", `${id}-${family}`), { board, app: FAMILIES[family] });
  }
  await writeFile(join(folder, "release.zip"), await zipFolder(join(folder, "release")));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  chip = await startSimulatedChip({ board: await readBoard(repository(`boards/${LARGE}.json`)), family: "v3" });
  state = await mkdtemp(join(folder, "state-"));
});
afterEach(() => chip.close());

const flash = (...args: string[]) =>
  runInside(["flash", "--port", chip.url, ...args], { env: { XDG_STATE_HOME: state, XDG_CONFIG_HOME: state } });

/** Asks the board that runs, as its owner where a token was kept. */
async function ask(method: string, target: string, body?: Uint8Array) {
  const kept = JSON.parse(await readFile(join(state, "synapse", "tokens.json"), "utf8"));
  const [{ token }] = Object.values(kept.boards) as [{ token: string }];
  const answer = await chip.running?.handle({
    method,
    target,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/octet-stream" },
    ...(body === undefined ? {} : { body }),
  });
  return JSON.parse(Buffer.from(answer?.body ?? []).toString());
}

describe.each(["release", "release.zip"])("of a %s", (release) => {
  test("the build for board and silicon is taken, and the board starts", async () => {
    const { code, stdout, stderr } = await flash("--build", join(folder, release), "--board", LARGE, "--model", MODEL);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`synapse-host monitor --port ${chip.url}`);
    await chip.idle();
    expect(chip.running?.identity()?.model).toBe("lewm-test");
  });

  test("the board is asked for where it has several, and one that it has nothing for is refused", async () => {
    const unclear = await flash("--build", join(folder, release));
    expect(unclear).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`--board with one of ${SMALL}, ${LARGE}`),
    });
    const other = await flash("--build", join(folder, release), "--board", "m5stack-tab5");
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("[BUILD_OTHER_BOARD]") });
    expect(chip.flash.contents.every((byte) => byte === 0xff)).toBe(true);
  });
});

test("a model alone becomes the one that runs, whichever slot ran before", async () => {
  const build = join(folder, "release", `${LARGE}-v3`);
  expect(await flash("--build", build, "--model", MODEL, "--name", "kitchen")).toMatchObject({ code: 0 });
  await chip.idle();
  await ask("PUT", "/v1/models/model_b", await readFile(MODEL));
  expect(await ask("POST", "/v1/models/model_b/activate")).toMatchObject({ slot: "model_b", active: true });
  expect(await flash("--model", MODEL, "--model-only", "--board", LARGE)).toMatchObject({ code: 0 });
  await chip.idle();
  const { slots } = await ask("GET", "/v1/models");
  expect(slots).toMatchObject([
    { slot: "model_a", state: "VALID", active: true },
    { slot: "model_b", state: "EMPTY", active: false },
  ]);
  expect(await ask("GET", "/v1/settings")).toMatchObject({ name: "kitchen" });
});

test("a model alone needs to be told the board", async () => {
  const { code, stderr } = await flash("--model", MODEL, "--model-only");
  expect(code).toBe(2);
  expect(stderr).toMatch(/a model alone does not say which board it is for; expected --board with one of .* or a file/);
});

test("--own-table takes the build's partitions, for the model too, and --erase what was there before", async () => {
  const board = await readBoard(repository(`boards/${LARGE}.json`));
  const entries = boardEntries(board).map((entry) =>
    entry.name === "model_b" ? { ...entry, size: entry.size - 0x10000 } : entry,
  );
  const build = join(folder, "own");
  await writeFirmwareBuild(build, { board, entries, app: FAMILIES.v3 });
  chip.flash.write(0x9000, new Uint8Array(100).fill(0x5a));
  const args = ["--build", build, "--board", LARGE, "--model", MODEL];
  const refused = await flash(...args);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("or give --own-table [TABLE_DIFFERS]") });
  expect(chip.flash.contents[0x9000]).toBe(0x5a);
  expect(await flash(...args, "--own-table")).toMatchObject({ code: 0 });
  expect(chip.flash.contents[0x9000]).toBe(0x5a);
  const report = JSON.parse((await flash(...args, "--own-table", "--erase", "--json")).stdout);
  expect(report.erased).toBe(true);
  const place = report.map.places.find(({ name }: { name: string }) => name === "model_b");
  expect(place.sizeBytes).toBe(entries.find(({ name }) => name === "model_b")?.size ?? 0);
  expect(chip.flash.contents[0x9000]).toBe(0xff);
  await chip.idle();
  expect(chip.running?.identity()?.model).toBe("lewm-test");
});

test("an interrupted transfer says how to go on, and goes on", async () => {
  const build = join(folder, "release", `${LARGE}-v3`);
  const args = ["flash", "--port", chip.url, "--build", build, "--model", MODEL];
  const env = { XDG_STATE_HOME: state, XDG_CONFIG_HOME: state };
  // The bar is drawn for the first time while the first piece is under way.
  const interrupted = await runInside(args, { env, tty: true, interruptOnStderr: true });
  expect(interrupted.code).toBe(130);
  expect(interrupted.stderr).toMatch(/the same command with --resume goes on\n.*interrupted.*\n$/);
  const { code, stdout } = await flash("--build", build, "--model", MODEL, "--resume");
  expect(code).toBe(0);
  expect(stdout).toMatch(/KiB were there already/);
});

test("a disk that takes nothing more costs the way back after a pulled cable, and not the board", async () => {
  // A file where a folder is wanted stands for the full disk.
  await writeFile(join(state, "synapse"), "");
  const build = join(folder, "release", `${LARGE}-v3`);
  const { code, stderr } = await flash("--build", build);
  expect(code).toBe(0);
  expect(stderr.trim().split("\n")).toHaveLength(1);
  expect(stderr).toMatch(/^warning: .*cannot be written \(E\w+\); expected .*could not have been resumed/);
  await chip.idle();
  expect(chip.console).toContain("Loaded app from partition");
  // An owner whose token cannot be kept is another matter: nothing is written.
  const before = chip.flash.contents.slice();
  await rm(join(state, "synapse"));
  await mkdir(join(state, "synapse", "tokens.json"), { recursive: true });
  expect(await flash("--build", build, "--claim")).toMatchObject({ code: 2 });
  expect(Buffer.compare(chip.flash.contents.subarray(0x20000), before.subarray(0x20000))).toBe(0);
});
