import {
  closeSync,
  copyFileSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openOrReject, rejection, scratchFolder } from "./craft.test.helper.js";
import { openCheckpoint } from "./index.js";
import { toF32 } from "./toF32.js";

const folder = scratchFolder();
const FIXTURES = join(import.meta.dirname ?? __dirname, "fixtures");

/** A safetensors file of the header and `bytes` of zeros, which take no place on the disk. */
function sparse(name: string, header: unknown, bytes: number): string {
  const path = join(folder, name);
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const file = openSync(path, "w");
  writeSync(file, Buffer.concat([length, text]));
  ftruncateSync(file, 8 + text.length + bytes);
  closeSync(file);
  return path;
}

describe("safetensors", () => {
  it("may hold gigabytes, in tensors that begin anywhere", async () => {
    // The product of the offsets of the second tensor is above 2^53 from some 95 MB on.
    for (const bytes of [94_906_268, 100_000_000, 6_000_000_000]) {
      const half = bytes / 2;
      const header = {
        a: { dtype: "U8", shape: [half], data_offsets: [0, half] },
        b: { dtype: "U8", shape: [half - 4], data_offsets: [half, bytes - 4] },
        c: { dtype: "F32", shape: [1], data_offsets: [bytes - 4, bytes] },
      };
      const checkpoint = await openCheckpoint(sparse("large.safetensors", header, bytes));
      expect([...checkpoint.tensors.values()].map((tensor) => tensor.bytes)).toEqual([half, half - 4, 4]);
      expect(await checkpoint.tensors.get("c")?.readF32()).toEqual(Float32Array.of(0));
      await checkpoint.close();
    }
  });

  it("refuses offsets that are no sizes", async () => {
    for (const offsets of [[-4, 0], [0, 4.5], [0, 2 ** 53], ["0", "4"], [4, 0], [0], [0, 4, 8]]) {
      const path = sparse("offsets.safetensors", { a: { dtype: "F32", shape: [1], data_offsets: offsets } }, 4);
      await expect(openCheckpoint(path), JSON.stringify(offsets)).rejects.toMatchObject({
        code: expect.stringMatching(/SAFETENSORS_(BAD_OFFSETS|SIZE_MISMATCH)/),
      });
    }
  });

  it("reads metadata of null as none, and names types of less than a byte", async () => {
    const entry = { dtype: "F32", shape: [1], data_offsets: [0, 4] };
    const checkpoint = await openCheckpoint(sparse("null.safetensors", { __metadata__: null, a: entry }, 4));
    expect([checkpoint.metadata, [...checkpoint.tensors.keys()]]).toEqual([{}, ["a"]]);
    await checkpoint.close();
    const packed = sparse("f4.safetensors", { a: { dtype: "F4", shape: [8], data_offsets: [0, 4] } }, 4);
    await expect(openCheckpoint(packed)).rejects.toMatchObject({
      code: "SAFETENSORS_UNKNOWN_DTYPE",
      message: /F4 packs several numbers into a byte/,
    });
  });
});

