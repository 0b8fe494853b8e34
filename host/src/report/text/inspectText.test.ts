import { readFileSync } from "node:fs";
import pc from "picocolors";
import { expect, it } from "vitest";
import { readPack } from "../../pack/readPack.js";
import { inspectPack } from "../inspectPack.js";
import { boardsText, inspectText } from "./inspectText.js";
import { runText } from "./runText.js";

const evil = "\u001b[2J\u009b1A\r";
const style = { paint: pc.createColors(false), width: 100 };
// biome-ignore lint/suspicious/noControlCharactersInRegex: none of these may be left in a text.
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

it("shows a run of an entry without moving the cursor, whatever the pack calls its ports", () => {
  const text = runText(style, {
    command: "run",
    model: { file: evil, name: evil, sha256: "", exact: true, untrained: false },
    engine: { name: "wasm", isa: "simd128", threads: 1 },
    entry: evil,
    rows: 1,
    inputs: [{ port: evil, kind: "latent", file: "x.json" }],
    outputs: [{ name: `out${evil}`, kind: "latent", type: "f32", shape: [1, 2], values: Float32Array.of(1, 2) }],
    warnings: [],
    timing: { runMs: 1, openMs: 1, inputMs: 1 },
  });
  expect(text).toContain("out [2J 1A");
  expect(text).not.toMatch(CONTROLS);
});

it("shows a pack without moving the terminal's cursor, whatever the pack calls things", () => {
  const file = new Uint8Array(readFileSync(new URL("../../../../sim/fixtures/lewm-test.syn", import.meta.url)));
  const { header, fileBytes, sha256, signedBy } = readPack(file, "lewm-test.syn");
  const renamed = {
    ...header,
    name: `name${evil}`,
    generator: `generator${evil}`,
    tensors: header.tensors.map((tensor) => ({ ...tensor, name: tensor.name + evil })),
    entries: header.entries.map((entry) => ({
      ...entry,
      name: entry.name + evil,
      inputs: entry.inputs.map((port) => ({ ...port, name: port.name + evil })),
    })),
    meta: { [`key${evil}`]: evil, nested: { [evil]: [evil] } },
  };
  const report = inspectPack({
    file: `f${evil}`,
    fileBytes,
    sha256,
    signedBy,
    validatedBy: "wasm",
    header: renamed,
    boards: [],
  });
  const text = inspectText(style, report, { ops: true, tensors: true });
  expect(text).toContain("name [2J 1A");
  expect(text).not.toMatch(CONTROLS);
});

it("names the slots of a board of which one is too small, once, and says nothing twice of boards that hold the model", () => {
  const slots = (...fits: boolean[]) =>
    fits.map((held, i) => ({ slot: `model_${"ab"[i]}`, availableBytes: 1 << 20, fits: held }));
  const line = (memory: string, neededBytes: number) => ({ memory, neededBytes, availableBytes: 100 });
  const boards = [
    {
      board: "roomy",
      fits: true,
      updatableInPlace: true,
      slots: slots(true, true),
      lines: [line("flash", 1), line("SRAM", 1)],
    },
    {
      board: "tight",
      fits: true,
      updatableInPlace: false,
      slots: slots(true, false),
      lines: [line("flash", 1), line("SRAM", 1)],
    },
    {
      board: "no-sram",
      fits: false,
      updatableInPlace: false,
      slots: slots(true, true),
      lines: [line("flash", 1), line("SRAM", 101)],
    },
  ];
  const text = boardsText(style, boards);
  expect(text.match(/fits both slots/g)).toHaveLength(1);
  expect(text.match(/fits only slot model_a .*slot model_b .*too small/g)).toHaveLength(1);
  expect(text.match(/roomy|no-sram/g)).toHaveLength(2);
  expect(boardsText(style, boards.slice(0, 1)).trimEnd().split("\n").at(-1)).toMatch(/SRAM/);
});
