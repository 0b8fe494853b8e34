import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { complaintsOf, launchChromium, ON_A_PHONE, PHONE, widthOf } from "synapse-sim/testing/boardPage";
import { findChromium } from "synapse-sim/testing/chromium";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repoPath, runInside } from "../cli/testing/cliHarness.js";
import { packCheckpoint } from "../compile/packCheckpoint.js";
import { Archive } from "../files/archive.js";
import { openModelFile } from "../open/openModelFile.js";
import { judgementHtml } from "../report/html/judgementHtml.js";
import type { Judgement } from "../report/judgement.js";
import { decodeImagePort } from "../run/entryInputs.js";
import { floatsOf } from "../run/seededInputs.js";
import { codeOf } from "../testing/codeOf.js";
import { evaluationSet, readEpisode } from "../testing/evaluationSet.js";
import { requireHeldOut } from "./disjointSets.js";
import { judge } from "./judge.js";

const NAME = "lewm-tworoom-small";
const MODEL = repoPath("models", NAME);
const WEIGHTS = join(MODEL, "model.safetensors");
const EPISODES = ["test-00", "test-01", "calibration-00", "calibration-01"];
const executable = findChromium();

let folder: string;
let pack: string;
let set: string;
let judged: Judgement;

const options = { trajectories: 4, seed: 1, threads: 1, bars: {} };
const refused = (evaluation: string) =>
  judge(pack, WEIGHTS, { ...options, evaluation }).then(
    () => "no error",
    (error: { code: string }) => error.code,
  );

/** A copy of the set that a test changes. */
async function copyOfSet(name: string): Promise<string> {
  await cp(set, join(folder, name), { recursive: true });
  return join(folder, name);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "synapse-judge-"));
  [pack, set] = [join(folder, "small.syn"), join(folder, "eval")];
  await packCheckpoint({
    checkpoint: WEIGHTS,
    config: join(MODEL, "synapse.json"),
    types: "i4",
    golden: false,
    output: pack,
  });
  const archive = await Archive.open(evaluationSet(NAME));
  for (const name of archive.names.filter((each) => EPISODES.includes(dirname(each)))) {
    await mkdir(join(set, dirname(name)), { recursive: true });
    await writeFile(join(set, name), await archive.read(name, "a file", 1 << 20));
  }
  await archive.close();
  judged = await judge(pack, WEIGHTS, { ...options, evaluation: set });
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

test("the figures of encode are those of plain loops over the pack's latents and PyTorch's", async () => {
  const opened = await openModelFile(pack, undefined);
  const session = await opened.model.createSession();
  const [actual, expected]: [Float32Array[], number[][]] = [[], []];
  const port = opened.model.info.entries.find(({ name }) => name === "encode")?.inputs[0];
  for (const episode of ["test-00", "test-01"]) {
    for (const [at, latent] of (await readEpisode(NAME, episode)).latents.entries()) {
      const file = join(set, episode, `frame-${String(at).padStart(2, "0")}.png`);
      const pixels = await decodeImagePort(port as NonNullable<typeof port>, await readFile(file), file);
      const [output] = await session.run("encode", [pixels]);
      actual.push(floatsOf(output as Uint8Array));
      expected.push(latent);
    }
  }
  await session.close();
  await opened.close();
  const mean = expected[0]?.map((_, i) => expected.reduce((sum, row) => sum + (row[i] as number), 0) / expected.length);
  const cosines = actual.map((row, n) => {
    let [dot, a, e] = [0, 0, 0];
    for (const [i, value] of row.entries()) {
      const [x, y] = [value - (mean?.[i] as number), (expected[n]?.[i] as number) - (mean?.[i] as number)];
      [dot, a, e] = [dot + x * y, a + x * x, e + y * y];
    }
    return dot / Math.sqrt(a * e);
  });
  const figures = judged.rows[0]?.pack;
  expect(figures?.count).toBe(cosines.length);
  expect(figures?.centredCosine?.worst).toBeCloseTo(Math.min(...cosines), 3);
  expect(figures?.centredCosine?.mean).toBeCloseTo(cosines.reduce((sum, each) => sum + each, 0) / cosines.length, 3);
  expect(figures?.shares[0]?.share).toBe(cosines.filter((each) => each > 0.95).length / cosines.length);
});

