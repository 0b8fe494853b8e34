import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine } from "./engine.js";
import { EngineError } from "./errors.js";
import { openNativeEngine } from "./native.js";
import { PackBuilder, seal } from "./testing/packBuilder.js";
import { randomWeight } from "./testing/packWeights.js";
import { Xorshift32 } from "./testing/random.js";
import { linearScratch } from "./testing/smallPack.js";
import { openWasmEngine } from "./wasmNode.js";

/** More than this is not run: a damaged size may ask for a gigabyte, which is a valid wish and a slow test. */
const RUN_BYTES_MAX = 16 << 20;
/** Every message says where: a byte of the file, a part of it, or how long it should be. */
const PLACE = /byte \d+|\d+ bytes|meta: /;

/** One linear layer over dynamic rows, a state, a self-test and `meta`: few bytes, and every kind of key. */
function tinyPack(numeric: "exact" | "reference" = "exact"): Uint8Array {
  const random = new Xorshift32(0x7e57);
  const pack = new PackBuilder("tiny");
  const w = pack.constant("w", "i8", [3, 4], randomWeight("i8", 3, 4, random));
  const bias = pack.vector("b", [3], [0.5, -0.25, 1]);
  const x = pack.activation("x", [2, 4], { dynamic: true });
  const y = pack.activation("y", [2, 3], { dynamic: true });
  const sum = pack.activation("s", [1, 3], { region: "state" });
  const scratch = pack.scratch(linearScratch("i8", 2, 4));
  pack.entry(
    "go",
    2,
    [{ name: "x", tensor: x, kind: "tensor" }],
    [{ name: "y", tensor: y, kind: "latent" }],
    [
      { op: "linear", x, w, out: y, bias, act: "tanh", residual: sum, ...scratch },
      { op: "act", x: sum, out: sum, act: "relu" },
    ],
  );
  pack.golden({ entry: "go", rows: 1, seed: 9, digest: new Uint8Array(32) });
  return pack
    .numeric(numeric)
    .meta({ a: [1, -2.5, null, true], b: { c: "d" } })
    .build();
}

/**
 * Opens a pack and runs what it offers: `ran`, or the error's code and message.
 * Anything else that is thrown fails the test.
 */
async function outcome(engine: Engine, file: Uint8Array): Promise<string> {
  try {
    const model = await engine.openModel(file);
    try {
      const bytes = model.info.entries
        .flatMap((entry) => [...entry.inputs, ...entry.outputs])
        .map((port) => port.bytesMax);
      if (Math.max(0, ...bytes) > RUN_BYTES_MAX) return "too large to run";
      const session = await model.createSession({ threads: 1 });
      for (const entry of model.info.entries) {
        for (const rows of new Set([1, entry.rowsMax])) {
          const inputs = entry.inputs.map(
            (port) => new Uint8Array(port.dynamic ? (port.bytesMax / (port.shape[0] ?? 1)) * rows : port.bytesMax),
          );
          await session.run(entry.name, inputs, rows);
        }
      }
      return "ran";
    } finally {
      await model.close();
    }
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    expect(error.code).not.toMatch(/^(TRAP|BUILD|ARGUMENT|OUT_OF_MEMORY)$/);
    expect(error.message).toMatch(PLACE);
    return `${error.code}: ${error.message}`;
  }
}

