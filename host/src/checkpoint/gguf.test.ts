import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Bytes, rejection, scratchFolder } from "./craft.test.helper.js";
import { openCheckpoint } from "./index.js";

const folder = scratchFolder();

function header(tensors: number | bigint, keyValues: number | bigint, version = 3): Bytes {
  return new Bytes().raw("GGUF").u32(version).u64(tensors, keyValues);
}

function info(out: Bytes, name: string, dims: (number | bigint)[], type: number, offset: number | bigint): Bytes {
  return out
    .text(name)
    .u32(dims.length)
    .u64(...dims)
    .u32(type)
    .u64(offset);
}

/** One F32 tensor (or as overridden), its header padded to 32, and `dataBytes` of data. */
function single(
  dims: (number | bigint)[],
  { type = 0, offset = 0 as number | bigint, dataBytes = 64, version = 3 } = {},
): Uint8Array {
  const head = info(header(1, 0, version), "w", dims, type, offset).done();
  return new Bytes().raw(head, new Uint8Array((32 - (head.length % 32)) % 32), new Uint8Array(dataBytes)).done();
}

function aligned(type: number, value: Bytes): Uint8Array {
  const out = header(1, 1).text("general.alignment").u32(type).raw(value.done());
  return info(out, "w", [1], 0, 0).raw(new Uint8Array(256)).done();
}

describe("a damaged or hostile GGUF file", () => {
  const two = (a: number, b: number, names = ["a", "b"]) => {
    const out = header(2, 0);
    info(out, names[0] as string, [8], 0, a);
    info(out, names[1] as string, [8], 0, b);
    return out.raw(new Uint8Array(256)).done();
  };
  let nested = header(0, 1).text("k").u32(9);
  for (let i = 0; i < 100; i++) nested = nested.u32(9).u64(1);
  const cases: [what: string, bytes: Uint8Array, code: string][] = [
    ["ends behind its magic", new Bytes().raw("GGUF").done(), "GGUF_TRUNCATED"],
    ["is of version 1", header(0, 0, 1).done(), "GGUF_UNSUPPORTED_VERSION"],
    ["is big-endian", header(0, 0, 0x03000000).done(), "GGUF_BIG_ENDIAN"],
    ["claims 2^63 tensors", header(2n ** 63n, 0).done(), "GGUF_LIMIT_EXCEEDED"],
    ["claims 2^63 key/values", header(0, 2n ** 63n).done(), "GGUF_LIMIT_EXCEEDED"],
    ["claims more tensors than it holds", header(1000, 0).done(), "GGUF_TRUNCATED"],
    [
      "has a string of gigabytes",
      header(0, 1)
        .u64(2n ** 33n)
        .done(),
      "GGUF_LIMIT_EXCEEDED",
    ],
    ["has a string past its end", header(0, 1).text("k").u32(8).u64(100).done(), "GGUF_TRUNCATED"],
    ["has a string that is no UTF-8", header(0, 1).text("k").u32(8).u64(1).u8(0xff).done(), "GGUF_NOT_UTF8"],
    ["has an unknown value type", header(0, 1).text("k").u32(13).done(), "GGUF_UNKNOWN_VALUE_TYPE"],
    [
      "has an empty array of an unknown type",
      header(0, 1).text("k").u32(9).u32(99).u64(0).done(),
      "GGUF_UNKNOWN_VALUE_TYPE",
    ],
    ["has an array past its end", header(0, 1).text("k").u32(9).u32(6).u64(1e6).done(), "GGUF_TRUNCATED"],
    [
      "has an array of 2^60",
      header(0, 1)
        .text("k")
        .u32(9)
        .u32(6)
        .u64(2n ** 60n)
        .done(),
      "GGUF_LIMIT_EXCEEDED",
    ],
    ["nests arrays without end", nested.done(), "GGUF_LIMIT_EXCEEDED"],
    ["has a bool of 2", header(0, 1).text("k").u32(7).u8(2).done(), "GGUF_BAD_BOOL"],
    ["has a key twice", header(0, 2).text("k").u32(0).u8(1).text("k").u32(0).u8(1).done(), "GGUF_DUPLICATE_KEY"],
    ["has dimensions whose product wraps", single([2n ** 32n, 2n ** 32n]), "GGUF_BAD_SHAPE"],
    ["has a dimension of 2^64 - 1", single([2n ** 64n - 1n]), "GGUF_LIMIT_EXCEEDED"],
    ["has a dimension of 0", single([4, 0]), "GGUF_BAD_SHAPE"],
    ["has five dimensions", single([1, 1, 1, 1, 1]), "GGUF_BAD_SHAPE"],
    ["has 2^32 - 1 dimensions", header(1, 0).text("w").u32(0xffffffff).done(), "GGUF_BAD_SHAPE"],
    ["claims gigabytes", single([2n ** 33n]), "GGUF_TENSOR_OUT_OF_FILE"],
    ["has an offset past its end", single([4], { offset: 64 }), "GGUF_TENSOR_OUT_OF_FILE"],
    ["has an offset of 2^64 - 32", single([4], { offset: 2n ** 64n - 32n }), "GGUF_LIMIT_EXCEEDED"],
    ["has an offset off the alignment", single([4], { offset: 4 }), "GGUF_MISALIGNED"],
    ["has a type that ggml removed", single([32], { type: 4 }), "GGUF_UNKNOWN_TENSOR_TYPE"],
    ["has rows that are no whole blocks", single([33], { type: 8 }), "GGUF_BAD_SHAPE"],
    ["spreads a block over two rows", single([16, 2], { type: 8 }), "GGUF_BAD_SHAPE"],
    ["has an alignment of 0", aligned(4, new Bytes().u32(0)), "GGUF_BAD_ALIGNMENT"],
    ["has an alignment of 48", aligned(4, new Bytes().u32(48)), "GGUF_BAD_ALIGNMENT"],
    ["has an alignment that is text", aligned(8, new Bytes().text("32")), "GGUF_BAD_ALIGNMENT"],
    ["has an alignment beyond its size", aligned(4, new Bytes().u32(2 ** 31)), "GGUF_TENSOR_OUT_OF_FILE"],
    ["overlaps two tensors", two(0, 0), "GGUF_OVERLAP"],
    ["names two tensors alike", two(0, 32, ["a", "a"]), "GGUF_DUPLICATE_TENSOR"],
  ];
  for (const [what, bytes, code] of cases) {
    it(`is refused when it ${what}`, async () => {
      expect((await rejection(join(folder, "hostile.gguf"), bytes)).code).toBe(code);
    });
  }
});

