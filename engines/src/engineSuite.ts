import { describe, expect, test } from "vitest";
import type { Engine, Session } from "./engine.js";
import { EngineError } from "./errors.js";
import { HEAVY_WIDTH, heavyPack } from "./testing/heavyPack.js";
import { seal } from "./testing/packBuilder.js";
import { Xorshift32 } from "./testing/random.js";
import { SMALL_ROWS_MAX, smallInput, smallPack, smallWidth } from "./testing/smallPack.js";

export interface SuiteOptions {
  /** Opens a fresh engine; each group of tests shares one. */
  readonly open: () => Promise<Engine>;
  /** How many damaged packs are tried. */
  readonly mutations: number;
  /** Also damages every byte of prefix and header once. */
  readonly everyHeaderByte?: boolean;
  /** Why the tests cannot run here, if so. */
  readonly skip?: string | undefined;
}

const TIMEOUT_MS = 120_000;

/** What every build of the runtime must do alike. */
export function engineSuite(name: string, options: SuiteOptions): void {
  describe.skipIf(options.skip !== undefined)(name, { timeout: TIMEOUT_MS }, () => {
    test("a model says what it offers", () =>
      using(options, async (engine) => {
        const model = await engine.openModel(
          smallPack("i8", { meta: { licence: "CC0-1.0", layers: [1, -2, 0.5], none: null } }),
        );
        expect(model.info.name).toBe("small-i8");
        expect(model.info.exact).toBe(true);
        expect(model.info.sha256).toMatch(/^[0-9a-f]{64}$/);
        expect(model.info.meta).toEqual({ licence: "CC0-1.0", layers: [1, -2, 0.5], none: null });
        expect(model.info.entries.map((entry) => [entry.name, entry.rowsMax, entry.opCount])).toEqual([
          ["encode", SMALL_ROWS_MAX, 5],
          ["step", 1, 2],
        ]);
        const width = smallWidth("i8");
        expect(model.info.entries[0]?.inputs).toEqual([
          {
            name: "x",
            kind: "tensor",
            type: "f32",
            shape: [SMALL_ROWS_MAX, width],
            dynamic: true,
            bytesMax: 4 * SMALL_ROWS_MAX * width,
          },
        ]);
        expect(model.info.entries[0]?.outputs[0]?.kind).toBe("latent");
      }));

    test("a run gives the same bytes again, and fewer rows give the first rows of a causal model", () =>
      using(options, async (engine) => {
        // Integer attention scales each column of v by its maximum over all rows,
        // so only f32 attention gives equal first rows.
        const session = await sessionOf(engine, smallPack("i8", { attention: "f32" }));
        const [all = new Uint8Array(0)] = await session.run("encode", [smallInput("i8", 5)], 5);
        const [again] = await session.run("encode", [smallInput("i8", 5)]);
        expect(again).toEqual(all);
        expect(Array.from(floats(all)).every(Number.isFinite)).toBe(true);
        expect(new Set(floats(all)).size).toBeGreaterThan(10);
        const [first] = await session.run("encode", [smallInput("i8", 2)], 2);
        expect(first).toEqual(all.slice(0, (all.length / 5) * 2));
      }));

    test("wrong sizes, rows and names are refused in words, and the session still works", () =>
      using(options, async (engine) => {
        const session = await sessionOf(engine, smallPack("i8"));
        const input = smallInput("i8", 5);
        await expect(session.run("encode", [input.subarray(1)], 5)).rejects.toMatchObject({ code: "ARGUMENT" });
        await expect(session.run("encode", [input], 4)).rejects.toThrow(/1040 bytes.*832/);
        await expect(session.run("encode", [], 5)).rejects.toMatchObject({ code: "ARGUMENT" });
        for (const rows of [0, -1, 6, 1.5, Number.NaN]) {
          await expect(session.run("encode", [input], rows)).rejects.toMatchObject({ code: "ARGUMENT" });
        }
        await expect(session.run("decode", [input])).rejects.toMatchObject({ code: "NOT_FOUND" });
        await expect(session.profile("decode")).rejects.toMatchObject({ code: "NOT_FOUND" });
        expect(await session.run("encode", [input], 5)).toHaveLength(1);
      }));

    test("state is kept between runs, saved, restored, forked and reset", () =>
      using(options, async (engine) => {
        const model = await engine.openModel(smallPack("i8"));
        const [one, other] = [await model.createSession(), await model.createSession()];
        expect(await step(one, 1)).toBe(1);
        expect(await step(one, 2)).toBe(3);
        const saved = await one.getState();
        expect(saved.length).toBe(one.requirements.stateBytes);
        expect(await step(one, 4)).toBe(7);
        expect(await step(other, 10)).toBe(10);
        await other.setState(saved);
        expect(await step(other, 100)).toBe(103);
        await one.setState(saved);
        expect(await step(one, 1)).toBe(4);
        await one.reset();
        expect(await step(one, 5)).toBe(5);
        await expect(one.setState(saved.subarray(1))).rejects.toMatchObject({ code: "ARGUMENT" });
        expect(await step(one, 1)).toBe(6);
      }));

    test("many sessions of several models run at once without meeting", () =>
      using(options, async (engine) => {
        const models = await Promise.all([engine.openModel(smallPack("i8")), engine.openModel(smallPack("q4_0"))]);
        const sessions = await Promise.all(
          models.flatMap((model) => [model.createSession(), model.createSession(), model.createSession()]),
        );
        const sums = await Promise.all(
          sessions.map(async (session, index) => {
            const steps = [1, 2, 3].map((value) => step(session, value * (index + 1)));
            return (await Promise.all(steps)).at(-1);
          }),
        );
        expect(sums).toEqual(sessions.map((_, index) => 6 * (index + 1)));
        const encoded = await Promise.all(
          sessions.slice(0, 3).map((session) => session.run("encode", [smallInput("i8", 3)], 3)),
        );
        expect(encoded[1]).toEqual(encoded[0]);
        expect(encoded[2]).toEqual(encoded[0]);
      }));

    test("memory comes back: models can be opened and closed for ever", () =>
      using(options, async (engine) => {
        const file = smallPack("i8");
        for (let round = 0; round < 20; round += 1) {
          const model = await engine.openModel(file);
          await model.createSession();
          await model.close();
        }
        const session = await sessionOf(engine, file);
        expect(await step(session, 1)).toBe(1);
      }));

    test("closed handles refuse to work and may be closed again", () =>
      using(options, async (engine) => {
        const model = await engine.openModel(smallPack("i8"));
        const [closed, open] = [await model.createSession(), await model.createSession()];
        await closed.close();
        await closed.close();
        await expect(step(closed, 1)).rejects.toBeInstanceOf(EngineError);
        expect(await step(open, 1)).toBe(1);
        await model.close();
        await model.close();
        await expect(step(open, 1)).rejects.toBeInstanceOf(EngineError);
        await expect(model.createSession()).rejects.toBeInstanceOf(EngineError);
        await engine.close();
        await expect(engine.openModel(smallPack("i8"))).rejects.toBeInstanceOf(EngineError);
      }));

    test("the profile counts runs and multiply-accumulates of each op", () =>
      using(options, async (engine) => {
        const session = await sessionOf(engine, smallPack("i8"));
        await session.run("encode", [smallInput("i8", 5)], 5);
        await session.run("encode", [smallInput("i8", 5)], 5);
        const ops = await session.profile("encode");
        expect(ops.map((op) => op.op)).toEqual(["layer_norm", "linear", "attention", "linear", "linear"]);
        expect(ops.every((op) => op.runs === 2)).toBe(true);
        const width = smallWidth("i8");
        expect(ops[1]).toMatchObject({ name: "qkv.weight", macs: 2 * 5 * width * 3 * width });
        expect(ops.reduce((sum, op) => sum + op.ticks, 0)).toBeGreaterThan(0);
        await session.resetProfile();
        expect((await session.profile("encode")).every((op) => op.runs === 0 && op.macs === 0 && op.ticks === 0)).toBe(
          true,
        );
      }));

    test("self-test vectors pass, and a wrong one is told apart", () =>
      using(options, async (engine) => {
        const { goldenDigest } = await import("./testing/golden.js");
        const golden = { entry: "encode", rows: 3, seed: 99 };
        const plain = await engine.openModel(smallPack("i8"));
        const digest = await goldenDigest(plain, golden);
        const right = await sessionOf(engine, smallPack("i8", { goldens: [{ ...golden, digest }] }));
        await right.selfTest();
        digest[0] = (digest[0] ?? 0) ^ 1;
        const wrong = await sessionOf(engine, smallPack("i8", { goldens: [{ ...golden, digest }] }));
        await expect(wrong.selfTest()).rejects.toMatchObject({ code: "GOLDEN" });
      }));

    test("a run with a signal gives the same bytes, and does not begin once it is aborted", () =>
      using(options, async (engine) => {
        const { goldenDigest } = await import("./testing/golden.js");
        const golden = { entry: "encode", rows: 3, seed: 99 };
        const digest = await goldenDigest(await engine.openModel(smallPack("i8")), golden);
        const session = await sessionOf(engine, smallPack("i8", { goldens: [{ ...golden, digest }] }));
        const inputs = [smallInput("i8", 5)];
        const whole = await session.run("encode", inputs, 5);
        const never = new AbortController().signal;
        expect(await session.run("encode", inputs, 5, never)).toEqual(whole);
        await session.selfTest(never);
        const runs = (await session.profile("encode")).map((op) => op.runs);
        await expect(session.run("encode", inputs, 5, AbortSignal.abort())).rejects.toMatchObject({
          code: "CANCELLED",
        });
        await expect(session.selfTest(AbortSignal.abort())).rejects.toMatchObject({ code: "CANCELLED" });
        expect((await session.profile("encode")).map((op) => op.runs)).toEqual(runs);
        expect(await session.run("encode", inputs, 5)).toEqual(whole);
      }));

    test("an endless run ends when it is aborted, and its session can be used again", () =>
      using(options, async (engine) => {
        const rows = 16;
        // The emulated core is slow to open a program as well as to run it.
        const ops = engine.name === "rv32" ? 500 : 8_000;
        const heavy = await sessionOf(engine, heavyPack(ops, 1, rows));
        const stop = new AbortController();
        const running = heavy.run("go", [new Uint8Array(rows * HEAVY_WIDTH * 4)], rows, stop.signal);
        setTimeout(() => stop.abort(), 50);
        await expect(running).rejects.toMatchObject({ code: "CANCELLED" });
        const testing = heavy.selfTest(AbortSignal.timeout(50));
        await expect(testing).rejects.toMatchObject({ code: "CANCELLED" });
        expect((await heavy.profile("go")).at(-1)).toMatchObject({ runs: 0 });
      }));

    test("files that are no packs are refused with a code", () =>
      using(options, async (engine) => {
        const file = smallPack("i8");
        const code = async (bytes: Uint8Array) =>
          engine.openModel(bytes).then(
            () => "opened",
            (error: EngineError) => error.code,
          );
        expect(await code(new Uint8Array(0))).toBe("MAGIC");
        expect(await code(file.subarray(0, 40))).toBe("TRUNCATED");
        expect(await code(file.subarray(0, file.length - 1))).toBe("TRUNCATED");
        expect(await code(new Uint8Array(4096))).toBe("MAGIC");
        const flipped = file.slice();
        flipped[file.length - 1] = (flipped[file.length - 1] ?? 0) ^ 1;
        expect(await code(flipped)).toBe("DIGEST");
      }));

    test("damaged packs are refused or run, and never harm the engine", () =>
      using(options, async (engine) => {
        const file = smallPack("i8");
        const good = await sessionOf(engine, file);
        const seed = 0xdab;
        const random = new Xorshift32(seed);
        const headerEnd = 64 + new DataView(file.buffer).getUint32(12, true);
        for (let round = 0; round < options.mutations; round += 1) {
          const bytes = file.slice();
          const places = 1 + random.below(3);
          for (let place = 0; place < places; place += 1) bytes[random.below(headerEnd)] = random.below(256);
          // Half of them carry a right digest, so that what is behind it is reached.
          if (round % 2 === 0) seal(bytes);
          const outcome = await tryPack(engine, bytes);
          expect(outcome, `seed ${seed}, round ${round}`).toBe("");
        }
        expect(await step(good, 3)).toBe(3);
      }));

    if (!options.everyHeaderByte) return;
    test("every byte of prefix and header may be wrong", () =>
      using(options, async (engine) => {
        const file = smallPack("i8");
        const headerEnd = 64 + new DataView(file.buffer).getUint32(12, true);
        for (let at = 0; at < headerEnd; at += 1) {
          for (const change of [0x01, 0x80]) {
            const bytes = file.slice();
            bytes[at] = (bytes[at] ?? 0) ^ change;
            if (at < 32 || at >= 64) seal(bytes);
            expect(await tryPack(engine, bytes), `byte ${at} ^ ${change}`).toBe("");
          }
        }
      }));
  });
}

