import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { LEWM_SMALL } from "../parity/lewmShapes.js";
import { seededCheckpoint } from "../parity/seededCheckpoint.js";
import { compile } from "./compile.js";

const config = JSON.parse(readFileSync(new URL("../../../configs/lewm-test.json", import.meta.url), "utf8"));
const checkpoint = seededCheckpoint(LEWM_SMALL, 11);

describe("what would run but compute something else is refused", () => {
  /** The checkpoint with one tensor's values changed. */
  const changed = (name: string, change: (value: number) => number) => {
    const good = checkpoint.tensors.get(name);
    if (good === undefined) throw new Error("no such tensor");
    const tensors = new Map(checkpoint.tensors).set(name, {
      ...good,
      readF32: async () => (await good.readF32()).map(change),
    });
    return { path: "changed.pt", tensors };
  };
  const query = "encoder.encoder.layer.0.attention.attention.query.weight";
  const refusal = (name: string, change: (value: number) => number, extra: object = {}) =>
    compile({ checkpoint: changed(name, change), config, types: "i8", fastBytes: 8192, ...extra });

  it.each([
    ["f16", 1e7],
    ["q8_0", 1e9],
    ["q4_0", 1e9],
  ])("weights too large for %s", async (types, factor) => {
    await expect(refusal(query, (value) => value * factor, { types })).rejects.toMatchObject({
      code: "TYPE_RANGE",
      source: "changed.pt",
      where: '"encoder.layers.0.attention.qkv.weight"',
    });
  });

  it.each(["f16", "q8_0", "q4_0"])("weights so small that %s would make them zeros", async (types) => {
    const name = "projector.net.0.weight";
    await expect(refusal(name, (value) => value * 1e-9, { types })).rejects.toMatchObject({ code: "TYPE_RANGE" });
    await expect(refusal(name, (value) => value * 1e-9, { types: "i8" })).resolves.toBeDefined();
  });

  it("a weight of zeros is none of these", async () => {
    await expect(refusal("projector.net.0.weight", () => 0, { types: "q8_0" })).resolves.toBeDefined();
  });

  it("a tensor or a file larger than the format has room for, before anything is read", async () => {
    const large = (n: number, layers: number) => {
      const names = Array.from({ length: layers }, (_, i) => `w${i}.weight`);
      const read = async () => {
        throw new Error("was read");
      };
      const tensors = new Map(
        names.map(
          (name) => [name, { name, dtype: "F32", shape: [n, n], bytes: n * n * 4, read, readF32: read }] as const,
        ),
      );
      const linear = (_: unknown, i: number) => ({ kind: "linear", out: n, bias: false, weights: `w${i}` });
      const config = {
        name: "large",
        entries: {
          run: {
            inputs: { x: { kind: "tensor", width: n } },
            steps: [{ part: "mlp", x: "x", as: "y" }],
            outputs: { y: "tensor" },
          },
        },
        parts: { mlp: { kind: "mlp", width: n, layers: Array.from({ length: layers }, linear) } },
      };
      return compile({ checkpoint: { path: "large.gguf", tensors }, config, types: "i8", fastBytes: 8192 });
    };
    await expect(large(65536, 1)).rejects.toMatchObject({
      code: "PACK_TOO_LARGE",
      source: "large.gguf",
      where: expect.stringContaining("mlp.0.weight"),
    });
    await expect(large(46_000, 3)).rejects.toMatchObject({
      code: "PACK_TOO_LARGE",
      where: expect.stringContaining("mlp.2.weight"),
    });
    await expect(large(46_000, 1)).rejects.toThrow("was read");
  });

  it("a tensor larger than this program's memory", async () => {
    const name = "projector.net.0.weight";
    const good = checkpoint.tensors.get(name);
    if (good === undefined) throw new Error("no such tensor");
    const tensors = new Map(checkpoint.tensors).set(name, { ...good, readF32: async () => new Float32Array(2 ** 45) });
    await expect(compile({ checkpoint: { path: "vast.pt", tensors }, config, fastBytes: 8192 })).rejects.toMatchObject({
      code: "TENSOR_OUT_OF_MEMORY",
      source: "vast.pt",
      where: '"projector.0.weight" of shape [64, 32]',
    });
  });

  it("a BatchNorm of negative variance", async () => {
    await expect(refusal("projector.net.1.running_var", () => -1)).rejects.toMatchObject({
      code: "WEIGHT_NOT_FINITE",
      source: "changed.pt",
      where: expect.stringContaining('"projector.0.weight"'),
    });
  });

  it("statistics whose deviation blows a weight up to infinity", async () => {
    const action = { mean: [0], std: [1e-45] };
    await expect(compile({ checkpoint, config, fastBytes: 8192, statistics: { action } })).rejects.toMatchObject({
      code: "WEIGHT_NOT_FINITE",
      where: expect.stringContaining("action_encoder"),
    });
  });
});
