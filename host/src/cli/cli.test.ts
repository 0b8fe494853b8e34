import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeImage } from "synapse-engine";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { similarity } from "../report/similarity.js";
import { evaluationFiles, evaluationSet, readEpisode } from "../testing/evaluationSet.js";
import { repoPath, runProgram, smallCheckpoint, startProgram } from "./testing/cliHarness.js";

const CAT = repoPath("samples", "cat.jpg");
const ROCKET = repoPath("samples", "rocket-portrait.jpg");
const ACTIONS = repoPath("samples", "actions.json");
const TIMEOUT_MS = 120_000;

let files: Awaited<ReturnType<typeof smallCheckpoint>>;
const synapse = (...args: string[]) => runProgram(args, files.folder);

/** Runs a command with --json that must succeed, and answers its document; the document is all that is on stdout. */
async function json(...args: string[]) {
  const { code, stdout, stderr } = await synapse(...args, "--json");
  expect({ code, stderr: stderr.replace(/^warning: .*\n/gm, "") }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

beforeAll(async () => {
  files = await smallCheckpoint();
  const { code, stderr } = await synapse("pack", "small.safetensors", "--config", files.config, "-o", "small.syn");
  expect(code, stderr).toBe(0);
}, TIMEOUT_MS);
afterAll(() => files.remove());

describe("pack", () => {
  test("says what it wrote, and a warning does not disturb the JSON", { timeout: TIMEOUT_MS }, async () => {
    const { code, stdout, stderr } = await synapse(
      "pack",
      "small.safetensors",
      "--config",
      files.config,
      "-o",
      "again.syn",
      "--type",
      "i8,predictor.*=q8_0",
      "--json",
    );
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: no statistics of "action"/);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      command: "pack",
      output: "again.syn",
      numeric: "exact",
      untrained: true,
      goldenCount: 2,
    });
    expect(report.summary.byType.map(({ name }: { name: string }) => name)).toContain("q8_0");
    expect(report.fileBytes).toBe((await readFile(join(files.folder, "again.syn"))).length);
  });

  test("the same input gives the same bytes", { timeout: TIMEOUT_MS }, async () => {
    await json("pack", "small.safetensors", "--config", files.config, "-o", "same.syn");
    expect(await readFile(join(files.folder, "same.syn"))).toEqual(await readFile(join(files.folder, "small.syn")));
  });

  test("action statistics change the model and are carried in it", { timeout: TIMEOUT_MS }, async () => {
    await writeFile(join(files.folder, "stats.json"), '{"mean": [0.5, -0.5], "std": [2, 4]}');
    const report = await json(
      "pack",
      "small.safetensors",
      "--config",
      files.config,
      "--action-stats",
      "stats.json",
      "-o",
      "stats.syn",
    );
    expect(report.warnings).toEqual([]);
    expect((await json("inspect", "stats.syn")).meta.statistics.action).toEqual({ mean: [0.5, -0.5], std: [2, 4] });
  });

  test("a model that does not fit the board is refused by how much, and nothing is written", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const board = JSON.parse(await readFile(repoPath("boards", "esp32-p4-function-ev.json"), "utf8"));
    board.partitions = [{ name: "model_a", type: "data", subtype: 64, offset: 4325376, size: 65536 }];
    await writeFile(join(files.folder, "tiny.json"), JSON.stringify(board));
    const { code, stdout, stderr } = await synapse(
      "pack",
      "small.safetensors",
      "--config",
      files.config,
      "--board",
      "tiny.json",
      "-o",
      "no.syn",
    );
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(
      /does not fit .*: [\d.]+ [KM]iB \([\d,]+ bytes\) of flash are missing.*\[MODEL_DOES_NOT_FIT\]/,
    );
    expect((await readdir(files.folder)).filter((name) => name.includes("no.syn"))).toEqual([]);
  });
});

