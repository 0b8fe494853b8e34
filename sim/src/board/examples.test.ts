import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { openNativeEngine } from "synapse-engine";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { flashImage } from "../testing/portFlash.js";
import type { Partition } from "./boardSchema.js";
import { MODEL } from "./boardSuite.js";

// The component's examples, as processes on the functions of ESP-IDF that firmware/test_host has.
const FIRMWARE = fileURLToPath(new URL("../../../firmware/", import.meta.url));
const FLASH_BYTES = 16 << 20;
const folder = mkdtempSync(join(tmpdir(), "synapse-examples-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function build(example: string): { readonly program?: string; readonly missing?: string } {
  const built = spawnSync(process.execPath, [join(FIRMWARE, "test_host/build.mjs"), example], { encoding: "utf8" });
  if (built.status === 0) return { program: built.stdout.trim() };
  if (!/apt-get install|Linux only|is missing/.test(built.stderr)) throw new Error(built.stderr);
  return { missing: built.stderr.trim() };
}

/** The rows of an example's partitions.csv. */
function partitionsOf(example: string): Partition[] {
  const text = readFileSync(join(FIRMWARE, "components/synapse/examples", example, "partitions.csv"), "utf8");
  const rows = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return rows.map((row) => {
    const [name, type, subtype, offset, size] = row.split(",").map((cell) => cell.trim()) as [
      string,
      "app" | "data",
      string,
      string,
      string,
    ];
    return {
      name,
      type,
      subtype: subtype.startsWith("0x") ? Number(subtype) : subtype,
      offset: Number(offset),
      size: Number(size),
    } as Partition;
  });
}

/** The flash of an example with a file in one of its partitions. */
function flashOf(example: string, file: Uint8Array, partition: string): string {
  const path = join(folder, `${example}.bin`);
  const board = { flash: { bytes: FLASH_BYTES, mhz: 80, mode: "qio" as const }, partitions: partitionsOf(example) };
  writeFileSync(path, flashImage(board, file, partition));
  return path;
}

const { program, missing } = build("engine_only");
const camera = build("camera_surprise");
if (missing !== undefined) process.stderr.write(`skipped: the component's examples: ${missing}\n`);

describe.skipIf(program === undefined)("engine_only", () => {
  const run = (file: Uint8Array) =>
    execFileSync(program as string, [flashOf("engine_only", file, "model")], { encoding: "utf8" });
  const latent: string[] = [];
  beforeAll(async () => {
    const engine = await openNativeEngine();
    const model = await engine.openModel(MODEL);
    const session = await model.createSession();
    const pattern = Uint8Array.from({ length: 28 * 28 * 3 }, (_, i) => ((i * 37) % 251) & 0xff);
    const [bytes] = (await session.run("encode", [pattern])) as [Uint8Array];
    const values = new Float32Array(bytes.buffer, bytes.byteOffset, 8);
    latent.push(...[...values].map((value) => value.toFixed(6)));
    await session.close();
    await model.close();
    await engine.close();
  });

  test("prints the latent that the host's engine makes of its pattern, and a time for each run", () => {
    const lines = run(MODEL).trim().split("\n");
    expect(lines[0]).toMatch(/^lewm-test, 115904 bytes, kernels: /);
    expect(lines.filter((line) => /^run \d: OK, \d+\.\d{3} ms$/.test(line))).toHaveLength(5);
    expect(lines.at(-1)).toBe(`latent, the first of 32 values: ${latent.join(" ")}`);
  });

  test("says what is in the partition when it is no model", () => {
    expect(run(new Uint8Array(4096))).toMatch(/^no model: ESP_ERR_INVALID_STATE \S/);
    const cut = Uint8Array.from(MODEL);
    cut[cut.length - 1] = (cut.at(-1) as number) ^ 1;
    expect(run(cut)).toMatch(/^no model: ESP_ERR_INVALID_STATE .*the SHA-256 of the contents differs/);
  });
});

describe.skipIf(camera.program === undefined)("camera_surprise", () => {
  test("observes one frame after another", async () => {
    const flash = flashOf("camera_surprise", MODEL, "model_a");
    const child = spawn(camera.program as string, [flash], { stdio: ["ignore", "pipe", "ignore"] });
    const answers: Record<string, unknown>[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      expect(line).toMatch(/^200 \{"stream":"room"/);
      answers.push(JSON.parse(line.slice(4)));
      if (answers.length === 3) break;
    }
    child.kill("SIGKILL");
    expect(answers.map(({ frame, count }) => [frame, count])).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
    ]);
    expect(answers[0]?.surprise).toBeNull();
    expect(answers[2]?.surprise).toBeGreaterThan(0);
  });
});
