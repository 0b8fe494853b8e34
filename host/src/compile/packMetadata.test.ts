import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repoPath, runInside } from "../cli/testing/cliHarness.js";
import { parseConfig } from "../config/parseConfig.js";
import { preprocessorFacts } from "../metadata/huggingFaceFacts.js";
import { optSmall } from "../parity/misread.js";
import { writeSeededCheckpoint } from "../parity/seededCheckpoint.js";
import { checkMetadata } from "./packMetadata.js";

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
    expect(stderr).toMatch(/where positions begin: config\.json model_type "opt" \(at row 2 of their table\), but /);
    expect(stderr).toMatch(/ \S*wrong\.json parts\.body\.firstPosition \(at row 0/);
    expect(stderr).toMatch(/--ignore-metadata.*\[METADATA_CONTRADICTS\]\n$/);
    expect(await readdir(folder)).not.toContain("opt.syn");
  },
);

test("a config that agrees packs, and the answer says what was held against what and what was not", async () => {
  const { code, stdout } = await pack("opt", "right.json", "--json");
  expect(code).toBe(0);
  const { metadata, warnings } = JSON.parse(stdout);
  expect(metadata).toMatchObject({
    sources: ["config.json"],
    parts: ["body"],
    contradictions: [],
    ignoredBecause: null,
  });
  expect(metadata.checked).toContain("where positions begin");
  expect(metadata.unchecked).toEqual([]);
  expect(warnings).toEqual([]);
  expect((await pack("opt", "right.json")).stdout).toMatch(
    /metadata {2}.*config\.json and parts\.body agree in .*causal attention/,
  );
});

