import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runInside } from "../cli/testing/cliHarness.js";
import { optSmall } from "../parity/misread.js";
import { writeSeededCheckpoint } from "../parity/seededCheckpoint.js";

const opt = optSmall();
let folder: string;
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "synapse-metadata-"));
  await mkdir(at("opt"));
  await writeSeededCheckpoint(at("opt/model.safetensors"), opt.shapes, opt.seed);
  await writeFile(at("opt/config.json"), JSON.stringify(opt.metadata));
  await writeFile(at("wrong.json"), JSON.stringify(opt.config()));
  await writeFile(at("right.json"), JSON.stringify(opt.config({ firstPosition: 2 })));
});
afterAll(() => rm(folder, { recursive: true }));

const pack = (checkpoint: string, config: string, ...options: string[]) =>
  runInside(["pack", at(checkpoint), "--config", at(config), "-o", at("opt.syn"), ...options]);

test.each(["opt", "opt/model.safetensors"])(
  "positions that begin two rows early are refused, and nothing is written (%s)",
  async (checkpoint) => {
    const { code, stdout, stderr } = await pack(checkpoint, "wrong.json");
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(
      /where positions begin: config\.json model_type "opt" \(at row 2 of their table\), but \S*wrong\.json parts\.body\.firstPosition \(at row 0.*--ignore-metadata.*\[METADATA_CONTRADICTS\]\n$/,
    );
    expect(await readdir(folder)).not.toContain("opt.syn");
  },
);

test("a config that agrees packs, and the answer says what was held against what and what was not", async () => {
  const { code, stdout } = await pack("opt", "right.json", "--json");
  expect(code).toBe(0);
  const { metadata, warnings } = JSON.parse(stdout);
  expect(metadata).toMatchObject({ sources: ["config.json"], part: "body", contradictions: [], ignoredBecause: null });
  expect(metadata.checked).toContain("where positions begin");
  expect(metadata.unchecked).toEqual(["epsilon of norms"]);
  expect(warnings).toEqual([]);
  expect((await pack("opt", "right.json")).stdout).toMatch(
    /metadata {2}.*config\.json and parts\.body agree in .*not checked: epsilon of norms/,
  );
});

test("who is sure says why, and the reason and what it was about are in the answer", async () => {
  const { code, stdout, stderr } = await pack("opt", "wrong.json", "--ignore-metadata", "trained without the offset", "--json");
  expect(code).toBe(0);
  expect(JSON.parse(stdout).metadata).toMatchObject({
    ignoredBecause: "trained without the offset",
    contradictions: [{ what: "where positions begin" }],
  });
  expect(stderr).toMatch(/^warning: ignored \(trained without the offset\): where positions begin: config\.json .*, but .*wrong\.json/);
});

test("without metadata the answer says that nothing was checked; an unreadable file is no reason to refuse", async () => {
  await mkdir(at("alone"));
  await writeSeededCheckpoint(at("alone/w.safetensors"), opt.shapes, opt.seed);
  const alone = await pack("alone/w.safetensors", "wrong.json");
  expect(alone.code).toBe(0);
  expect(alone.stdout).toMatch(/metadata {2}.*nothing but names and shapes was checked/);
  await writeFile(at("alone/config.json"), '{"model_type": ');
  const broken = await pack("alone/w.safetensors", "wrong.json");
  expect(broken.code).toBe(0);
  expect(broken.stdout).toMatch(/not checked: what \S*config\.json says: it cannot be read \[JSON_SYNTAX\]/);
  await writeFile(at("alone/config.json"), '{"name": "another program\'s"}');
  expect((await pack("alone/w.safetensors", "wrong.json")).code).toBe(0);
});