describe("inspect", () => {
  test("names entry points, sizes, program, memory and boards", { timeout: TIMEOUT_MS }, async () => {
    const report = await json("inspect", "small.syn");
    expect(report.entries.map(({ name, rowsMax }: { name: string; rowsMax: number }) => [name, rowsMax])).toEqual([
      ["encode", 1],
      ["predict", 3],
    ]);
    expect(report.entries[0].inputs).toEqual([
      { name: "image", kind: "image", type: "u8", shape: [28, 28, 3], dynamic: false },
    ]);
    expect(report.untrained).toBe(true);
    expect(report.boards.length).toBeGreaterThan(1);
    for (const { fits, updatableInPlace, slots, lines } of report.boards) {
      expect({ fits, updatableInPlace }).toEqual({ fits: true, updatableInPlace: true });
      expect(slots).toMatchObject([
        { slot: "model_a", fits: true },
        { slot: "model_b", fits: true },
      ]);
      expect(lines.map(({ memory }: { memory: string }) => memory)).toEqual(["flash", "SRAM", "PSRAM"]);
    }
    const bytes = report.weights.byType.reduce((sum: number, row: { bytes: number }) => sum + row.bytes, 0);
    expect(bytes).toBe(report.weights.constants.bytes);
    expect(report.ops.encode.length).toBe(report.programs[0].ops);
  });

  test("text says untrained and lists ops and tensors when asked", { timeout: TIMEOUT_MS }, async () => {
    const { stdout } = await synapse("inspect", "small.syn", "--ops", "--tensors");
    for (const text of [
      "untrained",
      "Entry points",
      "Weights",
      "Program",
      "Boards",
      "Ops of predict",
      "Tensors",
      "patchify",
    ])
      expect(stdout).toContain(text);
    // No colours in a pipe.
    expect(stdout).not.toContain("\u001b");
  });
});

describe("run", () => {
  test("every build of the runtime gives the same latent", { timeout: TIMEOUT_MS }, async () => {
    const native = await json("run", "small.syn", "encode", CAT, "--threads", "2");
    expect(native.outputs).toEqual([
      { name: "latent", kind: "latent", type: "f32", shape: [1, 32], values: expect.any(Array) },
    ]);
    expect(native.outputs[0].values).toHaveLength(32);
    for (const engine of ["wasm", "wasm-baseline"]) {
      expect((await json("run", "small.syn", "encode", CAT, "--engine", engine)).outputs).toEqual(native.outputs);
    }
  });

  test("raw RGB of the model's size is the same picture", { timeout: TIMEOUT_MS }, async () => {
    const raw = join(files.folder, "cat.rgb");
    await writeFile(raw, await decodeImage(await readFile(CAT), { width: 28, height: 28 }));
    const outputs = async (picture: string) => (await json("run", "small.syn", "encode", picture)).outputs;
    expect(await outputs(raw)).toEqual(await outputs(CAT));
  });

  test("a portrait photo is turned upright as its EXIF tag says", { timeout: TIMEOUT_MS }, async () => {
    const { default: sharp } = await import("sharp");
    const upright = join(files.folder, "upright.png");
    await sharp(ROCKET).autoOrient().png().toFile(upright);
    const lying = join(files.folder, "lying.png");
    await sharp(ROCKET).png().toFile(lying);
    const latent = async (photo: string) => (await json("run", "small.syn", "encode", photo)).outputs[0].values;
    const phone = await latent(ROCKET);
    // Turning before or after scaling rounds differently, which int8 activations amplify; a lying rocket is another
    // picture.
    expect(similarity(phone, await latent(upright)).cosine).toBeGreaterThan(0.999);
    expect(similarity(phone, await latent(lying)).cosine).toBeLessThan(0.99);
  });

  test("the answer of one run is the input of the next, and rollout is the same steps in a row", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const [latent] = (await json("run", "small.syn", "encode", CAT)).outputs;
    await writeFile(join(files.folder, "latent.json"), JSON.stringify({ latent: latent.values }));
    const actions = JSON.parse(await readFile(ACTIONS, "utf8"));
    await writeFile(join(files.folder, "one.json"), JSON.stringify([actions[0]]));
    const [next] = (await json("run", "small.syn", "predict", "--latent", "latent.json", "--actions", "one.json"))
      .outputs;
    const report = await json("run", "small.syn", "rollout", "--image", CAT, "--actions", ACTIONS);
    expect(report).toMatchObject({ command: "rollout", steps: actions.length, historyMax: 3 });
    expect(report.latents).toHaveLength(actions.length + 1);
    expect(report.latents[0]).toEqual(latent.values);
    expect(report.latents[1]).toEqual(next.values);
  });

  test("the picture of a latent is in the text", { timeout: TIMEOUT_MS }, async () => {
    const { stdout } = await synapse("run", "small.syn", "encode", CAT);
    expect(stdout).toMatch(/untrained/);
    expect(stdout).toMatch(/latent {2}32 values {3}norm/);
    expect(stdout).toMatch(/[▁▂▃▄▅▆▇█]{32}/);
  });
});

