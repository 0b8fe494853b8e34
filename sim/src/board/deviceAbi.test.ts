import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { buildFile } from "synapse-engine";
import { expect, test } from "vitest";
import type { AbiManifest, Layout } from "./abiMemory.js";
import { Block, readFields } from "./abiMemory.js";

const root = new URL("../../../", import.meta.url);
const generator = (await import(new URL("scripts/make-device-types.mjs", root).href)) as {
  readManifest(): Promise<AbiManifest>;
  deviceTypes(manifest: AbiManifest): string;
};
const manifest = await generator.readManifest();

/** Files of the repository where a name stands as a word, tests and what a tool has written left out. */
function placesOf(...spellings: readonly string[]): string[] {
  const args = ["grep", "-lwE", spellings.join("|"), "--", "*.zig", "*.ts", "*.tsx", "*.mjs", "*.h", "*.c"];
  const files = execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim().split("\n");
  return files.filter((file) => !/test|Suite/.test(file) && !file.endsWith("deviceAbi.ts")).sort();
}

const CORE = "firmware/components/synapse/core/";
const HEADER = "firmware/components/synapse/include/synapse_device.h";
const PORT = "firmware/components/synapse/port/";
const last = (record: object): string => Object.keys(record).at(-1) ?? "";
const snake = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

test("the board's types are those that it was compiled with", () => {
  const kept = readFileSync(new URL("sim/src/board/deviceAbi.ts", root), "utf8");
  expect(kept, "run: zig build board-wasm && node scripts/make-device-types.mjs").toBe(generator.deviceTypes(manifest));
});

test("the addon was compiled with the same ABI", () => {
  const addon = createRequire(import.meta.url)(buildFile("synapse-board.node")) as { boardManifest(): string };
  const native = JSON.parse(addon.boardManifest()) as AbiManifest;
  expect(generator.deviceTypes(native)).toBe(generator.deviceTypes(manifest));
});

test("the newest event stands in its declaration, where it is heard, in the header, and where the board tells it", () => {
  const newest = "mqttFailed";
  expect(Object.keys(manifest.events)).toContain(newest);
  const core = [`${CORE}abi.zig`, `${CORE}port.zig`, HEADER, `${PORT}mqtt.c`];
  expect(placesOf(snake(newest), `synapse_device_${snake(newest)}`)).toEqual(core);
  expect(placesOf(newest)).toEqual(["sim/src/board/virtualBoard.ts", "sim/src/mqtt/brokerLink.ts"]);
});

test("the newest function of the port stands in its declaration, where it is called, in the header, and where the board answers", () => {
  const newest = last(manifest.port);
  expect(newest).toBe("fetchCancel");
  expect(placesOf(snake(newest)).filter((file) => !file.startsWith(CORE) || file.endsWith("port.zig"))).toEqual([
    `${CORE}port.zig`,
    HEADER,
    `${PORT}fetch.c`,
  ]);
  expect(placesOf(newest)).toEqual(["sim/src/board/virtualBoard.ts"]);
});

test.each([...Object.entries(manifest.events), ...Object.entries(manifest.port)])(
  "%s: what is written is read again",
  (_, layout: Layout) => {
    const values = layout.fields.map((field, index) => sampleOf(field, index));
    const block = new Block(manifest, layout, values);
    const memory = new ArrayBuffer(64 + block.bytes);
    block.store(memory, 64);
    const writable = layout.fields.map(([, kind], index) => (kind === "fill" ? undefined : values[index]));
    const again = readFields(manifest, layout, memory, 64);
    expect(again.map((value, index) => (layout.fields[index]?.[1] === "fill" ? undefined : value))).toEqual(writable);
  },
);

/** A value of a field's kind, another for each place. */
function sampleOf([, kind, , second, type]: Layout["fields"][number], index: number): unknown {
  const samples: Record<string, unknown> = {
    number: second === 8 ? 2 ** 40 + index : 70_000 + index,
    boolean: true,
    word: manifest.enums[type]?.at(-1),
    text: `é ${index}`,
    bytes: Uint8Array.of(index, 0, 255),
    bytes_or_none: undefined,
    pairs: [
      ["name", "value"],
      ["", "ü"],
    ],
  };
  if (kind !== "object") return samples[kind];
  const { fields } = manifest.structs[type] as Layout;
  return Object.fromEntries(fields.map((field, place) => [field[0], sampleOf(field, place)]));
}
