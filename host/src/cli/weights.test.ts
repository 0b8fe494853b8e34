import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openCheckpoint } from "../checkpoint/index.js";
import { writeSafetensors } from "../checkpoint/writeSafetensors.js";
import { readPack } from "../pack/readPack.js";
import { repoPath, runInside } from "./testing/cliHarness.js";

const FIXTURES = repoPath("host", "src", "checkpoint", "fixtures");
let folder: string;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "synapse-weights-"));
  const entry = {
    rowsMax: 1,
    inputs: { x: { kind: "tensor", width: 2 } },
    steps: [{ part: "m", x: "x", as: "y" }],
    outputs: { y: "tensor" },
  };
  const part = { kind: "mlp", width: 2, layers: [{ kind: "linear", out: 3, weights: "a" }] };
  await writeFile(at("linear.json"), JSON.stringify({ name: "linear", entries: { go: entry }, parts: { m: part } }));
});
afterAll(() => rm(folder, { recursive: true }));

async function pack(...args: string[]) {
  const { code, stdout, stderr } = await runInside([
    "pack",
    ...args,
    "--config",
    at("linear.json"),
    "--type",
    "f32",
    "-o",
    at("out.syn"),
    "--json",
  ]);
  return { code, stderr, document: JSON.parse(stdout) };
}

/** The first weight of the packed layer. */
async function packedWeight(): Promise<number> {
  const bytes = await readFile(at("out.syn"));
  const weight = readPack(bytes, "out.syn").header.tensors.find(({ name }) => name.endsWith("weight"));
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat32(weight?.offset as number, true);
}

async function storedWeight(dict: string): Promise<number> {
  const checkpoint = await openCheckpoint(join(FIXTURES, "ema.pt"));
  const values = await checkpoint.stateDicts?.get(dict)?.get("a.weight")?.readF32();
  await checkpoint.close();
  return values?.[0] as number;
}

test("an average beside the raw weights is named, and --state-dict takes it", async () => {
  const raw = await pack(join(FIXTURES, "ema.pt"));
  expect(raw.code, raw.stderr).toBe(0);
  expect(raw.stderr).toMatch(/warning: weights are those under "model"; "ema" would fit as well: --state-dict chooses/);
  expect(raw.document.weights).toEqual({
    stateDict: "model",
    prefix: "",
    wrappers: [],
    left: [{ stateDict: "ema", tensors: 2, fits: true }],
  });
  expect(await packedWeight()).toBe(await storedWeight("model"));
  const ema = await pack(join(FIXTURES, "ema.pt"), "--state-dict", "ema");
  expect(ema.document.weights.stateDict).toBe("ema");
  expect(await packedWeight()).toBe(await storedWeight("ema"));
  // The pack remembers which it was, so that comparing finds the same.
  const compared = await runInside(["compare", at("out.syn"), join(FIXTURES, "ema.pt"), "--json"]);
  expect(JSON.parse(compared.stdout).rows[0].maxAbsError).toBe(0);
  const other = await runInside([
    "compare",
    at("out.syn"),
    join(FIXTURES, "ema.pt"),
    "--state-dict",
    "model",
    "--json",
  ]);
  expect(JSON.parse(other.stdout).rows[0].maxAbsError).toBeGreaterThan(0.1);
});

test("a dict that is not there is named with those that are", async () => {
  const { code, document } = await pack(join(FIXTURES, "ema.pt"), "--state-dict", "average");
  expect(code).toBe(2);
  expect(document.error).toMatchObject({
    code: "STATE_DICT_UNKNOWN",
    expected: '"model", "ema", or "" for the whole file',
  });
});

test("what Python objects stand beside the weights does not matter, nor in which format of torch they are", async () => {
  const { code, document } = await pack(join(FIXTURES, "beside.pt"));
  expect(code).toBe(0);
  expect(document.weights).toMatchObject({ stateDict: "state_dict", left: [] });
});

test("names with a prefix are found; one that does not help is said to be what all names begin with", async () => {
  const checkpoint = await openCheckpoint(join(FIXTURES, "ema.pt"));
  const tensors = async (prefix: string, rename = (name: string) => name) =>
    Promise.all(
      [...checkpoint.tensors].map(async ([name, tensor]) => ({
        name: `${prefix}${rename(name)}`,
        dtype: "F32",
        shape: tensor.shape,
        data: await tensor.readF32(),
      })),
    );
  await writeSafetensors(at("wrapped.safetensors"), await tensors("model.module."));
  const { code, stderr, document } = await pack(at("wrapped.safetensors"));
  expect(code, stderr).toBe(0);
  expect(document.weights).toMatchObject({ prefix: "model.", wrappers: ["module"] });
  expect(stderr).toMatch(/begin with "model\."/);
  await writeSafetensors(at("other.safetensors"), await tensors("net.", (name) => name.replace("a.", "b.")));
  const missing = await pack(at("other.safetensors"));
  expect(missing.document.error).toMatchObject({
    code: "WEIGHT_MISSING",
    expected: expect.stringContaining('all names begin with "net.b."'),
  });
  await checkpoint.close();
});

test("a number that f32 cannot hold is shown as it is stored", async () => {
  const wide = (values: number[]) => ({ dtype: "F64", data: Float64Array.from(values) });
  await writeSafetensors(at("wide.safetensors"), [
    { name: "a.weight", shape: [3, 2], ...wide([1, 2, -1e300, 4, 5, 6]) },
    { name: "a.bias", shape: [3], ...wide([0, 0, 0]) },
  ]);
  const { document } = await pack(at("wide.safetensors"));
  expect(document.error).toMatchObject({
    code: "WEIGHT_NOT_FINITE",
    at: 'tensor "a.weight", element 2',
    message: expect.stringContaining("the value is -1e+300, which f32 cannot hold"),
    expected: "numbers of at most 3.4e38 in magnitude",
  });
});