describe("compare", () => {
  const compare = (...options: string[]) => ["compare", "small.syn", "small.safetensors", ...options];

  test("int8 is near f32 in every row, and bars on the centred figures decide the exit code", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const pictures = ["--images", repoPath("samples")];
    const report = await json(...compare(...pictures, "--min-centred", "0.9"));
    expect(report.rows.map(({ what }: { what: string }) => what)).toEqual([
      "encode",
      "predict",
      "rollout 10",
      "rollout 20",
      "rollout 50",
    ]);
    for (const row of report.rows) {
      expect(row.cosineWorst).toBeGreaterThan(0.99);
      expect(row.centredCosineWorst).toBeGreaterThan(0.97);
      expect(row.centredCosineMean).toBeGreaterThanOrEqual(row.centredCosineWorst);
      expect(row.relativeErrorMean).toBeLessThanOrEqual(row.relativeErrorWorst);
    }
    expect(report).toMatchObject({ pass: true, bars: { minCentredCosine: 0.9 }, expected: null });
    // Both come from one config, and who reads only the answer has to learn it there.
    expect(report.notSeen).toMatch(/same configuration.*verify-model/);
    const { cosineWorst, centredCosineWorst, relativeErrorWorst } = report.rows[0];
    // Between the two figures: the plain one would pass, and the older name of the bar is no way around.
    const between = `${(cosineWorst + centredCosineWorst) / 2}`;
    for (const bar of [
      ["--min-centred", between],
      ["--min-cosine", between],
      ["--max-relative-error", `${relativeErrorWorst / 2}`],
    ]) {
      const failed = await synapse(...compare(...pictures, ...bar));
      expect(failed.code).toBe(1);
      expect(failed.stdout).toContain("below");
      expect(failed.stdout).toMatch(/not seen: .*same configuration/);
    }
  });

  test("one picture has no centred cosine: without a bar it says so, with one it is wrong input", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const { rows } = await json(...compare("--images", CAT));
    expect(rows[0]).toMatchObject({ what: "encode", count: 1, centredCosineWorst: null, relativeErrorWorst: null });
    const { code, stderr } = await synapse(...compare("--images", CAT, "--min-cosine", "0"));
    expect(code).toBe(2);
    expect(stderr).toMatch(/at encode: there is one sample.*\[COMPARE_SAMPLES\]/);
  });

  test("an f32 pack against itself is as good as equal", { timeout: TIMEOUT_MS }, async () => {
    await json("pack", "small.safetensors", "--config", files.config, "--type", "f32", "-o", "f32.syn");
    const report = await json(
      "compare",
      "f32.syn",
      "small.safetensors",
      "--images",
      repoPath("samples"),
      "--actions",
      ACTIONS,
    );
    // Ten actions allow a rollout of ten steps only.
    expect(report.rows.map(({ what }: { what: string }) => what)).toEqual(["encode", "predict", "rollout 10"]);
    for (const row of report.rows) expect(row.centredCosineWorst).toBeGreaterThan(0.999999);
  });

  test("reads an evaluation set: subfolders in order, the episodes that judge, evenly spread", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const set = evaluationSet("lewm-tworoom-small");
    const judging = (await evaluationFiles("lewm-tworoom-small")).filter((name) =>
      /^test-\d+.frame-\d+\.png$/.test(name),
    ).length;
    expect(judging).toBeGreaterThan(100);
    const some = await json(...compare("--images", set, "--images-max", "10"));
    expect(some.rows[0]).toMatchObject({ count: 10, inputs: `10 of ${judging} pictures` });
    const again = await json(...compare("--images", set, "--images-max", "10"));
    expect(again).toEqual(some);
  });

  describe("--eval", () => {
    const model = repoPath("models", "lewm-tworoom-small");
    const weights = join(model, "model.safetensors");
    const few = ["--images-max", "6"];

    test("finds what a model's folder has, and packs what is not packed", { timeout: TIMEOUT_MS }, async () => {
      const config = join(model, "synapse.json");
      await json("pack", weights, "--config", config, "--type", "i4", "--no-golden", "-o", "lewm-tworoom-small.syn");
      const named = await json(
        "compare",
        "lewm-tworoom-small.syn",
        weights,
        "--images",
        evaluationSet("lewm-tworoom-small"),
        ...few,
      );
      expect(named.rows[0]).toMatchObject({ what: "encode", count: 6 });
      expect(await json("compare", "--eval", model, "--type", "i4", ...few)).toEqual(named);
      expect(await json("compare", "lewm-tworoom-small.syn", "--eval", model, ...few)).toEqual(named);
      // Trailing slash, and a pack that lies in the folder.
      const own = join(files.folder, "own");
      await cp(model, own, { recursive: true });
      await cp(join(files.folder, "lewm-tworoom-small.syn"), join(own, "lewm-tworoom-small.syn"));
      expect(await json("compare", "--eval", `${own}/`, ...few)).toEqual(named);
      const { code, stderr } = await synapse("compare", "--eval", own, "--type", "i8", ...few);
      expect({ code, stderr }).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/is packed already.*\[MODEL_FOLDER\]/),
      });
    });

    test("says what a folder lacks, and what the command line does", { timeout: TIMEOUT_MS }, async () => {
      const said = async (...args: string[]) => {
        const { code, stderr } = await synapse("compare", ...args);
        return `${code} ${stderr.split("\n", 1)[0]}`;
      };
      expect(await said("--eval", repoPath("samples"))).toMatch(
        /^2 error: .*samples.*has no evaluation set.*eval\.zip or eval \[MODEL_FOLDER\]/,
      );
      expect(await said("--eval", join(files.folder, "nowhere"))).toMatch(/^2 .*no such file.*\[FILE_ENOENT\]/);
      expect(await said("--eval", model, "--images", CAT)).toMatch(
        /^2 .*'--eval \[folder\]' cannot be used with option '--images <folder>'/,
      );
      expect(await said()).toBe("2 error: missing required argument 'model'");
      expect(await said("small.syn")).toBe("2 error: missing required argument 'checkpoint'");
      expect(await said(...compare().slice(1), "--type", "i8")).toMatch(
        /^2 .*'--type <types>' needs '--eval <folder>'/,
      );
    });
  });

  test("run and rollout take files out of an archive", { timeout: TIMEOUT_MS }, async () => {
    const episode = `${evaluationSet("lewm-tworoom-small")}/test-00`;
    const [frame, actions] = [`${episode}/frame-00.png`, `${episode}/episode.json`];
    const { latents } = await readEpisode("lewm-tworoom-small", "test-00");
    await json(
      "pack",
      join(repoPath("models", "lewm-tworoom-small"), "model.safetensors"),
      "--config",
      repoPath("models", "lewm-tworoom-small", "synapse.json"),
      "--type",
      "f32",
      "--no-golden",
      "-o",
      "f32.syn",
    );
    const [{ values }] = (await json("run", "f32.syn", "encode", frame)).outputs;
    expect(similarity(values, latents[0] as number[]).maxAbsError).toBeLessThan(1e-4);
    const report = await json("run", "f32.syn", "rollout", "--image", frame, "--actions", actions);
    expect(report.latents).toHaveLength(latents.length);
  });
});

