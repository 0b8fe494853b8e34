import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "synapse-engine/errors";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openCheckpoint } from "../checkpoint/index.js";
import { writeSafetensors } from "../checkpoint/writeSafetensors.js";
import { reportOf } from "./errors.js";
import { repoPath, runInside, smallCheckpoint } from "./testing/cliHarness.js";

const PACK = repoPath("sim", "fixtures", "lewm-test.syn");

let files: Awaited<ReturnType<typeof smallCheckpoint>>;
beforeAll(async () => {
  files = await smallCheckpoint();
});
afterAll(() => files.remove());

describe("--json says what is wrong on stdout too", () => {
  const failing: readonly (readonly [readonly string[], Record<string, unknown>])[] = [
    [["inspect", "missing.syn"], { command: "inspect", error: { code: "FILE_ENOENT", file: "missing.syn", at: null } }],
    [
      ["inspect"],
      {
        command: "inspect",
        error: { code: "USAGE", message: expect.stringContaining("missing required argument 'model'") },
      },
    ],
    [
      ["inspect", PACK, "--nonsense"],
      { command: "inspect", error: { code: "USAGE", message: expect.stringContaining("--nonsense") } },
    ],
    [["nonsense"], { command: null, error: { code: "USAGE" } }],
    [
      ["run", PACK, "predict", "--latent", "missing.json"],
      { command: "run", error: { code: "INPUT_MISSING", file: "command line" } },
    ],
    [["bench", PACK, "--threads", "0"], { command: "bench", error: { code: "USAGE" } }],
  ];
  test.each(failing)("%j", async (args, expected) => {
    const { code, stdout, stderr } = await runInside([...args, "--json"]);
    expect(code).toBe(2);
    const document = JSON.parse(stdout);
    expect(document).toMatchObject(expected);
    expect(Object.keys(document.error).sort()).toEqual([
      "at",
      "code",
      "details",
      "expected",
      "file",
      "hint",
      "message",
    ]);
    expect(stderr).toMatch(/error: /);
  });

  test("without it, stdout stays empty", async () => {
    expect((await runInside(["inspect", "missing.syn"])).stdout).toBe("");
  });

  test("where in a file, what would be right, and what to do", async () => {
    const damaged = join(files.folder, "damaged.syn");
    const bytes = await readFile(PACK);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await writeFile(damaged, bytes);
    const { stdout } = await runInside(["inspect", damaged, "--json"]);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: "DIGEST",
      file: damaged,
      at: "byte 32",
      hint: expect.stringContaining("copy it again"),
    });
  });

  test("lists are whole, where the message names the first", async () => {
    const checkpoint = await openCheckpoint(files.checkpoint);
    const tensors = await Promise.all(
      [...checkpoint.tensors].map(async ([name, tensor]) => ({
        name,
        dtype: "F32",
        shape: tensor.shape,
        data: await tensor.readF32(),
      })),
    );
    await checkpoint.close();
    const extra = Array.from({ length: 12 }, (_, i) => `left.over.${i}`);
    const path = join(files.folder, "extra.safetensors");
    await writeSafetensors(path, [
      ...tensors,
      ...extra.map((name) => ({ name, dtype: "F32", shape: [1], data: Float32Array.of(1) })),
    ]);
    const { stdout, stderr } = await runInside([
      "pack",
      path,
      "--config",
      files.config,
      "-o",
      join(files.folder, "extra.syn"),
      "--json",
    ]);
    const { error } = JSON.parse(stdout);
    expect(error.code).toBe("WEIGHT_EXTRA");
    expect(error.details.tensors.sort()).toEqual(extra.sort());
    expect(stderr).toMatch(/12 of the checkpoint's tensors: .*\.\.\./);
    expect(existsSync(join(files.folder, "extra.syn"))).toBe(false);
  });
});

