import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError } from "synapse-engine/errors";
import { type Board, readBoard, SimulatedBoard, type SimulatedChip, startSimulatedChip } from "synapse-sim";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { boardEntries } from "../flash/partitionTable.js";
import { badCable } from "../testing/badCable.js";
import { FAMILIES, type FirmwareBuildOptions, writeFirmwareBuild } from "../testing/firmwareBuild.js";
import { type FlashRequest, flashBoard } from "./flashBoard.js";

const repository = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const MODEL = repository("sim/fixtures/lewm-test.syn");
/** What somebody else's flash holds, 16 MiB of it. */
const OTHERS = new Uint8Array(16 << 20).fill(0x5a);
const MAC = "30:ed:a0:12:34:56";

let folder: string;
let board: Board;
const chips: SimulatedChip[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "synapse-flash-"));
  board = await readBoard(repository("boards/esp32-p4-function-ev.json"));
});
afterEach(async () => {
  for (const chip of chips.splice(0)) await chip.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function chipOf(family: "v1" | "v3", flash?: Uint8Array): Promise<SimulatedChip> {
  const chip = await startSimulatedChip({ board, family, mac: MAC, ...(flash === undefined ? {} : { flash }) });
  chips.push(chip);
  return chip;
}

/** `toEqual` looks at each of 16 million bytes by itself. */
const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
const contents = (chip: SimulatedChip): Uint8Array => chip.flash.contents;

async function buildOf(name: string, options: Omit<FirmwareBuildOptions, "board"> = {}): Promise<string> {
  const path = join(folder, name);
  await writeFirmwareBuild(path, { board, ...options });
  return path;
}

function request(port: string, more: Partial<FlashRequest> = {}): FlashRequest {
  return {
    port,
    build: undefined,
    standIn: false,
    board: "esp32-p4-function-ev",
    model: MODEL,
    settings: { name: "kitchen", wifi_ssid: "my net", wifi_password: "correct horse" },
    demands: { project: "synapse", ownTable: false },
    baudRate: 921_600,
    erase: false,
    resume: false,
    dryRun: false,
    env: { XDG_CONFIG_HOME: join(folder, "config"), XDG_STATE_HOME: join(folder, "state") },
    signal: new AbortController().signal,
    progress: () => undefined,
    ...more,
  };
}

const failure = async (run: Promise<unknown>): Promise<InputError> => {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof InputError) return error;
  throw error ?? new Error("nothing was wrong");
};

/** Starts what a chip holds, on silicon that runs builds of the family, and answers a request of its owner. */
async function askBoard(flash: Uint8Array, target: string, token: string, family: "v1" | "v3" = "v1") {
  const chipRevision = { v1: board.chipRevision, v3: { major: 3, minor: 1 } }[family];
  const simulated = await SimulatedBoard.create({ board: { ...board, chipRevision }, flash, engine: "wasm" });
  try {
    const answer = await simulated.handle({ method: "GET", target, headers: { authorization: `Bearer ${token}` } });
    return { status: answer.status, json: JSON.parse(new TextDecoder().decode(answer.body)) };
  } finally {
    await simulated.close();
  }
}

async function keptToken(): Promise<string> {
  const kept = JSON.parse(await readFile(join(folder, "config", "synapse", "tokens.json"), "utf8"));
  return kept.boards[MAC.replaceAll(":", "")].token;
}

describe.each(["v1", "v3"] as const)("a board of family %s", (family) => {
  test("gets firmware, model and settings, and starts as its owner's", async () => {
    const chip = await chipOf(family);
    const build = await buildOf(`build-${family}`, { app: FAMILIES[family] });
    const report = await flashBoard(request(chip.url, { build }));
    expect(report).toMatchObject({ chip: { mac: MAC }, keptBytes: 0, repetitions: 0, erased: false });
    await chip.idle();
    expect(chip.running?.identity()).toMatchObject({ name: "kitchen", model: "lewm-test" });
    const token = await keptToken();
    expect(report.tokenFile).toBe(join(folder, "config", "synapse", "tokens.json"));
    expect((await stat(report.tokenFile as string)).mode & 0o777).toBe(0o600);
    const settings = await askBoard(contents(chip), "/v1/settings", token, family);
    expect(settings).toMatchObject({ status: 200, json: { name: "kitchen", wifi_ssid: "my net" } });
    const device = await askBoard(contents(chip), "/v1/device", token, family);
    expect(JSON.stringify(device.json)).toContain("9.9.9");
    expect(JSON.stringify((await askBoard(contents(chip), "/v1/models", token, family)).json)).toContain("VALID");
  });

  test("does not get a build of the other family: its flash stays as it was", async () => {
    const chip = await chipOf(family, OTHERS.slice());
    const other = family === "v1" ? "v3" : "v1";
    const build = await buildOf(`other-${family}`, { app: FAMILIES[other] });
    const error = await failure(flashBoard(request(chip.url, { build, erase: true })));
    expect(error.code).toBe("CHIP_REVISION");
    expect(error.message).toMatch(family === "v1" ? /SELECTS_REV_LESS_V3=y/ : /a build for silicon v3/);
    expect(isSame(contents(chip), OTHERS)).toBe(true);
  });
});

describe("what is wrong is said before the flash is touched", () => {
  const cases: [string, string, () => Promise<Partial<FlashRequest>>][] = [
    [
      "another project",
      "BUILD_OTHER_PROJECT",
      async () => ({ build: await buildOf("p", { app: { project: "blink" } }) }),
    ],
    ["another chip", "BUILD_OTHER_CHIP", async () => ({ build: await buildOf("c", { chip: "esp32s3" }) })],
    [
      "an image for another chip",
      "IMAGE_OTHER_CHIP",
      async () => ({ build: await buildOf("i", { app: { chipId: 9 } }) }),
    ],
    ["too large", "IMAGE_TOO_LARGE", async () => ({ build: await buildOf("l", { app: { payloadBytes: 2_700_000 } }) })],
    [
      "other partitions",
      "TABLE_DIFFERS",
      async () => ({ build: await buildOf("t", { entries: boardEntries(board).slice(0, -1) }) }),
    ],
    ["no model", "PACK_MAGIC", async () => ({ build: await buildOf("m"), model: repository("samples/cat.jpg") })],
    ["no build", "BUILD_MISSING", async () => ({ build: repository("samples") })],
    [
      "settings that the board refuses",
      "SETTINGS_REFUSED",
      async () => ({ build: await buildOf("s"), settings: { broker_url: "ftp://nowhere" } }),
    ],
  ];
  test.each(cases)("%s", async (_, code, wrong) => {
    const chip = await chipOf("v1", OTHERS.slice());
    const error = await failure(flashBoard(request(chip.url, await wrong())));
    expect(error).toMatchObject({ code, expected: expect.any(String) });
    expect(isSame(contents(chip), OTHERS)).toBe(true);
  });

  test("a model beside firmware of other partitions", async () => {
    const chip = await chipOf("v1");
    await flashBoard(request(chip.url, { build: await buildOf("own") }));
    const before = contents(chip).slice();
    const other = join(folder, "other.json");
    const partitions = board.partitions.filter(({ name }) => name !== "phy_init");
    await writeFile(other, JSON.stringify({ ...board, id: "other", partitions }));
    const wrong = await failure(flashBoard(request(chip.url, { board: other })));
    expect(wrong).toMatchObject({ code: "TABLE_DIFFERS", message: expect.stringContaining("phy_init") });
    const large = await failure(flashBoard(request(chip.url, { board: "waveshare-esp32-p4-wifi6" })));
    expect(large.code).toBe("CHIP_FLASH_TOO_SMALL");
    // A board that has started counts its starts in the areas before.
    expect(isSame(contents(chip).subarray(131_072), before.subarray(131_072))).toBe(true);
  });
});

test("a simulated chip boots without a build, and a chip that could be real is not left without firmware", async () => {
  const chip = await startSimulatedChip({ board, family: "v1" });
  chips.push(chip);
  const report = await flashBoard(request(chip.url, { standIn: true }));
  await chip.idle();
  expect(chip.running?.identity()).toMatchObject({ name: "kitchen", model: "lewm-test" });
  expect(report.map.places.find(({ name }) => name === "ota_0")?.holds).toContain("-simulated");
  const real = await chipOf("v1", OTHERS.slice());
  expect((await failure(flashBoard(request(real.url, { standIn: true, erase: true })))).code).toBe("BUILD_NEEDED");
  expect(isSame(contents(real), OTHERS)).toBe(true);
});

test("a model alone leaves firmware, settings and owner as they are", async () => {
  const chip = await chipOf("v1");
  await flashBoard(request(chip.url, { build: await buildOf("first"), model: undefined }));
  const token = await keptToken();
  const before = contents(chip).slice();
  await flashBoard(request(chip.url, { settings: undefined }));
  expect(isSame(contents(chip).subarray(0, 73728), before.subarray(0, 73728))).toBe(true);
  expect((await askBoard(contents(chip), "/v1/settings", token)).json).toMatchObject({ name: "kitchen" });
  expect(JSON.stringify((await askBoard(contents(chip), "/v1/models", token)).json)).toContain("VALID");
});

test("a dry run shows the map and changes nothing, on a chip or without one", async () => {
  const chip = await chipOf("v1", OTHERS.slice());
  const build = await buildOf("dry");
  const asked = await flashBoard(request(chip.url, { build, dryRun: true }));
  const alone = await flashBoard({ ...request("", { build, dryRun: true }), port: undefined, board: undefined });
  expect(asked.map).toEqual(alone.map);
  expect(alone.map.places.find(({ name }) => name === "model_a")).toMatchObject({ holds: "lewm-test.syn" });
  expect(isSame(contents(chip), OTHERS)).toBe(true);
});

test("wherever the cable is pulled, --resume ends with the same flash and writes only what is missing", async () => {
  // What cannot be compressed, so that there is time to pull.
  const nvs = new Uint8Array(24_576).map((_, i) => (Math.imul(i, 0x9e3779b1) >>> 13) ^ (i >> 3));
  const build = await buildOf("pulled", { app: { payloadBytes: 600_000 }, nvs });
  const first = await chipOf("v1");
  await flashBoard(request(first.url, { build, settings: undefined }));
  const whole = contents(first).slice();
  let pulls = 0;
  let keptBytes = 0;
  // Later and later, until the transfer is over before.
  for (let pulledAfter = 15_000, over = false; !over; pulledAfter += 15_000) {
    const chip = await chipOf("v1");
    const bad = await badCable(chip.url, { pulledAfter });
    const broken = await flashBoard(request(bad.url, { build, settings: undefined })).catch((error) => error);
    await bad.close();
    over = !(broken instanceof InputError);
    if (over) break;
    expect(broken).toMatchObject({ code: "CABLE_LOST", expected: expect.stringContaining("--resume") });
    pulls++;
    keptBytes += (await flashBoard(request(chip.url, { build, settings: undefined, resume: true }))).keptBytes;
    expect(isSame(contents(chip), whole)).toBe(true);
    expect(isSame(contents(chip).subarray(36_864, 61_440), nvs)).toBe(true);
  }
  expect(pulls).toBeGreaterThan(5);
  expect(keptBytes).toBeGreaterThan(0);
}, 120_000);

test("bytes that are lost on the way are sent again", async () => {
  const build = await buildOf("lossy");
  const first = await chipOf("v1");
  await flashBoard(request(first.url, { build, settings: undefined }));
  const whole = contents(first).slice();
  const chip = await chipOf("v1");
  // Two of a block of the model on their way to the chip, behind the stub.
  const cable = await badCable(chip.url, {
    loses: (i, towards) => towards === "board" && (i === 60_000 || i === 90_000),
  });
  const report = await flashBoard(request(cable.url, { build, settings: undefined }));
  await cable.close();
  expect(report.writtenBytes).toBe(report.totalBytes);
  expect(isSame(contents(chip), whole)).toBe(true);
}, 120_000);