test("bench measures every entry, profiles every op and labels its estimate", { timeout: TIMEOUT_MS }, async () => {
  const report = await json("bench", "small.syn", "--runs", "3", "--board", "waveshare-esp32-p4-wifi6");
  expect(report.entries.map(({ entry, runs }: { entry: string; runs: number }) => [entry, runs])).toEqual([
    ["encode", 3],
    ["predict", 3],
  ]);
  for (const entry of report.entries) {
    expect(entry.latencyMsP50).toBeGreaterThan(0);
    expect(entry.ops.reduce((sum: number, { share }: { share: number }) => sum + share, 0)).toBeCloseTo(1, 6);
    expect(entry.boardEstimate).toMatchObject({
      label: "estimate",
      vectorMisfit: [expect.any(Number), expect.any(Number)],
    });
    for (const key of ["builtLatencyMs", "vectorLatencyMs"]) {
      const ofOps = entry.ops.reduce((sum: number, op: Record<string, number>) => sum + (op[key] as number), 0);
      expect(ofOps).toBeCloseTo(entry.boardEstimate[key], 9);
    }
  }
  const { stdout } = await synapse("bench", "small.syn", "--runs", "1", "--profile", "--entry", "encode");
  expect(stdout).toContain("Estimate for");
  expect(stdout).toContain("not measured");
  expect(stdout).toContain("Profile of encode");
  expect(stdout).toContain("on a board (estimate)");
});