describe("a pipe that is closed early", () => {
  /**
   * Runs the program with the read ends of the named streams closed at once, and answers its exit code and what it said
   * on the other.
   */
  function runClosed(
    args: readonly string[],
    closed: readonly ("stdout" | "stderr")[],
  ): Promise<{ code: number | null; rest: string }> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [repoPath("host", "bin", "synapse-host.js"), ...args], { cwd: repoPath() });
      let rest = "";
      for (const name of ["stdout", "stderr"] as const) {
        if (closed.includes(name)) child[name].destroy();
        else child[name].setEncoding("utf8").on("data", (text: string) => (rest += text));
      }
      child.on("error", reject).on("close", (code) => resolve({ code, rest }));
    });
  }

  test.each([
    ["--help"],
    ["inspect", PACK, "--ops", "--tensors"],
    ["inspect", PACK, "--json", "--tensors"],
    ["run", PACK, "rollout", "--image", "samples/cat.jpg", "--actions", "samples/actions.json", "--json"],
    ["inspect", "missing.syn", "--json"],
    ["sim", "--board", "waveshare-esp32-p4-wifi6", "--model", PACK, "--host", "127.0.0.1", "--port", "0"],
    ["sim", "--board", "waveshare-esp32-p4-wifi6", "--model", PACK, "--host", "127.0.0.1", "--port", "0", "--json"],
  ])("ends %s quietly", async (...args) => {
    const { code, rest } = await runClosed(args, ["stdout"]);
    // What was wrong with the input is still wrong, whoever reads it.
    expect([0, 2]).toContain(code);
    expect(rest).not.toMatch(/EPIPE|internal|at .*\.js:\d+/);
  });

  test("of stderr does not stop the work, nor change how it ended", async () => {
    expect((await runClosed(["inspect", "missing.syn"], ["stderr"])).code).toBe(2);
    const { code, rest } = await runClosed(["inspect", PACK], ["stderr"]);
    expect(code).toBe(0);
    expect(rest).toMatch(/encode/);
    expect((await runClosed(["inspect", PACK], ["stdout", "stderr"])).code).toBe(0);
  });
});

test.skipIf(!existsSync("/dev/full"))("a full disk behind stdout is said, as that of any file", () => {
  const script = `"${process.execPath}" "${repoPath("host", "bin", "synapse-host.js")}" inspect "$1" > /dev/full`;
  const { status, stderr } = spawnSync("sh", ["-c", script, "sh", PACK], { encoding: "utf8" });
  expect(status).toBe(2);
  expect(stderr).toBe("error: stdout: cannot be written (ENOSPC); expected a disk with space [WRITE_FAILED]\n");
});

describe.skipIf(process.platform === "win32")("-o names what is no file", () => {
  const pack = (...rest: string[]) => ["pack", files.checkpoint, "--config", files.config, "--no-golden", ...rest];
  /** Runs a line of the shell in the folder of test files: `synapse` is the program. */
  function shell(line: string): { status: number | null; stdout: Buffer; stderr: string } {
    const script = `synapse() { "${process.execPath}" "${repoPath("host", "bin", "synapse-host.js")}" "$@"; }; ${line}`;
    const { status, stdout, stderr } = spawnSync("sh", ["-c", script, "sh", ...pack()], {
      cwd: files.folder,
      maxBuffer: 1 << 26,
    });
    return { status, stdout, stderr: stderr.toString() };
  }

  test("stdout gets the pack alone, stderr the report", { timeout: 60_000 }, async () => {
    expect((await runInside(pack("-o", join(files.folder, "plain.syn")))).code).toBe(0);
    const plain = await readFile(join(files.folder, "plain.syn"));
    for (const name of ["-", "/dev/stdout"]) {
      const { status, stdout, stderr } = shell(`synapse "$@" -o ${name} | cat`);
      expect(status, stderr).toBe(0);
      expect(stdout.equals(plain), name).toBe(true);
      expect(stderr).toMatch(/sha256/);
    }
    shell('echo before > all.bin; synapse "$@" -o - >> all.bin');
    expect(
      (await readFile(join(files.folder, "all.bin"))).equals(Buffer.concat([Buffer.from("before\n"), plain])),
    ).toBe(true);
    expect(existsSync(join(files.folder, "-"))).toBe(false);
  });

  test("a FIFO gets the pack, and stays", { timeout: 60_000 }, async () => {
    const { status, stdout, stderr } = shell(
      'mkfifo pipe; cat pipe & synapse "$@" -o pipe >/dev/null && wait && test -p pipe',
    );
    expect(status, stderr).toBe(0);
    expect(stdout.subarray(1, 4).toString()).toBe("SYN");
  });

  test("a document and a file do not share stdout", async () => {
    const { code, stdout } = await runInside(pack("-o", "-", "--json"));
    expect(code).toBe(2);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: "OUTPUT_IS_STDOUT",
      expected: expect.stringContaining("-o"),
    });
  });
});

test("a failure of an engine is no wrong input", () => {
  for (const code of ["ADDON_MISSING", "BUILD", "BUILD_MISSING", "TRAP", "STOPPED", "TIMEOUT"] as const) {
    expect(reportOf(new EngineError(code, "it failed"), false)).toMatchObject({ exitCode: 1, code });
  }
  for (const code of ["MAGIC", "DIGEST", "LIMIT", "QEMU_MISSING"] as const) {
    expect(reportOf(new EngineError(code, "the file is wrong"), false)).toMatchObject({ exitCode: 2, code });
  }
  expect(reportOf(new RangeError("oops"), false)).toMatchObject({ exitCode: 1 });
  expect(reportOf(new RangeError("oops"), true)).toMatchObject({ exitCode: 130 });
});
