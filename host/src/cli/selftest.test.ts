import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pc from "picocolors";
import { type SimulatedChip, type SimulatedChipOptions, serveBoard, startSimulatedChip } from "synapse-sim";
import { makeAppImage } from "synapse-sim/app-image";
import { makeFlash } from "synapse-sim/testing/flashImage";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { selfTestOverCable } from "../boards/askSelfTest.js";
import { findBoard } from "../boards/boards.js";
import { laySelfTest } from "../boards/laySelfTest.js";
import type { SelfTestReport } from "../report/selfTestReport.js";
import { selfTestText } from "../report/text/selfTestText.js";
import { findPort } from "../serial/openPort.js";
import { repoPath, runInside } from "./testing/cliHarness.js";

const MODEL = repoPath("sim", "fixtures", "lewm-test.syn");

let folder: string;
let chip: SimulatedChip | undefined;
let server: Server | undefined;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "synapse-selftest-"));
});
afterEach(async () => {
  server?.close();
  server = undefined;
  await chip?.close();
  chip = undefined;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A flashed chip that runs; its line, and its board's address. */
async function startChip(
  partitions: Readonly<Record<string, Uint8Array>> = { model_a: readFileSync(MODEL) },
  options: Partial<SimulatedChipOptions> = {},
): Promise<{ port: string; url: string }> {
  const board = await findBoard("waveshare-esp32-p4-wifi6");
  let url = "";
  chip = await startSimulatedChip({
    board,
    flash: makeFlash(board, { partitions: { ota_0: makeAppImage({ version: "1.2.3" }), ...partitions } }),
    serve: async (simulated) => {
      const served = await serveBoard(simulated, { port: 0, host: "127.0.0.1" });
      url = served.url;
      return served;
    },
    ...options,
  });
  await chip.idle();
  return { port: chip.url, url };
}

const jsonOf = (text: string): SelfTestReport => JSON.parse(text) as SelfTestReport;

test("a board that nobody owns tests itself over its cable, and the report says what the file keeps", async () => {
  const { port } = await startChip();
  const file = join(folder, "report.json");
  const args = ["selftest", "--port", port, "--model", MODEL, "--report", file];
  const { code, stdout } = await runInside([...args, "--json"]);
  const report = jsonOf(stdout);
  expect({ code, report }).toMatchObject({
    code: 0,
    report: {
      command: "selftest",
      passed: true,
      family: "v1",
      report: {
        schema: 1,
        over: "cable",
        device: {
          simulated: true,
          board: { id: "waveshare-esp32-p4-wifi6", chip_revision: "1.3" },
          firmware: { version: "1.2.3" },
          clocks: { cpu_hz: 360_000_000 },
          slots: [{ slot: "model_a", active: true, name: "lewm-test" }, { slot: "model_b" }],
        },
        selftest: { passed: true, ticks: "us", model: { name: "lewm-test" } },
      },
    },
  });
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(report.report);
  // Nothing that says whose board it is, or where.
  expect(readFileSync(file, "utf8")).not.toMatch(/02:00:00:00:00:01|127\.0\.0\.1|claim/);
  // Every op once, and all of them together are their entry.
  const entries = new Map(report.entries.map((entry) => [entry.entry, entry]));
  expect([...entries.keys()]).toEqual(["encode", "predict"]);
  for (const [name, { count, macs, estimateMs }] of entries) {
    const ops = report.ops.filter(({ entry }) => entry === name);
    expect(ops).toHaveLength(count);
    expect(ops.reduce((sum, op) => sum + op.macs, 0)).toBe(macs);
    expect(ops.reduce((sum, op) => sum + (op.estimateMs ?? Number.NaN), 0)).toBeCloseTo(estimateMs ?? Number.NaN, 9);
  }
  const inspected = await runInside(["bench", MODEL, "--runs", "1", "--json"]);
  const bench = JSON.parse(inspected.stdout) as { entries: { entry: string; macs: number }[] };
  for (const { entry, macs } of bench.entries) expect(entries.get(entry)?.macs).toBe(macs);
});

test("people see chip, verdict, what was measured and by whom, and the estimate beside it", async () => {
  const { port } = await startChip();
  const { code, stdout } = await runInside(["selftest", "--sim", port, "--model", MODEL]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/ESP32-P4 v1\.3 \(silicon v1\)/);
  expect(stdout).toMatch(/clocks +CPU 360 MHz, PSRAM 200 MHz, flash \d+ MHz/);
  expect(stdout).toMatch(/self-test +passed {2}20 kernels, 2 golden vectors/);
  expect(stdout).toContain("no figure is a board's");
  expect(stdout).toMatch(/Kernels by themselves[\s\S]*attention i8 +right/);
  expect(stdout).toMatch(/encode +linear i8 +\d+ +[\d.]+ .s/);
  expect(stdout).toMatch(/estimate +ratio/);
});

test("the same over the network, with the token where the board has an owner", async () => {
  const { url } = await startChip();
  const env = { HOME: folder, XDG_CONFIG_HOME: folder };
  const refused = await runInside(["selftest", url], { env });
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("[UNCLAIMED]") });
  const { token } = JSON.parse((await runInside(["claim", url, "--json"], { env })).stdout) as { token: string };
  expect(await runInside(["selftest", url], { env })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("TOKEN_MISSING"),
  });
  const { code, stdout } = await runInside(["selftest", url, "--json"], { env: { ...env, SYNAPSE_TOKEN: token } });
  expect({ code, report: jsonOf(stdout) }).toMatchObject({
    code: 0,
    report: { passed: true, report: { over: "network" } },
  });
});