test("engines lists all four builds", { timeout: TIMEOUT_MS }, async () => {
  const { engines } = await json("engines");
  expect(engines.map(({ name }: { name: string }) => name)).toEqual(["native", "wasm", "wasm-baseline", "rv32"]);
  expect(engines[0].available).toBe(true);
});

test("sim serves the model until Ctrl-C, and then ends with 0", { timeout: TIMEOUT_MS }, async () => {
  const { document, stop } = await startProgram(
    [
      "sim",
      "--board",
      "waveshare-esp32-p4-wifi6",
      "--model",
      "small.syn",
      "--port",
      "0",
      "--host",
      "127.0.0.1",
      "--open",
    ],
    files.folder,
  );
  expect(document).toMatchObject({
    command: "sim",
    lanUrl: null,
    board: "waveshare-esp32-p4-wifi6",
    model: { untrained: true },
  });
  expect(document).toMatchObject({
    updatableInPlace: true,
    slots: [{ slot: "model_a", availableBytes: 19_136_512, fits: true }, { fits: true }],
  });
  const answer = await fetch(`${document.url}/v1/encode`, {
    method: "POST",
    headers: { "content-type": "image/jpeg" },
    body: await readFile(CAT),
  });
  expect(answer.status).toBe(200);
  const { latent } = (await answer.json()) as { latent: number[] };
  const run = await json("run", "small.syn", "encode", CAT);
  expect(Array.from(Float32Array.from(latent))).toEqual(Array.from(Float32Array.from(run.outputs[0].values)));
  expect(await stop()).toBe(0);
});

test("sim --browser serves a board for the tab, and --json says where", { timeout: TIMEOUT_MS }, async () => {
  const options = ["--board", "waveshare-esp32-p4-wifi6", "--model", "small.syn", "--port", "0", "--host", "127.0.0.1"];
  const { document, stop } = await startProgram(["sim", ...options, "--browser"], files.folder);
  expect(document.boardEstimates).toMatchObject([
    {
      entry: "encode",
      label: "estimate",
      builtLatencyMs: expect.any(Number),
      vectorLatencyMs: expect.any(Number),
      vectorMisfit: [expect.any(Number), expect.any(Number)],
    },
    { entry: "predict", label: "estimate" },
  ]);
  expect(document).toMatchObject({
    command: "sim",
    browser: true,
    lanUrl: null,
    engine: "wasm",
    model: { untrained: true },
    updatableInPlace: true,
  });
  const model = Buffer.from(await (await fetch(`${document.url}/model.syn`)).arrayBuffer());
  expect(model.equals(await readFile(join(files.folder, "small.syn")))).toBe(true);
  expect(await stop()).toBe(0);
  const { code, stderr } = await synapse("sim", ...options, "--browser", "--engine", "native");
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("--browser") });
});

test("discover asks on the interface that it is told, and prints one document", { timeout: TIMEOUT_MS }, async () => {
  const document = await json("discover", "--seconds", "0.1", "--interface", "127.0.0.1");
  expect(document).toEqual({ command: "discover", seconds: 0.1, boards: expect.any(Array) });
});
