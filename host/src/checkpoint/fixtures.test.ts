import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "synapse-engine/errors";
import { describe, expect, it } from "vitest";
import { f16Values } from "./half.js";
import { openCheckpoint } from "./index.js";

const FIXTURES = join(import.meta.dirname ?? __dirname, "fixtures");

interface ExpectedTensor {
  readonly dtype: string;
  readonly shape: number[];
  readonly sha256: string;
  readonly f32_sha256: string;
}

const { half_table: halfTable, ...files } = JSON.parse(readFileSync(join(FIXTURES, "expected.json"), "utf8")) as {
  half_table: { finite_f32_sha256: string };
} & Record<string, Record<string, ExpectedTensor>>;

function sha256(data: ArrayBufferView): string {
  return createHash("sha256")
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest("hex");
}

describe("checkpoints written by safetensors, torch and gguf", () => {
  for (const [file, expected] of Object.entries(files)) {
    it(`reads ${file}: names, types, shapes, bytes and f32 values`, async () => {
      const checkpoint = await openCheckpoint(join(FIXTURES, file));
      expect([...checkpoint.tensors.keys()].sort()).toEqual(Object.keys(expected).sort());
      for (const [name, tensor] of checkpoint.tensors) {
        const want = expected[name] as ExpectedTensor;
        expect({ name, dtype: tensor.dtype, shape: tensor.shape }).toEqual({
          name,
          dtype: want.dtype,
          shape: want.shape,
        });
        const raw = await tensor.read();
        expect(raw.length).toBe(tensor.bytes);
        expect({ name, raw: sha256(raw) }).toEqual({ name, raw: want.sha256 });
        const values = await tensor.readF32();
        // Which bits a NaN has is nobody's promise; the digests of 8-bit floats are of zeros in its place.
        const promised = want.dtype.startsWith("F8")
          ? values.map((value) => (Number.isNaN(value) ? 0 : value))
          : values;
        expect({ name, f32: sha256(promised) }).toEqual({ name, f32: want.f32_sha256 });
      }
      await checkpoint.close();
    });
  }

  it("shows safetensors metadata", async () => {
    const checkpoint = await openCheckpoint(join(FIXTURES, "dtypes.safetensors"));
    expect(checkpoint.format).toBe("safetensors");
    expect(checkpoint.metadata).toEqual({ note: 'quotes " and ünïcode' });
    await checkpoint.close();
  });

  it("shows GGUF key/values of every type", async () => {
    const checkpoint = await openCheckpoint(join(FIXTURES, "blocks.gguf"));
    expect(checkpoint.format).toBe("gguf");
    expect(checkpoint.metadata).toMatchObject({
      "general.architecture": "tiny",
      "v.u8": 255,
      "v.i8": -128,
      "v.u16": 65535,
      "v.i16": -32768,
      "v.u32": 2 ** 32 - 1,
      "v.i32": -(2 ** 31),
      "v.u64": 2n ** 64n - 1n,
      "v.i64": -5,
      "v.f32": 0.5,
      "v.f64": 0.1,
      "v.bool": true,
      "v.string": "grüße",
      "v.ints": Int32Array.of(1, -2, 3),
      "v.strings": ["a", "", "ç"],
      "v.bools": [true, false],
    });
    await checkpoint.close();
  });

  it("shows plain values beside a torch state_dict", async () => {
    const checkpoint = await openCheckpoint(join(FIXTURES, "views.pt"));
    expect(checkpoint.format).toBe("torch");
    expect(checkpoint.metadata).toEqual({ epoch: 12, lr: 0.5, tag: "best" });
    await checkpoint.close();
  });

  it("reads a Hugging Face folder with its config", async () => {
    const checkpoint = await openCheckpoint(join(FIXTURES, "sharded"));
    expect(checkpoint.path).toBe(join(FIXTURES, "sharded"));
    expect(checkpoint.metadata).toEqual({
      format: "pt",
      total_size: 72,
      config: { model_type: "tiny", hidden_size: 3 },
    });
    await checkpoint.close();
  });

  it("names the way out for torch files that hold code", async () => {
    const module = await openCheckpoint(join(FIXTURES, "module.pt")).catch((error: unknown) => error);
    expect(module).toBeInstanceOf(InputError);
    expect(module).toMatchObject({
      code: "PICKLE_GLOBAL_NOT_ALLOWED",
      where: expect.stringMatching(/^byte \d+ of module\/data.pkl$/),
    });
    expect((module as Error).message).toContain('"torch.nn.modules.container.Sequential"');
  });

  it("refuses reads after close with a typed error", async () => {
    const checkpoint = await openCheckpoint(join(FIXTURES, "dtypes.safetensors"));
    await checkpoint.close();
    await expect(checkpoint.tensors.get("scalar")?.read()).rejects.toMatchObject({ code: "CHECKPOINT_CLOSED" });
  });
});

describe("half precision", () => {
  it("converts all 65,536 patterns as numpy does", () => {
    const values = f16Values();
    expect(sha256(values.map((value) => (Number.isNaN(value) ? 0 : value)))).toBe(halfTable.finite_f32_sha256);
    expect(
      values.every((value, bits) => Number.isNaN(value) === ((bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0)),
    ).toBe(true);
  });
});