test("a board without a model is reported, and fails", async () => {
  const { port } = await startChip({});
  const { code, stdout } = await runInside(["selftest", "--port", port]);
  expect({ code, stdout }).toMatchObject({ code: 1, stdout: expect.stringContaining("did not run: 503 NO_MODEL") });
});

test("vectors that failed are named, and cycles are times at the clock of the board", async () => {
  const { port } = await startChip();
  const file = await selfTestOverCable((await findPort(port)).port, new AbortController().signal);
  const tested = file.selftest;
  if (tested === null) throw new Error("no model has run");
  const vectors = tested.vectors.map((vector, i) => ({ ...vector, passed: i > 0 }));
  const kernels = tested.kernels.map((each) => ({ ...each, passed: each.kernel !== "layer_norm", ticks: 1_000 }));
  const ops = tested.ops.map((op) => ({ ...op, runs: 2, ticks: 720_000 }));
  const selftest = { ...tested, passed: false, vectors, ticks: "cycles" as const, kernels, ops };
  const laid = await laySelfTest({ ...file, selftest }, undefined);
  expect(laid.passed).toBe(false);
  for (const op of laid.ops) expect(op).toMatchObject({ measuredMs: 1, cycles: 360_000 });
  const style = { paint: pc.createColors(false), width: 100 };
  expect(selfTestText(style, laid)).toMatch(
    /failed {2}20 kernels, 2 golden vectors: layer_norm, vector 0 gave other outputs/,
  );
});

test("a noisy cable costs tries, and no byte of the report", async () => {
  const { port } = await startChip(undefined, { faults: { seed: 5, lostPerMillion: 30, flippedPerMillion: 30 } });
  const found = (await findPort(port)).port;
  const patience = { heardMs: 2_000, silenceMs: 5_000 };
  const report = await selfTestOverCable(found, new AbortController().signal, patience);
  expect(report.selftest).toMatchObject({ passed: true });
});

test("two reports stand beside each other; what is none is refused", async () => {
  const { port } = await startChip();
  const [one, other] = [join(folder, "one.json"), join(folder, "other.json")];
  await runInside(["selftest", "--port", port, "--report", one]);
  await runInside(["selftest", "--port", port, "--report", other]);
  const { code, stdout } = await runInside(["selftest", "--compare", one, other]);
  expect({ code, stdout }).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/encode +all +[\d.]+ .s +[\d.]+ .s +[\d.]+/),
  });
  const bad = async (text: string) => {
    writeFileSync(join(folder, "bad.json"), text);
    return runInside(["selftest", "--compare", one, join(folder, "bad.json")]);
  };
  const good = readFileSync(one, "utf8");
  for (const text of [good.replace('"schema": 1', '"schema": 2'), "{}", good.replace('"runs": 1', '"runs": 0')]) {
    expect(await bad(text)).toMatchObject({ code: 2, stderr: expect.stringContaining("[SELFTEST_FILE]") });
  }
  expect(await bad("nonsense")).toMatchObject({ code: 2, stderr: expect.stringMatching(/\[\w+\]/) });
  expect(await runInside(["selftest", "--compare", one])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("[COMPARE_TWO]"),
  });
});

