import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { firmwareBoardFiles } from "./make-firmware-boards.mjs";

const FOLDER = fileURLToPath(new URL("../firmware/boards/", import.meta.url));

const written = (): string[] =>
  readdirSync(FOLDER, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(FOLDER.length))
    .sort();

test("firmware/boards holds what follows from boards/: run scripts/make-firmware-boards.mjs", () => {
  const files = firmwareBoardFiles() as Map<string, string>;
  expect(written()).toEqual([...files.keys()].sort());
  for (const [path, text] of files) expect(readFileSync(join(FOLDER, path), "utf8"), path).toBe(text);
});

test("a board's wiring and memory reach the settings under their names in ESP-IDF and ESP-Hosted", () => {
  const settings = (id: string) => firmwareBoardFiles().get(`${id}/sdkconfig.defaults`) as string;
  const tab5 = settings("m5stack-tab5");
  expect(tab5).toContain("CONFIG_ESP_HOSTED_SDIO_RESET_ACTIVE_LOW=y\n");
  expect(tab5).toContain("CONFIG_ESP_HOSTED_PRIV_SDIO_PIN_D3_4BIT_BUS_SLOT_1=8\n");
  expect(tab5).toContain("CONFIG_SYNAPSE_ETHERNET=n\n");
  expect(settings("esp32-p4x-function-ev")).toContain("CONFIG_ESP_DEFAULT_CPU_FREQ_MHZ_400=y\n");
  const waveshare = settings("waveshare-esp32-p4-wifi6");
  expect(waveshare).toContain("CONFIG_SYNAPSE_SLOW_BYTES=29360128\n");
  expect(waveshare).not.toContain("ESP_HOSTED");
});

test("a partition is written with its offset and size, and a subtype of ours by its number", () => {
  const csv = firmwareBoardFiles().get("waveshare-esp32-p4-wifi6/partitions.csv") as string;
  expect(csv).toContain("\nota_0, app, ota_0, 0x20000, 0x280000\n");
  expect(csv).toContain("\nmodel_a, data, 0x40, 0x520000, 0x1240000\n");
});
