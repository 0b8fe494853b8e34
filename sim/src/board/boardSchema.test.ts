import { readdirSync, readFileSync } from "node:fs";
import { InputError } from "synapse-engine/errors";
import { describe, expect, it } from "vitest";
import { parseBoard, siliconOf } from "./boardSchema.js";
import { corePartitions } from "./corePartitions.js";

const BOARDS = new URL("../../../boards/", import.meta.url);
const waveshare = readFileSync(new URL("waveshare-esp32-p4-wifi6.json", BOARDS), "utf8");

/** The Waveshare board with one value replaced; undefined removes it. */
function edited(path: readonly (string | number)[], value: unknown): string {
  const board = JSON.parse(waveshare);
  const last = path.at(-1) as string;
  const target = path.slice(0, -1).reduce((node, key) => node[key], board);
  if (value === undefined) delete target[last];
  else target[last] = value;
  return JSON.stringify(board);
}

function refusal(text: string): InputError {
  try {
    parseBoard(text, "board.json");
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new Error("the board was accepted");
}

describe("board files", () => {
  it.each(readdirSync(BOARDS))(
    "%s is valid, and has room for a model of 8 MiB, for a second one, and twice for the firmware",
    (name) => {
      const board = parseBoard(readFileSync(new URL(name, BOARDS), "utf8"), name);
      const { slots, firmware } = corePartitions(board);
      expect(Math.max(...slots.map(({ size }) => size))).toBeGreaterThanOrEqual(8 << 20);
      // Engine and core take 0.8 MB (docs/esp32p4-library.md); the rest is for what ESP-IDF brings,
      // whose size is not known here.
      for (const { size } of firmware?.places ?? []) expect(size).toBeGreaterThanOrEqual(2.5 * (1 << 20));
      expect(firmware?.places.length).toBe(2);
    },
  );

  it.each([
    ["psram is missing", edited(["psram"], undefined), "BOARD_INVALID", "psram"],
    ["a size is text", edited(["sram", "freeBytes"], "512000"), "BOARD_INVALID", "sram.freeBytes"],
    ["an unknown cache size", edited(["sram", "cacheBytes"], 1000), "BOARD_INVALID", "sram.cacheBytes"],
    [
      "more is reserved than exists",
      edited(["psram", "reservedBytes"], 33554432),
      "BOARD_INVALID",
      "psram.reservedBytes",
    ],
    [
      "a partition's name is too long",
      edited(["partitions", 1, "name"], "a-name-of-sixteen"),
      "BOARD_INVALID",
      "partitions[1].name",
    ],
    ["two partitions share a name", edited(["partitions", 1, "name"], "nvs"), "BOARD_PARTITIONS", "partitions[1].name"],
    [
      "an app is not aligned to 64 KiB",
      edited(["partitions", 5, "offset"], 135168),
      "BOARD_PARTITIONS",
      "partitions[5].offset",
    ],
    ["a size is not whole sectors", edited(["partitions", 0, "size"], 24577), "BOARD_PARTITIONS", "partitions[0].size"],
    [
      "a partition lies over the bootloader",
      edited(["partitions", 0, "offset"], 4096),
      "BOARD_PARTITIONS",
      "partitions[0].offset",
    ],
    ["partitions overlap", edited(["partitions", 1, "offset"], 36864), "BOARD_PARTITIONS", "partitions[1].offset"],
    [
      "a partition ends behind the flash",
      edited(["flash", "bytes"], 16777216),
      "BOARD_PARTITIONS",
      "partitions[7].size",
    ],
  ])("%s: the error names the place", (_title, text, code, where) => {
    expect(refusal(text)).toMatchObject({ code, where, source: "board.json" });
  });

  it.each([
    ["cpu", 400, "at most 360 before revision 3.0"],
    ["psram", 250, "at most 200 before revision 3.0"],
  ])("refuses a clock of %s that only silicon from revision 3.0 on has: %i MHz", (part, mhz, expected) => {
    expect(refusal(edited([part, "mhz"], mhz))).toMatchObject({
      code: "BOARD_INVALID",
      where: `${part}.mhz`,
      message: expect.stringContaining("on revision 1.3"),
      expected,
    });
    const newer = JSON.parse(edited([part, "mhz"], mhz));
    newer.chipRevision = { major: 3, minor: 1 };
    expect(siliconOf(parseBoard(JSON.stringify(newer), "board.json"))).toBe("v3");
  });

  it("refuses a pin that the chip does not have", () => {
    const pins = { phy: "ip101", address: 1, mdcPin: 55, mdioPin: 52, resetPin: 51 };
    expect(refusal(edited(["wiring"], { ethernet: pins }))).toMatchObject({ where: "wiring.ethernet.mdcPin" });
  });

  it("says that a file is not JSON, or not an object", () => {
    expect(refusal("{").code).toBe("BOARD_JSON");
    expect(refusal("[]").code).toBe("BOARD_INVALID");
  });

  it("refuses keys that it does not know", () => {
    expect(refusal(edited(["wifi"], true))).toMatchObject({ code: "BOARD_INVALID" });
  });
});