describe("GGUF", () => {
  it("reads version 2, turns dimensions around and takes a tensor without dimensions as a scalar", async () => {
    const path = join(folder, "v2.gguf");
    writeFileSync(path, single([4, 2], { version: 2 }));
    const checkpoint = await openCheckpoint(path);
    expect(checkpoint.tensors.get("w")).toMatchObject({ dtype: "F32", shape: [2, 4], bytes: 32 });
    await checkpoint.close();
    writeFileSync(path, single([]));
    const scalar = await openCheckpoint(path);
    expect(scalar.tensors.get("w")).toMatchObject({ shape: [], bytes: 4 });
    await scalar.close();
  });

  it("may have a header that ends on the alignment, which leaves no padding, and data that ends the file", async () => {
    const path = join(folder, "exact.gguf");
    // A name of so many letters that the header takes whole multiples of 32 bytes.
    const bare = info(header(1, 0), "", [8], 0, 0).done().length;
    const name = "n".repeat(32 - (bare % 32));
    const head = info(header(1, 0), name, [8], 0, 0).done();
    expect(head.length % 32).toBe(0);
    const values = Float32Array.from({ length: 8 }, (_, i) => i + 1);
    const bytes = new Bytes().raw(head, new Uint8Array(values.buffer)).done();
    writeFileSync(path, bytes);
    const checkpoint = await openCheckpoint(path);
    expect(await checkpoint.tensors.get(name)?.readF32()).toEqual(values);
    await checkpoint.close();
    expect((await rejection(path, bytes.subarray(0, -1))).code).toBe("GGUF_TENSOR_OUT_OF_FILE");
  });

  it("gives blocks without a rule raw and says that they have none", async () => {
    const path = join(folder, "iq.gguf");
    writeFileSync(path, single([256], { type: 16, dataBytes: 96 }));
    const checkpoint = await openCheckpoint(path);
    const tensor = checkpoint.tensors.get("w");
    expect(tensor?.dtype).toBe("IQ2_XXS");
    expect((await tensor?.read())?.length).toBe(66);
    await expect(tensor?.readF32()).rejects.toMatchObject({ code: "CHECKPOINT_NO_F32", where: 'tensor "w"' });
    await checkpoint.close();
  });

  it("reads nested arrays and a header longer than its read window", async () => {
    const out = header(0, 2).text("long").u32(8).text("x".repeat(300_000)).text("nest").u32(9).u32(9).u64(2);
    out.u32(8).u64(1).text("a").u32(2).u64(2).u16(1, 2);
    const path = join(folder, "nest.gguf");
    writeFileSync(path, out.done());
    const checkpoint = await openCheckpoint(path);
    expect(checkpoint.metadata).toEqual({ long: "x".repeat(300_000), nest: [["a"], Uint16Array.of(1, 2)] });
    await checkpoint.close();
  });
});
