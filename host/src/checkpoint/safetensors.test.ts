import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Bytes, rejection, safetensorsBytes, scratchFolder } from "./craft.test.helper.js";
import { openCheckpoint, writeSafetensors } from "./index.js";

const folder = scratchFolder();

function entry(dtype: string, shape: unknown, begin: unknown, end: unknown) {
  return { dtype, shape, data_offsets: [begin, end] };
}

describe("a damaged or hostile safetensors file", () => {
  const cases: [what: string, bytes: Uint8Array, code: string][] = [
    ["is empty", new Uint8Array(0), "CHECKPOINT_UNKNOWN_FORMAT"],
    [
      "claims a header of 2^63 bytes",
      new Bytes()
        .u64(2n ** 63n)
        .raw("{}")
        .done(),
      "SAFETENSORS_HEADER_TOO_LARGE",
    ],
    [
      "claims a header just above the limit",
      new Bytes().u64(100_000_001).raw("{}").done(),
      "SAFETENSORS_HEADER_TOO_LARGE",
    ],
    ["claims a header longer than the file", new Bytes().u64(3).raw("{}").done(), "SAFETENSORS_HEADER_TRUNCATED"],
    ["has a header that is no JSON", safetensorsBytes('{"a":}', 0), "SAFETENSORS_HEADER_NOT_JSON"],
    ["has a header that is no UTF-8", new Bytes().u64(5).raw('{"', [0xff], '":').done(), "SAFETENSORS_HEADER_NOT_UTF8"],
    [
      "names a tensor twice",
      safetensorsBytes(
        '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},' +
          '"\\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
        0,
      ),
      "SAFETENSORS_HEADER_DUPLICATE_KEY",
    ],
    ["has an unknown dtype", safetensorsBytes({ a: entry("F7", [1], 0, 4) }, 4), "SAFETENSORS_UNKNOWN_DTYPE"],
    [
      "has a dtype that is an inherited name",
      safetensorsBytes({ a: entry("constructor", [1], 0, 4) }, 4),
      "SAFETENSORS_UNKNOWN_DTYPE",
    ],
    ["has an entry that is no object", safetensorsBytes({ a: [] }, 0), "SAFETENSORS_BAD_ENTRY"],
    ["has a negative dimension", safetensorsBytes({ a: entry("F32", [-1], 0, 4) }, 4), "SAFETENSORS_BAD_SHAPE"],
    ["has a fractional dimension", safetensorsBytes({ a: entry("F32", [0.5], 0, 2) }, 2), "SAFETENSORS_BAD_SHAPE"],
    [
      "has dimensions whose product wraps to 0",
      safetensorsBytes({ a: entry("F32", [2 ** 32, 2 ** 32], 0, 0) }, 0),
      "SAFETENSORS_BAD_SHAPE",
    ],
    [
      "has a thousand dimensions",
      safetensorsBytes({ a: entry("U8", Array(1000).fill(1), 0, 1) }, 1),
      "SAFETENSORS_BAD_SHAPE",
    ],
    [
      "has a byte count that overflows",
      safetensorsBytes({ a: entry("F64", [2 ** 52], 0, 0) }, 0),
      "SAFETENSORS_BAD_SHAPE",
    ],
    ["has reversed offsets", safetensorsBytes({ a: entry("U8", [4], 4, 0) }, 4), "SAFETENSORS_BAD_OFFSETS"],
    ["has offsets that are strings", safetensorsBytes({ a: entry("U8", [4], "0", "4") }, 4), "SAFETENSORS_BAD_OFFSETS"],
    [
      "has offsets beyond 2^53",
      safetensorsBytes({ a: entry("U8", [4], 2 ** 60, 2 ** 60 + 4) }, 4),
      "SAFETENSORS_BAD_OFFSETS",
    ],
    [
      "has offsets that disagree with the shape",
      safetensorsBytes({ a: entry("F32", [2], 0, 4) }, 4),
      "SAFETENSORS_SIZE_MISMATCH",
    ],
    ["claims a terabyte", safetensorsBytes({ a: entry("U8", [2 ** 40], 0, 2 ** 40) }, 4), "SAFETENSORS_TRUNCATED"],
    [
      "overlaps two tensors",
      safetensorsBytes({ a: entry("U8", [4], 0, 4), b: entry("U8", [4], 2, 6) }, 6),
      "SAFETENSORS_BAD_LAYOUT",
    ],
    [
      "leaves a hole",
      safetensorsBytes({ a: entry("U8", [2], 0, 2), b: entry("U8", [2], 4, 6) }, 6),
      "SAFETENSORS_BAD_LAYOUT",
    ],
    ["has bytes after the last tensor", safetensorsBytes({ a: entry("U8", [2], 0, 2) }, 3), "SAFETENSORS_BAD_LAYOUT"],
    ["has metadata that is no text", safetensorsBytes({ __metadata__: { a: 1 } }, 0), "SAFETENSORS_BAD_METADATA"],
  ];
  for (const [what, bytes, code] of cases) {
    it(`is refused when it ${what}`, async () => {
      expect((await rejection(join(folder, "hostile.safetensors"), bytes)).code).toBe(code);
    });
  }

  it("survives nesting as deep as its header is long", async () => {
    const error = await rejection(
      join(folder, "deep.safetensors"),
      safetensorsBytes(`{"a":${"[".repeat(2e5)}${"]".repeat(2e5)}}`, 0),
    );
    expect(error.code).toMatch(/^SAFETENSORS_/);
  });

  it("takes an empty tensor that is listed behind the one that begins where it does", async () => {
    const path = join(folder, "empty.safetensors");
    writeFileSync(path, safetensorsBytes({ a: entry("U8", [2], 0, 2), e: entry("U8", [0], 0, 0) }, 2));
    const checkpoint = await openCheckpoint(path);
    expect([...checkpoint.tensors.keys()]).toEqual(["a", "e"]);
    await checkpoint.close();
  });

  it("keeps odd names out of object prototypes", async () => {
    const path = join(folder, "proto.safetensors");
    writeFileSync(
      path,
      safetensorsBytes(
        '{"__metadata__":{"__proto__":"x"},"__proto__":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}',
        2,
      ),
    );
    const checkpoint = await openCheckpoint(path);
    expect([...checkpoint.tensors.keys()]).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    await checkpoint.close();
  });
});