test("a batch norm's missing tensor is found in the config by its own place", async () => {
  const config = {
    name: "normed",
    entries: {
      go: {
        rowsMax: 1,
        inputs: { x: { kind: "tensor", width: 2 } },
        steps: [{ part: "m", x: "x", as: "y" }],
        outputs: { y: "tensor" },
      },
    },
    parts: {
      m: {
        kind: "mlp",
        width: 2,
        layers: [
          { kind: "linear", out: 3, weights: "a" },
          { kind: "batch_norm", eps: 1e-5, weights: "bn" },
        ],
      },
    },
  };
  await writeFile(at("normed.json"), JSON.stringify(config));
  const { stderr } = await runInside([
    "pack",
    join(FIXTURES, "ema.pt"),
    "--config",
    at("normed.json"),
    "-o",
    at("x.syn"),
  ]);
  expect(stderr).toMatch(/normed\.json parts\.m\.layers\[1\]\.weights: the checkpoint has no tensor "bn\.weight"/);
});

test("the report says from which dict the weights are, and of a file without dicts nothing", async () => {
  const line = async (file: string, ...rest: string[]) => {
    const { stdout } = await runInside([
      "pack",
      file,
      "--config",
      at("linear.json"),
      "--type",
      "f32",
      "-o",
      at("out.syn"),
      ...rest,
    ]);
    return stdout.split("\n").find((text) => text.includes("  from "));
  };
  expect(await line(join(FIXTURES, "ema.pt"))).toMatch(/ema\.pt \(torch, dict "model"\), /);
  expect(await line(join(FIXTURES, "ema.pt"), "--state-dict", "ema")).toMatch(/ema\.pt \(torch, dict "ema"\), /);
});

test("metadata are not ignored without a reason", async () => {
  for (const reason of ["", "  "]) {
    const { code, stderr } = await runInside([
      "pack",
      join(FIXTURES, "ema.pt"),
      "--config",
      at("linear.json"),
      "--ignore-metadata",
      reason,
    ]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/--ignore-metadata <reason>.*is invalid. Expected the reason, in words/);
  }
});

test("8-bit floats beside a config.json are read in the blocks that it says, or not at all", async () => {
  const data = (values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer);
  await mkdir(at("fp8"));
  await writeSafetensors(at("fp8/model.safetensors"), [
    { name: "a.weight", dtype: "F8_E4M3", shape: [3, 2], data: new Uint8Array(6).fill(0x38) },
    { name: "a.bias", dtype: "F32", shape: [3], data: data([0, 0, 0]) },
    { name: "a.weight_scale_inv", dtype: "F32", shape: [2, 2], data: data([1, 2, 4, 8]) },
  ]);
  const said = async (quantization_config: object) => {
    await writeFile(at("fp8/config.json"), JSON.stringify({ quantization_config }));
    return pack(at("fp8/model.safetensors"));
  };
  const good = await said({ quant_method: "fp8", weight_block_size: [2, 1] });
  expect(good.code, good.stderr).toBe(0);
  await writeFile(at("x.json"), "[[1, 10]]");
  const run = await runInside(["run", at("out.syn"), "go", "--input", `x=${at("x.json")}`, "--json"]);
  expect(JSON.parse(run.stdout)).toMatchObject({ outputs: [{ name: "y", values: [21, 21, 84] }] });
  const compared = await runInside(["compare", at("out.syn"), at("fp8/model.safetensors"), "--json"]);
  expect(JSON.parse(compared.stdout).rows[0].maxAbsError).toBe(0);
  for (const [config, message] of [
    [{ quant_method: "torchao" }, "torchao"],
    [{ quant_method: "fp8", weight_block_size: [1, 1] }, "in the blocks that config.json quantization_config says"],
  ] as const) {
    const bad = await said(config);
    expect(bad).toMatchObject({ code: 2, document: { error: { code: "WEIGHT_SCALE" } } });
    expect(bad.stderr).toContain(message);
  }
});

test("a vector of scales beside a square weight that a config calls transposed is refused", async () => {
  const entry = {
    rowsMax: 1,
    inputs: { x: { kind: "tensor", width: 2 } },
    steps: [{ part: "m", x: "x", as: "y" }],
    outputs: { y: "tensor" },
  };
  const linear = { kind: "linear", out: 2, bias: false, weights: { weight: "a.weight", transposed: true } };
  const part = { kind: "mlp", width: 2, layers: [linear] };
  await writeFile(at("turned.json"), JSON.stringify({ name: "turned", entries: { go: entry }, parts: { m: part } }));
  await writeSafetensors(at("turned.safetensors"), [
    { name: "a.weight", dtype: "F8_E4M3", shape: [2, 2], data: new Uint8Array(4).fill(0x38) },
    { name: "a.weight_scale", dtype: "F32", shape: [2], data: new Uint8Array(Float32Array.of(1, 2).buffer) },
  ]);
  const args = ["pack", at("turned.safetensors"), "--config", at("turned.json"), "-o", at("turned.syn")];
  const { code, stderr } = await runInside(args);
  expect(code).toBe(2);
  expect(stderr).toMatch(/may be of its inputs or of its outputs: it is stored \[in, out\].*\[WEIGHT_SCALE\]/);
});
