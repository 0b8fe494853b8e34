import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { decodeImage } from "synapse-engine";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openCheckpoint, type TensorToWrite, writeSafetensors } from "../checkpoint/index.js";
import { repoPath, runInside } from "../cli/testing/cliHarness.js";
import { openModelFile } from "../open/openModelFile.js";
import { bertSmall, type Misread, optSmall } from "../parity/misread.js";
import { writeSeededCheckpoint } from "../parity/seededCheckpoint.js";
import { evaluationFiles, readEpisode, readFrame } from "../testing/evaluationSet.js";
import { bytesOf, floatsOf } from "./seededInputs.js";

const NAME = "lewm-tworoom-small";
const MODEL = repoPath("models", NAME);
const PYTHON = repoPath(".toolchain", "training", "bin", "python");
const TIMEOUT = { timeout: 120_000 };

let folder: string;
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "synapse-verify-"));
  for (const type of ["f32", "i8"]) {
    const [weights, config] = [join(MODEL, "model.safetensors"), join(MODEL, "synapse.json")];
    await done("pack", weights, "--config", config, "--type", type, "-o", at(`${type}.syn`));
  }
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

/** Runs a command that must succeed. */
async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runInside(args);
  expect({ code, stderr: stderr.replace(/^warning: .*\n/gm, "") }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

const f32 = (name: string, shape: number[], values: ArrayLike<number>): TensorToWrite => ({
  name,
  dtype: "F32",
  shape,
  data: bytesOf(Float32Array.from(values)),
});

/**
 * The first frames of held-out episodes with the latents that PyTorch gave when the model was exported, as
 * docs/verify.md saves them.
 */
async function storedSamples(): Promise<TensorToWrite[]> {
  const files = (await evaluationFiles(NAME)).filter((name) => /^test-.*\/episode\.json$/.test(name));
  const tensors: TensorToWrite[] = [];
  for (const [index, episode] of files.map((file) => dirname(file)).entries()) {
    const { latents } = await readEpisode(NAME, episode);
    tensors.push({
      name: `encode.${index}.image`,
      dtype: "U8",
      shape: [56, 56, 3],
      data: await decodeImage(await readFrame(NAME, episode, 0), { width: 56, height: 56 }),
    });
    tensors.push(f32(`encode.${index}.latent`, [1, 96], latents[0] as number[]));
  }
  return tensors;
}

describe("the trained model against PyTorch's own outputs", () => {
  test(
    "stored ones: f32 is equal but for rounding, int8 reaches the bar, and a bar above it is not reached",
    TIMEOUT,
    async () => {
      await writeSafetensors(at("stored.safetensors"), await storedSamples());
      const verify = (model: string, ...options: string[]) =>
        runInside(["verify-model", at(model), "--expected", at("stored.safetensors"), ...options]);
      const exact = JSON.parse((await verify("f32.syn", "--json")).stdout);
      expect(exact).toMatchObject({
        command: "verify-model",
        pass: true,
        reference: null,
        bars: { minCentredCosine: 0.98 },
        notSeen: null,
      });
      expect(exact.rows).toMatchObject([
        { what: "encode", against: "expected", inputs: "25 saved samples", count: 25 },
      ]);
      expect(exact.rows[0].centredCosineWorst).toBeGreaterThan(0.9999);
      const packed = await verify("i8.syn");
      expect(packed.code).toBe(0);
      expect(packed.stdout).toContain("bar: worst centred cosine at least 0.98: reached by every row");
      const above = await verify("i8.syn", "--min-centred", "0.9999");
      expect(above.code).toBe(1);
      expect(above.stdout).toMatch(/encode .* below/);
    },
  );

  test.skipIf(!existsSync(PYTHON))("saved by the very lines of docs/verify.md", TIMEOUT, async () => {
    const [, lines = ""] = /```python\n([\s\S]*?)```/.exec(await readFile(repoPath("docs", "verify.md"), "utf8")) ?? [];
    for (const name of ["models", "training"]) await symlink(repoPath(name), at(name));
    const saved = spawnSync(PYTHON, ["-c", lines], { cwd: folder, encoding: "utf8" });
    expect(saved.stderr).toBe("");
    const { rows } = JSON.parse(
      await done("verify-model", at("f32.syn"), "--expected", at("outputs.safetensors"), "--json"),
    );
    expect(rows).toMatchObject([{ what: "encode", count: 25 }]);
    expect(rows[0].maxAbsError).toBeLessThan(1e-4);
  });

  test("compare --expected has both, and no longer says that something is not seen", TIMEOUT, async () => {
    await writeSafetensors(at("stored.safetensors"), await storedSamples());
    const args = ["compare", at("i8.syn"), "--eval", MODEL, "--images-max", "4"];
    const report = JSON.parse(await done(...args, "--expected", at("stored.safetensors"), "--json"));
    expect(report.rows.map((row: { against: string }) => row.against)).toEqual([
      ...Array(5).fill("checkpoint"),
      "expected",
    ]);
    expect(report).toMatchObject({ expected: "stored.safetensors", notSeen: null });
  });
});

/** Packs a model of oracle/misread.py in f32; answers its path and that of PyTorch's outputs. */
async function prepared(
  model: Misread,
  name: string,
  config: unknown,
): Promise<{ checkpoint: string; pack: string; expected: string }> {
  const [checkpoint, configFile, pack, expected] = ["safetensors", "json", "syn", "expected"].map((kind) =>
    at(`${name}.${kind}`),
  ) as [string, string, string, string];
  await writeSeededCheckpoint(checkpoint, model.shapes, model.seed);
  await writeFile(configFile, JSON.stringify(config));
  await done("pack", checkpoint, "--config", configFile, "--type", "f32", "-o", pack);
  const samples = (shape: number[], first: number) =>
    model.samples.flatMap(({ rows, hidden }, index) => {
      const values = (all: Float32Array) =>
        all.slice(
          0,
          shape.reduce((product, size) => product * size),
        );
      return [
        f32(`run.${first + index}.rows`, shape, values(rows)),
        f32(`run.${first + index}.hidden`, shape, values(hidden)),
      ];
    });
  const tensors = samples([1, model.rows, model.width], 0);
  // What comes later changes nothing of the first rows where attention is causal: runs of fewer rows.
  if (model.metadata.model_type === "opt") tensors.push(...samples([2, model.width], model.samples.length));
  await writeSafetensors(expected, tensors);
  return { checkpoint, pack, expected };
}

describe("a config that is wrong and runs: compare cannot see it, PyTorch's outputs do", () => {
  test.each([
    ["positions that begin two rows too early (OPT)", optSmall(), 0.97],
    ["norms before what they come after (BERT)", bertSmall(), 0.1],
  ])("%s", TIMEOUT, async (what, model, most) => {
    const { checkpoint, pack, expected } = await prepared(model, what.slice(0, 5), model.config());
    const compared = JSON.parse(await done("compare", pack, checkpoint, "--json"));
    expect(compared.rows[0].centredCosineWorst).toBeGreaterThan(0.999999);
    const { code, stdout } = await runInside(["verify-model", pack, "--expected", expected, "--json"]);
    expect(code).toBe(1);
    const { rows, pass } = JSON.parse(stdout);
    expect(pass).toBe(false);
    expect(rows[0].centredCosineWorst).toBeLessThan(most);
  });

  test("OPT with its positions where they are is right", TIMEOUT, async () => {
    const opt = optSmall();
    const { pack, expected } = await prepared(opt, "opt-right", opt.config({ firstPosition: 2 }));
    const { rows } = JSON.parse(
      await done("verify-model", pack, "--expected", expected, "--min-centred", "0.99999", "--json"),
    );
    expect(rows).toMatchObject([{ what: "run", inputs: "16 saved samples", count: 8 * 6 + 8 * 2 }]);
    expect(rows[0].maxAbsError).toBeLessThan(2e-5);
  });
});

describe("rows that the model tells apart by their position", () => {
  test("do not hide that it was given other inputs", TIMEOUT, async () => {
    const opt = optSmall();
    await writeSeededCheckpoint(at("plain.safetensors"), opt.shapes, opt.seed);
    const plain = await openCheckpoint(at("plain.safetensors"));
    const tensors: TensorToWrite[] = [];
    for (const { name, shape, readF32 } of plain.tensors.values())
      tensors.push(
        f32(
          name,
          [...shape],
          (await readF32()).map((value) => (/positions/.test(name) ? 400 : 1) * value),
        ),
      );
    await plain.close();
    await writeSafetensors(at("positions.safetensors"), tensors);
    await writeFile(at("positions.json"), JSON.stringify(opt.config({ firstPosition: 2 })));
    await done(
      ...["pack", at("positions.safetensors"), "--config", at("positions.json"), "--type", "f32"],
      ...["-o", at("positions.syn")],
    );
    const opened = await openModelFile(at("positions.syn"), undefined);
    const session = await opened.model.createSession({ threads: 1 });
    const hidden: Float32Array[] = [];
    for (const { rows } of opt.samples) {
      const [output] = await session.run("run", [bytesOf(rows)], opt.rows);
      hidden.push(floatsOf(output as Uint8Array));
    }
    await session.close();
    await opened.close();
    const verify = async (shift: number, samples: number) => {
      const saved = opt.samples.slice(0, samples).flatMap(({ rows }, index) => {
        const output = hidden[(index + shift) % hidden.length] as Float32Array;
        return [
          f32(`run.${index}.rows`, [opt.rows, opt.width], rows),
          f32(`run.${index}.hidden`, [opt.rows, opt.width], output),
        ];
      });
      await writeSafetensors(at("shifted.safetensors"), saved);
      return runInside(["verify-model", at("positions.syn"), "--expected", at("shifted.safetensors"), "--json"]);
    };
    expect((await verify(0, 8)).code).toBe(0);
    const other = await verify(1, 8);
    const { rows } = JSON.parse(other.stdout);
    expect(rows[0].cosineMean).toBeGreaterThan(0.98);
    expect(rows[0].centredCosineMean).toBeLessThan(0.5);
    expect(other.code).toBe(1);
    const alone = await verify(0, 1);
    expect(alone.code).toBe(2);
    expect(alone.stderr).toMatch(/the \d+ rows are those of one run, each the only one of its number/);
  });
});

describe("a file of samples that is wrong is refused with its place", () => {
  const image = (name: string, shape = [56, 56, 3], dtype = "U8"): TensorToWrite => ({
    name,
    dtype,
    shape,
    data: new Uint8Array(shape.reduce((product, size) => product * size, dtype === "U8" ? 1 : 4)),
  });
  const rows = (name: string, count: number, width: number) =>
    f32(name, [count, width], new Float32Array(count * width));
  const cases: [string, TensorToWrite[], string, RegExp][] = [
    ["nothing", [], "EXPECTED_NAME", /holds 0 tensors/],
    [
      "another name",
      [image("image")],
      "EXPECTED_NAME",
      /tensor "image".*expected "<entry>\.<number>\.<input or output>"/,
    ],
    [
      "an unknown entry",
      [image("classify.0.image")],
      "EXPECTED_NAME",
      /entry that the model does not have; expected encode, predict/,
    ],
    [
      "an unknown port",
      [image("encode.0.picture")],
      "EXPECTED_NAME",
      /no input or output of encode; expected image, latent/,
    ],
    [
      "no input",
      [rows("encode.0.latent", 1, 96)],
      "EXPECTED_MISSING",
      /sample encode\.0: has no tensor "encode\.0\.image"/,
    ],
    ["no output", [image("encode.0.image")], "EXPECTED_MISSING", /has no output; expected "encode\.0\.latent"/],
    [
      "channels first",
      [image("encode.0.image", [3, 56, 56]), rows("encode.0.latent", 1, 96)],
      "EXPECTED_SHAPE",
      /\[3, 56, 56\]; expected \[56, 56, 3\].*blue last/,
    ],
    [
      "another size",
      [image("encode.0.image", [28, 28, 3]), rows("encode.0.latent", 1, 96)],
      "EXPECTED_SHAPE",
      /at the model's size/,
    ],
    [
      "normalised pixels",
      [image("encode.0.image", [56, 56, 3], "F32"), rows("encode.0.latent", 1, 96)],
      "EXPECTED_DTYPE",
      /is F32; expected U8/,
    ],
    [
      "another width",
      [image("encode.0.image"), rows("encode.0.latent", 1, 95)],
      "EXPECTED_SHAPE",
      /"encode\.0\.latent".*\[1, 95\]/,
    ],
    [
      "too many rows",
      [rows("predict.0.latents", 4, 96), rows("predict.0.actions", 4, 10), rows("predict.0.prediction", 4, 96)],
      "EXPECTED_SHAPE",
      /predict\.0\.latents.*1 to 3 rows/,
    ],
    [
      "rows of two counts",
      [rows("predict.0.latents", 3, 96), rows("predict.0.actions", 2, 10), rows("predict.0.prediction", 3, 96)],
      "EXPECTED_SHAPE",
      /"predict\.0\.actions".*\[2, 10\]; expected \[3, 10\]/,
    ],
    [
      "outputs that are all the same, and not the model's",
      [
        image("encode.0.image"),
        rows("encode.0.latent", 1, 96),
        image("encode.1.image"),
        rows("encode.1.latent", 1, 96),
      ],
      "COMPARE_SAMPLES",
      /at encode: the expected outputs of all 2 samples are the same, and the model gives others \(by up to \d/,
    ],
    ["one sample", [image("encode.0.image"), rows("encode.0.latent", 1, 96)], "COMPARE_SAMPLES", /one sample/],
  ];
  test.each(cases)("%s", async (_what, tensors, code, says) => {
    await writeSafetensors(at("wrong.safetensors"), tensors);
    const result = await runInside(["verify-model", at("i8.syn"), "--expected", at("wrong.safetensors")]);
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(result.stderr).toMatch(says);
    expect(result.stderr).toMatch(new RegExp(`\\[${code}\\]\\n$`));
  });
});