test("who is sure says why, and the reason and what it was about are in the answer", async () => {
  const { code, stdout, stderr } = await pack(
    "opt",
    "wrong.json",
    "--ignore-metadata",
    "trained without the offset",
    "--json",
  );
  expect(code).toBe(0);
  expect(JSON.parse(stdout).metadata).toMatchObject({
    ignoredBecause: "trained without the offset",
    contradictions: [{ what: "where positions begin" }],
  });
  expect(stderr).toMatch(
    /^warning: ignored \(trained without the offset\): where positions begin: config\.json .*, but .*wrong\.json/,
  );
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

test("of a GGUF its own key/values count, and no config.json beside it", async () => {
  const config = parseConfig(opt.config(), "c.json");
  const gguf = (heads: number) => ({
    path: at("opt/model.safetensors"),
    format: "gguf" as const,
    metadata: { "general.architecture": "gpt2", "gpt2.attention.head_count": heads },
  });
  expect(await checkMetadata(gguf(4), config, "c.json", undefined)).toMatchObject({
    sources: ["GGUF"],
    parts: ["body"],
    contradictions: [],
  });
  await expect(checkMetadata(gguf(2), config, "c.json", undefined)).rejects.toMatchObject({
    code: "METADATA_CONTRADICTS",
    message: expect.stringContaining(
      "heads: gpt2.attention.head_count 2 (2), but c.json parts.body.attention.heads (4)",
    ),
  });
});

test("how pictures are normalised stands in preprocessor_config.json, of the part that takes them", async () => {
  await mkdir(at("vit"));
  const config = parseConfig(JSON.parse(await readFile(repoPath("configs", "lewm-test.json"), "utf8")), "c.json");
  const checkpoint = {
    path: at("vit"),
    format: "safetensors" as const,
    metadata: { config: { model_type: "vit", hidden_size: 32 } },
  };
  const processor = {
    do_rescale: true,
    rescale_factor: 1 / 255,
    image_mean: [0.485, 0.456, 0.406],
    image_std: [0.229, 0.224, 0.225],
  };
  await writeFile(at("vit/preprocessor_config.json"), JSON.stringify(processor));
  const checked = await checkMetadata(checkpoint, config, "c.json", undefined);
  expect(checked).toMatchObject({
    sources: ["preprocessor_config.json", "config.json"],
    parts: ["encoder"],
    contradictions: [],
  });
  expect(checked.checked).toEqual(expect.arrayContaining(["image mean", "image deviation", "width"]));
  await writeFile(at("vit/preprocessor_config.json"), JSON.stringify({ ...processor, image_mean: [0.5, 0.5, 0.5] }));
  await expect(checkMetadata(checkpoint, config, "c.json", undefined)).rejects.toMatchObject({
    message: expect.stringMatching(
      /image mean: preprocessor_config\.json image_mean .* c\.json parts\.encoder\.embedding\.mean/,
    ),
  });
});

describe("which parts metadata are of", () => {
  /**
   * LeWM's parts, and an encoder of the same form beside its own; a `predictor` is there that no `config.json` of an
   * encoder describes.
   */
  async function twoEncoders(eps: number) {
    const config = JSON.parse(await readFile(repoPath("configs", "lewm-test.json"), "utf8"));
    const { encoder } = config.parts;
    config.parts.target_encoder = { ...encoder, norm: { ...encoder.norm, eps } };
    return { config: parseConfig(config, "c.json"), encoder };
  }
  const checkpoint = (config: Record<string, unknown>) => ({
    path: at("towers"),
    format: "safetensors" as const,
    metadata: { config: { model_type: "vit", ...config } },
  });

  test("every part that has their size is held against them, and the others are named", async () => {
    await mkdir(at("towers"), { recursive: true });
    const { config, encoder } = await twoEncoders(1e-12);
    const said = { hidden_size: encoder.width, num_hidden_layers: encoder.layers, layer_norm_eps: 1e-12 };
    const checked = await checkMetadata(checkpoint(said), config, "c.json", undefined);
    expect(checked.parts).toEqual(["encoder", "target_encoder"]);
    expect(checked.unchecked.at(-1)).toMatch(
      /^parts\.projector, .*parts\.predictor.*, of which the metadata say nothing$/,
    );
    const wrong = (await twoEncoders(1e-5)).config;
    await expect(checkMetadata(checkpoint(said), wrong, "c.json", undefined)).rejects.toMatchObject({
      message: expect.stringMatching(
        /epsilon of norms: config\.json layer_norm_eps 1e-12 .* c\.json parts\.target_encoder\.norm\.eps/,
      ),
    });
  });

  test("a tower of rows beside one of pictures is held against the part of its size", async () => {
    await mkdir(at("towers"), { recursive: true });
    const { config } = await twoEncoders(1e-12);
    const predictor = config.parts.predictor as { width: number; layers: number; attention: { heads: number } };
    const text = { model_type: "llama", hidden_size: predictor.width, num_hidden_layers: predictor.layers };
    const towers = { model_type: "clip", vision_config: { model_type: "vit" }, text_config: text };
    await expect(checkMetadata(checkpoint(towers), config, "c.json", undefined)).rejects.toMatchObject({
      message: expect.stringMatching(
        /positions: config\.json text_config model_type "llama" .* c\.json parts\.predictor\.position/,
      ),
    });
  });
});

describe("how pictures come to a model", () => {
  const pixels = { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] };
  const size = { size: { height: 32, width: 32 } };
  const notes: [string, Record<string, unknown>, readonly string[]][] = [
    ["stretched by the runtime's filter", { ...size, resample: 2 }, []],
    ["not resized at all", { do_resize: false }, []],
    [
      "by another filter",
      { ...size, resample: 3 },
      ["how pictures are resized: p.json resample 3 (bicubic), where the runtime has a bilinear filter"],
    ],
    [
      "cut out of the middle",
      { size: { shortest_edge: 40 }, resample: 2, do_center_crop: true, crop_size: 32 },
      [
        "what is seen of a picture: p.json crop_size 32 cuts out its middle, where the runtime stretches the whole " +
          "of it to the model's size",
      ],
    ],
    [
      "cut by a share",
      { ...size, resample: 2, crop_pct: 0.875 },
      [
        "what is seen of a picture: p.json crop_pct 0.875 cuts out its middle, where the runtime stretches the " +
          "whole of it to the model's size",
      ],
    ],
    [
      "in its own shape",
      { size: { shortest_edge: 32 }, resample: 2 },
      [
        "the image size: p.json has it by one edge",
        "what is seen of a picture: p.json size shortest_edge 32 keeps its shape, where the runtime stretches the " +
          "whole of it to the model's size",
      ],
    ],
    [
      "by a filter that is not named",
      size,
      ["the filter that pictures are resized by: p.json names none, the runtime has a bilinear one"],
    ],
  ];
  test.each(notes)("%s", (_, keys, unknown) => {
    expect(preprocessorFacts({ ...pixels, ...keys }, "p.json").unknown).toEqual(unknown);
  });

  test("blue first is refused, since a config has red first", async () => {
    await mkdir(at("bgr"));
    await writeFile(
      at("bgr/preprocessor_config.json"),
      JSON.stringify({ do_resize: false, do_flip_channel_order: true }),
    );
    const config = parseConfig(JSON.parse(await readFile(repoPath("configs", "lewm-test.json"), "utf8")), "c.json");
    const checkpoint = { path: at("bgr"), format: "safetensors" as const, metadata: { config: { model_type: "vit" } } };
    await expect(checkMetadata(checkpoint, config, "c.json", undefined)).rejects.toMatchObject({
      message: expect.stringContaining(
        "order of colors: preprocessor_config.json do_flip_channel_order true (bgr), but c.json " +
          "parts.encoder.embedding",
      ),
    });
  });
});