test("another model's file is no estimate for this one", async () => {
  const { port } = await startChip();
  const other = repoPath("kernels", "fuzz", "corpus", "i8.syn");
  expect(await runInside(["selftest", "--port", port, "--model", other])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("[MODEL_OTHER]"),
  });
});

/** Something else on a port: what it says when it is opened, and to what it is told. */
async function otherThing(greeting: string, answer: (said: string, socket: Socket) => void = () => undefined) {
  server = createServer((socket) => {
    socket.on("error", () => undefined).write(greeting);
    socket.on("data", (bytes) => answer(bytes.toString("latin1"), socket));
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return (await findPort(`socket://127.0.0.1:${(server.address() as AddressInfo).port}`)).port;
}

const soon = { heardMs: 60, silenceMs: 60 };
const never = new AbortController().signal;
/** The identity of a question; frames are made for it with Node's own CRC where it has one. */
const idOf = (said: string): string => /ask (\d+) /.exec(said)?.[1] ?? "0";

function crc(text: string): string {
  let sum = 0xffff_ffff;
  for (const byte of Buffer.from(text)) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb8_8320 : sum >>> 1;
  }
  return (~sum >>> 0).toString(16).padStart(8, "0");
}
const frame = (inside: string): string => `I (9) wifi: up~${inside}:${crc(inside)}\r\n`;

test("a port behind which no firmware is says what it says", async () => {
  const port = await otherThing("invalid header: 0xffffffff\r\n", (_, socket) =>
    socket.write("invalid header: 0xffffffff\r\n"),
  );
  await expect(selfTestOverCable(port, never, soon)).rejects.toMatchObject({
    code: "BOARD_SILENT",
    message: expect.stringContaining("invalid header: 0xffffffff"),
  });
});

test("a board that stops in the middle, or garbles, or answers what no board answers, is one typed error", async () => {
  const stops = await otherThing("", (said, socket) => socket.write(frame(`${idOf(said)}:0:+`)));
  await expect(selfTestOverCable(stops, never, soon)).rejects.toMatchObject({ code: "BOARD_STOPPED" });
  server?.close();
  const garbles = await otherThing("", (said, socket) =>
    socket.write(frame(`${idOf(said)}:0:+`) + frame(`${idOf(said)}:2:AAAA`)),
  );
  await expect(selfTestOverCable(garbles, never, soon)).rejects.toMatchObject({ code: "BOARD_GARBLED" });
  server?.close();
  const lies = await otherThing("", (said, socket) => {
    const id = idOf(said);
    socket.write([`${id}:0:+`, `${id}:1:=200`, `${id}:2:e30=`, `${id}:3:.2`].map(frame).join(""));
  });
  await expect(selfTestOverCable(lies, never, soon)).rejects.toMatchObject({ code: "BOARD_ANSWER" });
  server?.close();
  const ends = await otherThing("", (said, socket) => socket.end(frame(`${idOf(said)}:0:+`)));
  await expect(selfTestOverCable(ends, never, soon)).rejects.toMatchObject({
    code: expect.stringMatching(/BOARD_STOPPED|CABLE_LOST/),
  });
});

test.each([
  [["--port", "socket://127.0.0.1:1"], "PORT_MISSING"],
  [["--port", "socket://nowhere"], "PORT_ADDRESS"],
  [[], "PORT_NEEDED"],
  [["http://127.0.0.1:1"], "BOARD_UNREACHABLE"],
  [["synapse.local"], "BOARD_ADDRESS"],
  [["http://127.0.0.1:1", "--port", "socket://127.0.0.1:1"], "BOARD_TWICE"],
])("%j is refused in one line", async (args, code) => {
  const { code: exit, stderr } = await runInside(["selftest", ...args]);
  expect({ exit, stderr }).toMatchObject({ exit: 2, stderr: expect.stringContaining(`[${code}]`) });
  expect(stderr.trim().split("\n").length).toBeLessThanOrEqual(2);
});