describe("writing safetensors", () => {
  const tensors = [
    { name: "b", dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 3) },
    { name: "a", dtype: "F32", shape: [2, 1], data: Float32Array.of(0.5, -0) },
    { name: "e", dtype: "F64", shape: [0], data: new Float64Array(0) },
    { name: "s", dtype: "I64", shape: [], data: BigInt64Array.of(-7n) },
  ];

  it("gives back what was written", async () => {
    const path = join(folder, "round.safetensors");
    await writeSafetensors(path, tensors, { note: "x" });
    const checkpoint = await openCheckpoint(path);
    expect(checkpoint.metadata).toEqual({ note: "x" });
    for (const { name, dtype, shape, data } of tensors) {
      const tensor = checkpoint.tensors.get(name);
      expect(tensor).toMatchObject({ dtype, shape, bytes: data.byteLength });
      expect(await tensor?.read()).toEqual(new Uint8Array(data.buffer));
    }
    await checkpoint.close();
  });

  it("leaves the old file and no temporary one when it refuses", async () => {
    const own = join(folder, "refused");
    mkdirSync(own);
    const path = join(own, "w.safetensors");
    await writeSafetensors(path, tensors);
    const before = readFileSync(path);
    const wrong = { name: "x", dtype: "F32", shape: [3], data: new Float32Array(2) };
    await expect(writeSafetensors(path, [wrong])).rejects.toMatchObject({ code: "SAFETENSORS_SIZE_MISMATCH" });
    await expect(writeSafetensors(path, [{ ...wrong, dtype: "Q8_0" }])).rejects.toMatchObject({
      code: "SAFETENSORS_UNKNOWN_DTYPE",
    });
    await expect(writeSafetensors(path, [...tensors, ...tensors])).rejects.toMatchObject({
      code: "SAFETENSORS_DUPLICATE_NAME",
    });
    await expect(writeSafetensors(join(own, "none", "w.safetensors"), tensors)).rejects.toMatchObject({
      code: "WRITE_FAILED",
    });
    // A folder in the way fails at the rename, after the data was written.
    mkdirSync(join(own, "taken"));
    await expect(writeSafetensors(join(own, "taken"), tensors)).rejects.toMatchObject({ code: "WRITE_FAILED" });
    expect(readFileSync(path)).toEqual(before);
    expect(readdirSync(own).sort()).toEqual(["taken", "w.safetensors"]);
  });
});