describe("a torch file", () => {
  it("is read with bytes behind its zip, as torch.load reads it", async () => {
    const bytes = readFileSync(join(FIXTURES, "small.pt"));
    for (const rest of [1, 50, 22, 60_000]) {
      const path = join(folder, "suffix.pt");
      writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(rest, 0x50)]));
      const checkpoint = await openCheckpoint(path);
      expect([...checkpoint.tensors.keys()]).toEqual(["w", "wt"]);
      expect(await checkpoint.tensors.get("w")?.readF32()).toEqual(Float32Array.of(0, 1, 2, 3, 4, 5));
      await checkpoint.close();
    }
    const cut = bytes.subarray(0, bytes.length - 1);
    expect((await rejection(join(folder, "cut.pt"), cut)).code).toBe("ZIP_NO_DIRECTORY");
  });

  it("offers every dict that has tensors, whatever stands beside it", async () => {
    const checkpoint = await openCheckpoint(join(FIXTURES, "ema.pt"));
    expect(checkpoint.stateDict).toBe("model");
    expect([...(checkpoint.stateDicts?.keys() ?? [])]).toEqual(["", "model", "ema"]);
    const [plain, ema] = ["model", "ema"].map((name) => checkpoint.stateDicts?.get(name)?.get("a.bias"));
    const [a, b] = [await plain?.readF32(), await ema?.readF32()];
    expect(b).toEqual(a?.map((value) => Math.fround(value + 1)));
    expect([...(checkpoint.stateDicts?.get("")?.keys() ?? [])]).toEqual([
      "model.a.weight",
      "model.a.bias",
      "ema.a.weight",
      "ema.a.bias",
    ]);
    await checkpoint.close();
    const modules = await openCheckpoint(join(FIXTURES, "modules.pt"));
    expect(modules.stateDict).toBe("");
    expect([...(modules.stateDicts?.keys() ?? [])]).toEqual(["", "encoder", "predictor"]);
    await modules.close();
  });

  it("of the format before version 1.6 is refused in words when any of it is missing or changed", async () => {
    const bytes = readFileSync(join(FIXTURES, "legacy.pt"));
    for (let length = 14; length < bytes.length; length += 1) {
      const { code } = await rejection(join(folder, "legacy-cut.pt"), bytes.subarray(0, length));
      expect(code).toMatch(/^(PICKLE|TORCH)_/);
    }
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const damaged = Uint8Array.from(bytes);
        damaged[at] = (damaged[at] as number) ^ flip;
        // Any InputError will do, and a change of the weights themselves cannot be seen.
        await openOrReject(join(folder, "legacy-damaged.pt"), damaged);
      }),
      { numRuns: 400 },
    );
  });

  it.each([
    ["numpy", /the scale "fc\.weight_scale" of 8-bit floats is a scalar of numpy/],
    ["array", /the scale "scales\.fc\.weight" of 8-bit floats is an array of numpy/],
    ["text", /the scale "fc\.weight_scale" of 8-bit floats is a list of other things/],
    ["attribute", /has its scale as an attribute, "scale_inv"/],
  ])("whose scales of 8-bit floats cannot be read says which: %s", async (name, message) => {
    await expect(openCheckpoint(join(FIXTURES, `scales-${name}.pt`))).rejects.toMatchObject({
      code: "TORCH_SCALE",
      message: expect.stringMatching(message),
    });
  });

  it("that is a tar archive is called one", async () => {
    const tar = Buffer.alloc(1024);
    tar.write("pickle", 0);
    tar.write("ustar", 257);
    expect(await rejection(join(folder, "old.pt"), tar)).toMatchObject({
      code: "TORCH_TAR_FORMAT",
      expected: expect.stringContaining("state_dict"),
    });
  });
});

describe("GGUF in several files", () => {
  const parts = ["tiny-00001-of-00002.gguf", "tiny-00002-of-00002.gguf"] as const;
  function copy(name: string, files: readonly (readonly [from: string, to: string])[]): string {
    const into = join(folder, name);
    mkdirSync(into, { recursive: true });
    for (const [from, to] of files) copyFileSync(join(FIXTURES, "split", from), join(into, to));
    return into;
  }

  it("is read from any of them", async () => {
    const into = copy(
      "both",
      parts.map((part) => [part, part]),
    );
    for (const part of parts) {
      const checkpoint = await openCheckpoint(join(into, part));
      expect([...checkpoint.tensors.keys()]).toEqual(["a.weight", "b.weight"]);
      expect((await checkpoint.tensors.get("b.weight")?.readF32())?.length).toBe(3);
      await checkpoint.close();
    }
  });

  it("names the part that is missing, a name that says nothing, and a part that is another", async () => {
    const alone = copy("alone", [[parts[0], parts[0]]]);
    await expect(openCheckpoint(join(alone, parts[0]))).rejects.toMatchObject({
      code: "GGUF_SPLIT_PART_MISSING",
      message: expect.stringContaining("part 1 of 2"),
      expected: expect.stringContaining(parts[1]),
    });
    const renamed = copy("renamed", [[parts[0], "model.gguf"]]);
    await expect(openCheckpoint(join(renamed, "model.gguf"))).rejects.toMatchObject({ code: "GGUF_SPLIT_NAME" });
    const twice = copy("twice", [
      [parts[0], parts[0]],
      [parts[0], parts[1]],
    ]);
    await expect(openCheckpoint(join(twice, parts[0]))).rejects.toMatchObject({ code: "GGUF_SPLIT_MISMATCH" });
  });
});

it("ternary blocks of 64 are read as what they are", () => {
  const block = new Uint8Array(18);
  block.set([0x00, 0x38]); // 0.5
  block.set([0b11_10_01_00], 2);
  block.set([0b00_00_00_10], 17);
  const values = toF32("Q2_0", block, "test", "w");
  expect([...values.subarray(0, 4)]).toEqual([-0.5, 0, 0.5, 1]);
  expect([...values.subarray(60)]).toEqual([0.5, -0.5, -0.5, -0.5]);
});
