import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeAppImage } from "synapse-sim/app-image";
import { readBoard } from "synapse-sim/boards";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openFileSet } from "../files/fileSet.js";
import { nodeMd5 } from "../serial/nodeMd5.js";
import { FAMILIES, writeFirmwareBuild } from "../testing/firmwareBuild.js";
import { readBuilds } from "./build.js";
import { buildForChip } from "./checkBuild.js";
import { readEspImage } from "./espImage.js";
import { composeOtadata } from "./otadata.js";
import { boardEntries, boardWithTable, composeTable, parseTable, tableDifferences } from "./partitionTable.js";
import { checkSsid, checkWifiPassword } from "./wifi.js";

const repository = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const board = await readBoard(repository("boards/esp32-p4-function-ev.json"));
const codeIn = async (run: () => unknown): Promise<string> => {
  try {
    await run();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return "no error";
};

describe("an image", () => {
  test("says what it is for", async () => {
    const file = makeAppImage({ version: "1.2.3", project: "synapse", revisionMin: 301, revisionMax: 399 });
    const image = await readEspImage(file, "app.bin");
    expect(image).toMatchObject({ chipId: 18, revisionMin: 301, revisionMax: 399, bytes: file.length });
    expect(image.app).toMatchObject({ version: "1.2.3", project: "synapse" });
  });

  test("with any byte changed or missing is refused, or is said to be for something else", async () => {
    const file = makeAppImage({ payloadBytes: 500 });
    const whole = JSON.stringify(await readEspImage(file, "app.bin"));
    for (let at = 0; at < file.length; at++) {
      const damaged = Uint8Array.from(file);
      damaged[at] = (damaged[at] as number) ^ 0x10;
      const said = await readEspImage(damaged, "app.bin").then(JSON.stringify, (error) => error.code as string);
      expect(said, `byte ${at}`).not.toBe(whole);
    }
    for (let bytes = 0; bytes < file.length; bytes += 7)
      expect(await codeIn(() => readEspImage(file.subarray(0, bytes), "app.bin"))).toMatch(/^IMAGE_/);
  });
});

describe("a partition table", () => {
  const entries = boardEntries(board);
  const table = composeTable(entries, nodeMd5);

  test("is read as it was composed, and is the board's", () => {
    expect(parseTable(table, "table", nodeMd5)).toEqual(entries);
    expect(boardWithTable(board, entries).partitions).toEqual(board.partitions);
  });

  test("with any byte of its entries changed is refused", async () => {
    for (let at = 0; at < (entries.length + 1) * 32; at++) {
      const damaged = Uint8Array.from(table);
      damaged[at] = (damaged[at] as number) ^ 0x04;
      const code = await codeIn(() => parseTable(damaged, "table", nodeMd5));
      // Of the row with the MD5, what lies between its magic and the digest says nothing.
      const idle = at >= entries.length * 32 + 2 && at < entries.length * 32 + 16;
      expect(code, `byte ${at}`).toMatch(idle ? "no error" : /^TABLE_/);
    }
  });

  test("of another board is told apart in words", () => {
    const moved = entries.map((entry) => (entry.name === "model_b" ? { ...entry, size: 4096 } : entry));
    expect(tableDifferences(moved, entries)).toEqual([expect.stringMatching(/"model_b" is 0x1000 bytes/)]);
    expect(tableDifferences(entries.slice(1), entries)).toEqual(['it has no partition "nvs"']);
  });
});

test("otadata starts the slot by the entry that ESP-IDF's otatool writes", () => {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  expect(hex(composeOtadata(0).subarray(0, 32))).toBe(`01000000${"ff".repeat(24)}9a984347`);
  expect(hex(composeOtadata(1).subarray(0, 4))).toBe("02000000");
  expect(
    composeOtadata(0)
      .subarray(32)
      .every((byte) => byte === 0xff),
  ).toBe(true);
});

describe("a release", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "synapse-release-"));
    for (const family of ["v1", "v3"] as const)
      await writeFirmwareBuild(join(folder, family), { board, app: FAMILIES[family] });
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("has a build for the chip of either family", async () => {
    const builds = await readBuilds(await openFileSet(folder, "a release"), nodeMd5);
    const chip = { name: "ESP32-P4", chipId: 18, flashBytes: 1 << 24, mac: "" };
    expect(buildForChip(builds, { ...chip, revision: 103 }).source).toBe(`${folder}/v1`);
    expect(buildForChip(builds, { ...chip, revision: 301 }).source).toBe(`${folder}/v3`);
    expect(() => buildForChip(builds, { ...chip, revision: 200 })).toThrow(/silicon v2.0, and none of its 2 builds/);
  });

  test("names no more bytes than a flash can have, however often it names them", async () => {
    const place = join(folder, "v1", "flasher_args.json");
    const before = await readFile(place, "utf8");
    await writeFile(join(folder, "v1", "large.bin"), "");
    await truncate(join(folder, "v1", "large.bin"), 60 << 20);
    const flash_files = { "0x100": "large.bin", "0x200": "large.bin", "0x300": "large.bin" };
    await writeFile(place, JSON.stringify({ ...JSON.parse(before), flash_files }));
    try {
      const read = readBuilds(await openFileSet(join(folder, "v1"), "a build"), nodeMd5);
      await expect(read).rejects.toMatchObject({ code: "FILE_TOO_LARGE" });
    } finally {
      await writeFile(place, before);
    }
  });
});

test("names and passwords of networks are counted in bytes", async () => {
  expect(await codeIn(() => checkSsid("📡".repeat(8)))).toBe("no error");
  expect(await codeIn(() => checkSsid(`${"📡".repeat(8)}a`))).toBe("WIFI_SSID");
  expect(await codeIn(() => checkSsid(""))).toBe("WIFI_SSID");
  expect(await codeIn(() => checkWifiPassword("é".repeat(31)))).toBe("no error");
  expect(await codeIn(() => checkWifiPassword("é".repeat(32)))).toBe("WIFI_PASSWORD");
  for (const bytes of [0, 7, 64])
    expect(await codeIn(() => checkWifiPassword("a".repeat(bytes)))).toBe("WIFI_PASSWORD");
});

test("what composes a flash runs in a browser: none of it needs Node", async () => {
  const here = dirname(fileURLToPath(import.meta.url));
  for (const file of (await readdir(here)).filter((name) => !name.includes(".test.")))
    expect(await readFile(join(here, file), "utf8"), file).not.toMatch(/from "node:/);
});