/** Opens and runs a pack of unknown worth; anything but success or an EngineError of the runtime is told. */
async function tryPack(engine: Engine, bytes: Uint8Array): Promise<string> {
  try {
    const model = await engine.openModel(bytes);
    try {
      const session = await model.createSession();
      for (const entry of model.info.entries) {
        await session.run(
          entry.name,
          entry.inputs.map((port) => new Uint8Array(port.bytesMax)),
          entry.rowsMax,
        );
      }
    } finally {
      await model.close();
    }
  } catch (error) {
    if (!(error instanceof EngineError)) return String(error);
    if (["TRAP", "STOPPED", "TIMEOUT", "PROTOCOL"].includes(error.code)) return error.message;
  }
  return "";
}

async function using(options: SuiteOptions, body: (engine: Engine) => Promise<void>): Promise<void> {
  const engine = await options.open();
  try {
    await body(engine);
  } finally {
    await engine.close();
  }
}

async function sessionOf(engine: Engine, file: Uint8Array): Promise<Session> {
  return (await engine.openModel(file)).createSession();
}

/** Adds `value` to every number of the state; answers the first sum. */
async function step(session: Session, value: number): Promise<number> {
  const [total] = await session.run("step", [new Uint8Array(new Float32Array(8).fill(value).buffer)]);
  return floats(total)[0] ?? Number.NaN;
}

function floats(bytes: Uint8Array | undefined): Float32Array {
  return new Float32Array((bytes ?? new Uint8Array(0)).slice().buffer);
}