test("a judgement has every figure, and is the same for any number of threads", { timeout: 120_000 }, async () => {
  expect(judged.rows.map(({ steps }) => steps)).toEqual([0, 1, 10, 20, 50]);
  expect(judged.rows.slice(1).map(({ pack: { count } }) => count)).toEqual([4, 4, 4, 4]);
  expect(judged).toMatchObject({ actions: "policy", pass: true, sets: { testEpisodes: 2, calibratedBy: "nothing" } });
  expect(judged.probe?.fittedOn).toBe(judged.sets.calibrationFrames);
  expect(judged.surprise?.reference.otherEpisode).toBeGreaterThan(0.9);
  expect(judged.warnings.join("\n")).toMatch(/4 trajectories rank nothing.*\n.*the probe has/);
  const again = await judge(pack, WEIGHTS, { ...options, evaluation: set, threads: 3 });
  expect({ ...again, elapsedMs: 0 }).toEqual({ ...judged, elapsedMs: 0 });
});

describe("a set that cannot judge", () => {
  test("has no test frames, one, or an episode that does not fit them", async () => {
    const [empty, one, odd] = [await copyOfSet("empty"), await copyOfSet("one"), await copyOfSet("odd")];
    for (const episode of ["test-00", "test-01"]) await rm(join(empty, episode), { recursive: true });
    expect(await refused(empty)).toBe("JUDGE_SET");
    await cp(join(set, "test-00", "frame-00.png"), join(folder, "first.png"));
    for (const episode of ["test-00", "test-01"]) await rm(join(one, episode), { recursive: true });
    await mkdir(join(one, "test-00"));
    await cp(join(folder, "first.png"), join(one, "test-00", "frame-00.png"));
    await writeFile(join(one, "test-00", "episode.json"), "{}");
    expect(await refused(one)).toBe("JUDGE_SAMPLES");
    await writeFile(join(odd, "test-00", "episode.json"), '{"states": [[1, 2]]}');
    expect(await refused(odd)).toBe("JUDGE_EPISODE");
    expect(await refused(join(folder, "nowhere"))).toBe("FILE_ENOENT");
  });

  test("shares a picture with what was there to calibrate by", async () => {
    const shared = await copyOfSet("shared");
    await cp(join(shared, "test-00", "frame-00.png"), join(shared, "calibration-00", "frame-00.png"));
    expect(await refused(shared)).toBe("JUDGE_NOT_HELD_OUT");
    const picture = { name: "a", digest: "00ff" };
    const held = (recipe: unknown) => () => requireHeldOut("set", [picture], [], recipe);
    expect(codeOf(held({ calibration_pictures: ["00ff"] }))).toBe("JUDGE_NOT_HELD_OUT");
    expect(codeOf(held({ choice_pictures: ["00ff"] }))).toBe("JUDGE_NOT_HELD_OUT");
    expect(held({ calibration_pictures: ["0100"] })()).toEqual({ calibratedBy: "named", chosenBy: "not named" });
    expect(held({ pictures: 4 })()).toEqual({ calibratedBy: "not named", chosenBy: "not named" });
  });
});

test("compare --eval takes the folder as its last argument and writes the report", { timeout: 120_000 }, async () => {
  const own = join(folder, "own");
  await mkdir(own);
  await cp(WEIGHTS, join(own, "model.safetensors"));
  await cp(set, join(own, "eval"), { recursive: true });
  const run = (...args: string[]) => runInside(["compare", pack, own, "--eval", "--trajectories", "4", ...args]);
  const below = await run("--json", "--report", join(folder, "out.html"), "--min-centred", "0.999");
  expect(below.code).toBe(1);
  const { rows } = JSON.parse(below.stdout);
  expect(rows).toEqual(JSON.parse(JSON.stringify(judged.rows)));
  expect(await readFile(join(folder, "out.html"), "utf8")).toContain("not reached");
  const nowhere = await run("--report", join(folder, "nowhere", "out.html"));
  expect({ code: nowhere.code, stderr: nowhere.stderr }).toEqual({
    code: 2,
    stderr: expect.stringContaining("[WRITE_FAILED]"),
  });
});

describe.skipIf(executable === undefined)("the HTML report", () => {
  test("is one file that a phone shows whole, and shows names as text", { timeout: 60_000 }, async () => {
    const name = `<img src=x onerror="alert(1)">.syn`;
    const path = join(folder, "report.html");
    await writeFile(path, judgementHtml({ ...judged, model: name }));
    const browser = await launchChromium(executable);
    try {
      const context = await browser.newContext(ON_A_PHONE);
      const page = await context.newPage();
      const complaints = complaintsOf(page);
      const requests: string[] = [];
      page.on("request", (request) => requests.push(request.url()));
      await page.goto(`file://${path}`);
      expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe(`${name}, judged`);
      expect(await page.getByRole("img").count()).toBe(2);
      expect(await widthOf(page)).toBeLessThanOrEqual(PHONE.width);
      expect(requests.filter((url) => !url.startsWith("data:"))).toEqual([`file://${path}`]);
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});