describe("a damaged pack works or is refused in words, the same on native and WASM", { timeout: 60_000 }, () => {
  const file = tinyPack();
  const headerEnd = 64 + new DataView(file.buffer).getUint32(12, true);
  let native: Engine;
  let wasm: Engine;

  beforeAll(async () => {
    native = await openNativeEngine();
    wasm = await openWasmEngine();
  });
  afterAll(async () => {
    await native.close();
    await wasm.close();
  });

  async function both(bytes: Uint8Array, what: string): Promise<string> {
    const answer = await outcome(native, bytes);
    expect(await outcome(wasm, bytes), what).toBe(answer);
    return answer;
  }

  test("undamaged, it runs", async () => {
    expect(await both(file, "undamaged")).toBe("ran");
  });

  test("self-test vectors need numbers that are the same everywhere", async () => {
    expect(await both(tinyPack("reference"), "reference")).toMatch(/^HEADER: byte \d+: self-test vectors/);
  });

  test("with a signature behind it, it runs; with anything else behind it, it does not", async () => {
    const signed = new Uint8Array(file.length + 96);
    signed.set(file);
    signed.set([0x89, 0x53, 0x49, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], file.length);
    expect(await both(signed, "signed")).toBe("ran");
    expect(await both(signed.subarray(0, -1), "a signature cut short")).toMatch(/^PREFIX: /);
    expect(await both(Uint8Array.from([...signed, 0]), "a byte behind the signature")).toMatch(/^PREFIX: /);
    signed[file.length] = 0;
    expect(await both(signed, "as many bytes, not a signature")).toMatch(/^PREFIX: /);
  });

  test("any byte of prefix and header, with the digest made right again", async () => {
    const answers = new Map<string, number>();
    for (let at = 0; at < headerEnd; at += 1) {
      const old = file[at] ?? 0;
      const values = new Set([
        ...Array.from({ length: 8 }, (_, bit) => old ^ (1 << bit)),
        0x00,
        0xff,
        (old + 1) & 0xff,
      ]);
      values.delete(old);
      for (const value of values) {
        const bytes = file.slice();
        bytes[at] = value;
        if (at < 32 || at >= 64) seal(bytes);
        const answer = await both(bytes, `byte ${at} is ${value}`);
        const kind = answer.split(":")[0] ?? "";
        answers.set(kind, (answers.get(kind) ?? 0) + 1);
      }
    }
    // The parser was reached in all its parts, not only its first check.
    expect([...answers.keys()]).toEqual(
      expect.arrayContaining(["ran", "MAGIC", "VERSION", "PREFIX", "CBOR", "HEADER", "TENSOR", "OP", "DIGEST"]),
    );
  });

  test("any byte of the file, with its old digest, is found by the digest or before", async () => {
    for (let at = 0; at < file.length; at += 1) {
      const bytes = file.slice();
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
      expect(await both(bytes, `byte ${at}`)).not.toBe("ran");
    }
  });

  test("cut anywhere, as it is and with lengths and digest that agree with the cut", async () => {
    for (let length = 0; length < file.length; length += 1) {
      const cut = file.slice(0, length);
      expect(await both(cut, `cut to ${length}`)).toMatch(/^(MAGIC|TRUNCATED): /);
      if (length < 64) continue;
      const view = new DataView(cut.buffer);
      view.setUint32(16, length, true);
      // Bytes of padding between header and blobs cannot be missed, everything else is.
      expect(await both(seal(cut.slice()), `resealed at ${length}`)).not.toBe("ran");
      view.setUint32(12, Math.max(1, Math.min(length, headerEnd) - 64), true);
      view.setUint32(20, Math.ceil((64 + view.getUint32(12, true)) / 64) * 64, true);
      expect(await both(seal(cut), `header cut at ${length}`)).not.toBe("ran");
    }
  });

  test("meta must be a map as hosts can decode it", async () => {
    const at = Buffer.from(file).indexOf(Buffer.from("dmeta"));
    expect(at).toBeGreaterThan(0);
    const text = Buffer.from(file);
    const second = text.indexOf(Buffer.from("ab"), at);
    expect(second).toBeGreaterThan(at);
    const damaged = (offset: number, value: number) => {
      const bytes = file.slice();
      bytes[offset] = value;
      return both(seal(bytes), `meta byte ${offset - at}`);
    };
    // A key that stands twice, a key that is a number, and an array in place of the map.
    expect(await damaged(second + 1, "a".charCodeAt(0))).toMatch(/^CBOR: meta: .*twice/);
    expect(await damaged(second, 0x01)).toMatch(/^CBOR: byte \d+/);
    expect(await damaged(at + 5, 0x84)).toMatch(/^HEADER: byte \d+: found array, expected a map/);
  });
});
