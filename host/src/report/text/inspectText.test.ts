import { readFileSync } from "node:fs";
import pc from "picocolors";
import { expect, it } from "vitest";
import { readPack } from "../../pack/readPack.js";
import { inspectPack } from "../inspectPack.js";
import { inspectText } from "./inspectText.js";

it("shows a pack without moving the terminal's cursor, whatever the pack calls things", () => {
  const file = new Uint8Array(readFileSync(new URL("../../../../sim/fixtures/lewm-test.syn", import.meta.url)));
  const { header, fileBytes, sha256, signedBy } = readPack(file, "lewm-test.syn");
  const evil = "\u001b[2J\u009b1A\r";
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
  const report = inspectPack({ file: `f${evil}`, fileBytes, sha256, signedBy, validatedBy: "wasm", header: renamed, boards: [] });
  const text = inspectText({ paint: pc.createColors(false), width: 100 }, report, { ops: true, tensors: true });
  expect(text).toContain("name [2J 1A");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none of these may be left.
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
});
