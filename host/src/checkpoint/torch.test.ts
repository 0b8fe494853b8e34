import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Bytes, rejection, scratchFolder, type ZipMember, zipBytes } from "./craft.test.helper.js";
import { openCheckpoint } from "./index.js";

const folder = scratchFolder();
const STOP = 0x2e;

/** Writes pickle opcodes of protocol 2. */
class Pickle extends Bytes {
  constructor() {
    super();
    this.u8(0x80, 2);
  }
  str(value: string): this {
    return this.u8(0x58).u32(value.length).raw(value);
  }
  int(value: number): this {
    return this.u8(0x8a, 8).u64(BigInt.asUintN(64, BigInt(value)));
  }
  global(module: string, name: string): this {
    return this.raw(`c${module}\n${name}\n`);
  }
  ints(values: readonly number[]): this {
    this.u8(0x28);
    for (const value of values) this.int(value);
    return this.u8(0x74);
  }
  stop(): Uint8Array {
    return this.u8(STOP).done();
  }
}

interface View {
  readonly type?: string;
  readonly key?: string;
  readonly elements?: number;
  readonly offset?: number;
  readonly size?: number[];
  readonly stride?: number[];
  /** Bits that torch keeps beside a view, such as those of `x.conj().imag`. */
  readonly bits?: Readonly<Record<string, boolean>>;
}

function tensor(
  out: Pickle,
  { type = "FloatStorage", key = "0", elements = 4, offset = 0, size = [4], stride = [1], bits }: View,
): Pickle {
  out
    .global("torch._utils", "_rebuild_tensor_v2")
    .u8(0x28, 0x28)
    .str("storage")
    .global("torch", type)
    .str(key)
    .str("cpu")
    .int(elements);
  out.u8(0x74, 0x51).int(offset).ints(size).ints(stride).u8(0x89).global("collections", "OrderedDict").u8(0x29, 0x52);
  if (bits !== undefined) {
    out.u8(0x7d);
    for (const [name, set] of Object.entries(bits)) out.str(name).u8(set ? 0x88 : 0x89, 0x73);
  }
  return out.u8(0x74, 0x52);
}

function stateDict(view: View): Uint8Array {
  return tensor(new Pickle().u8(0x7d).str("w"), view).u8(0x73).stop();
}

const DATA = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);

function archive(
  pickle: Uint8Array,
  extra: ZipMember[] = [{ name: "x/data/0", data: DATA }],
  zip64 = false,
): Uint8Array {
  return zipBytes([{ name: "x/data.pkl", data: pickle }, ...extra], zip64);
}

async function read(bytes: Uint8Array): Promise<Float32Array | undefined> {
  const path = join(folder, "good.pt");
  writeFileSync(path, bytes);
  const checkpoint = await openCheckpoint(path);
  const values = await checkpoint.tensors.get("w")?.readF32();
  await checkpoint.close();
  return values;
}

describe("a torch state_dict", () => {
  it("is read from stored, deflated and zip64 archives alike", async () => {
    const want = Float32Array.of(1, 2, 3, 4);
    expect(await read(archive(stateDict({})))).toEqual(want);
    expect(await read(archive(stateDict({}), [{ name: "x/data/0", data: DATA, deflate: true }]))).toEqual(want);
    expect(await read(archive(stateDict({}), undefined, true))).toEqual(want);
  });

  it("resolves strides and offsets", async () => {
    expect(await read(archive(stateDict({ size: [2, 2], stride: [1, 2] })))).toEqual(Float32Array.of(1, 3, 2, 4));
    expect(await read(archive(stateDict({ offset: 1, size: [2], stride: [2] })))).toEqual(Float32Array.of(2, 4));
    expect(await read(archive(stateDict({ offset: 3, size: [2, 1], stride: [0, 9] })))).toEqual(Float32Array.of(4, 4));
  });

  it("takes a view without its lazy negation only when there is none", async () => {
    expect(await read(archive(stateDict({ bits: { conj: false, neg: false } })))).toEqual(Float32Array.of(1, 2, 3, 4));
    const error = await rejection(join(folder, "negated.pt"), archive(stateDict({ bits: { neg: true } })));
    expect(error).toMatchObject({ code: "TORCH_NEGATED_VIEW", expected: expect.stringContaining("resolve_neg") });
  });

  it("executes nothing: a pickle that calls os.system is refused with the name and the place", async () => {
    const marker = join(folder, "executed");
    const pickle = new Pickle().global("os", "system").u8(0x28).str(`touch ${marker}`).u8(0x74, 0x52).stop();
    const error = await rejection(join(folder, "evil.pt"), archive(pickle));
    expect(error).toMatchObject({ code: "PICKLE_GLOBAL_NOT_ALLOWED", where: "byte 2 of x/data.pkl" });
    expect(error.message).toContain('"os.system"');
    expect(existsSync(marker)).toBe(false);
  });
});

describe("a hostile pickle", () => {
  const dict = () => new Pickle().u8(0x7d);
  const cases: [what: string, pickle: Uint8Array, code: string][] = [
    ["is empty", new Uint8Array(0), "PICKLE_TRUNCATED"],
    ["stops with an empty stack", new Pickle().stop(), "PICKLE_MALFORMED"],
    ["leaves values behind", dict().u8(0x7d).stop(), "PICKLE_MALFORMED"],
    ["uses a protocol that is not known", new Bytes().u8(0x80, 6, STOP).done(), "PICKLE_PROTOCOL"],
    [
      "asks for a global by stack",
      new Pickle().str("builtins").str("eval").u8(0x93).stop(),
      "PICKLE_GLOBAL_NOT_ALLOWED",
    ],
    [
      "asks for a name of Object.prototype",
      new Pickle().global("constructor", "constructor").stop(),
      "PICKLE_GLOBAL_NOT_ALLOWED",
    ],
    [
      "asks for torch's own loader",
      new Pickle().global("torch.storage", "_load_from_bytes").stop(),
      "PICKLE_GLOBAL_NOT_ALLOWED",
    ],
    ["instantiates by INST", new Pickle().u8(0x28).raw("ios\nsystem\n").stop(), "PICKLE_OPCODE_NOT_ALLOWED"],
    ["instantiates by OBJ", new Pickle().u8(0x28, 0x6f).stop(), "PICKLE_OPCODE_NOT_ALLOWED"],
    ["uses the extension registry", new Pickle().u8(0x82, 1).stop(), "PICKLE_OPCODE_NOT_ALLOWED"],
    ["calls a value", dict().u8(0x29, 0x52).stop(), "PICKLE_CALL_NOT_ALLOWED"],
    ["calls a dtype", new Pickle().global("torch", "float32").u8(0x29, 0x52).stop(), "PICKLE_CALL_NOT_ALLOWED"],
    ["sets attributes of a plain dict", dict().u8(0x7d, 0x62).stop(), "PICKLE_MALFORMED"],
    ["appends to a dict", dict().u8(0x4e, 0x61).stop(), "PICKLE_MALFORMED"],
    ["appends to a number", new Pickle().int(1).u8(0x4e, 0x61).stop(), "PICKLE_MALFORMED"],
    ["adds to a list as to a set", new Pickle().u8(0x5d, 0x28, 0x4e, 0x90).stop(), "PICKLE_MALFORMED"],
    ["adds to a set without a mark", new Pickle().u8(0x8f, 0x4e, 0x90).stop(), "PICKLE_MALFORMED"],
    ["makes a set of nothing marked", new Pickle().u8(0x91).stop(), "PICKLE_MALFORMED"],
    [
      "has bytes of 2^63",
      new Pickle()
        .u8(0x96)
        .u64(2n ** 63n)
        .stop(),
      "PICKLE_TRUNCATED",
    ],
    [
      "names arguments of a call by a list",
      new Pickle().global("builtins", "set").u8(0x29, 0x5d, 0x92).stop(),
      "PICKLE_MALFORMED",
    ],
    ["uses a list as a key", dict().u8(0x5d, 0x4e, 0x73).stop(), "PICKLE_MALFORMED"],
    ["reaches below a mark", dict().u8(0x7d, 0x28, 0x30, 0x31).stop(), "PICKLE_MALFORMED"],
    [
      "takes two of one value above a mark",
      new Pickle().str("a").u8(0x28).str("b").u8(0x86).stop(),
      "PICKLE_MALFORMED",
    ],
    ["sets an item of a dict below a mark", dict().u8(0x28).str("a").u8(0x4e, 0x73, 0x31).stop(), "PICKLE_MALFORMED"],
    ["looks at a value below a mark", dict().u8(0x28, 0x71, 0, 0x31).stop(), "PICKLE_MALFORMED"],
    ["has no mark", new Pickle().u8(0x74).stop(), "PICKLE_MALFORMED"],
    ["recalls what was never remembered", new Pickle().u8(0x68, 7).stop(), "PICKLE_MALFORMED"],
    ["has a string of gigabytes", new Pickle().u8(0x58).u32(0xfffffff0).stop(), "PICKLE_TRUNCATED"],
    [
      "has a string of 2^63 bytes",
      new Pickle()
        .u8(0x8d)
        .u64(2n ** 63n)
        .stop(),
      "PICKLE_TRUNCATED",
    ],
    ["has an integer of 2 GB", new Pickle().u8(0x8b).u32(0x7fffffff).stop(), "PICKLE_LIMIT_EXCEEDED"],
    ["has an integer of negative length", new Pickle().u8(0x8b).u32(0xffffffff).stop(), "PICKLE_LIMIT_EXCEEDED"],
    ["makes millions of objects", new Pickle().raw(new Uint8Array(5e6).fill(0x29)).stop(), "PICKLE_LIMIT_EXCEEDED"],
    ["marks millions of times", new Pickle().raw(new Uint8Array(5e6).fill(0x28)).stop(), "PICKLE_LIMIT_EXCEEDED"],
    ["holds no dict", new Pickle().int(1).stop(), "TORCH_NO_STATE_DICT"],
    ["holds no tensors", dict().str("epoch").int(1).u8(0x73).stop(), "TORCH_NO_STATE_DICT"],
    [
      "holds a dict that contains itself",
      dict().u8(0x71, 0).str("model").u8(0x68, 0, 0x73).stop(),
      "TORCH_NO_STATE_DICT",
    ],
    ["names a tensor by a number", tensor(dict().int(1), {}).u8(0x73).stop(), "TORCH_BAD_KEY"],
    ["reads past its storage", stateDict({ size: [5] }), "TORCH_TENSOR_OUT_OF_STORAGE"],
    ["strides past its storage", stateDict({ size: [2], stride: [4] }), "TORCH_TENSOR_OUT_OF_STORAGE"],
    [
      "strides past 2^64",
      stateDict({ size: [2 ** 26, 2 ** 26], stride: [2 ** 52, 2 ** 52] }),
      "TORCH_TENSOR_OUT_OF_STORAGE",
    ],
    ["starts past its storage", stateDict({ offset: 4, size: [1] }), "TORCH_TENSOR_OUT_OF_STORAGE"],
    ["has a negative offset", stateDict({ offset: -1 }), "TORCH_BAD_TENSOR"],
    ["has a negative size", stateDict({ size: [-4] }), "TORCH_BAD_TENSOR"],
    ["has a negative stride", stateDict({ offset: 3, stride: [-1] }), "TORCH_BAD_TENSOR"],
    ["has dimensions whose product wraps", stateDict({ size: [2 ** 32, 2 ** 32], stride: [0, 0] }), "TORCH_BAD_TENSOR"],
    ["has more strides than dimensions", stateDict({ stride: [1, 1] }), "TORCH_BAD_TENSOR"],
    [
      "has a hundred dimensions",
      stateDict({ size: Array(100).fill(1), stride: Array(100).fill(1) }),
      "TORCH_BAD_TENSOR",
    ],
    ["repeats four values into gigabytes", stateDict({ size: [2 ** 30], stride: [0] }), "TORCH_TENSOR_EXPANDED"],
    ["has a storage longer than its record", stateDict({ elements: 5 }), "TORCH_BAD_STORAGE"],
    ["has a storage of 2^62 bytes", stateDict({ elements: 2 ** 60 }), "TORCH_BAD_STORAGE"],
    ["has a storage without a record", stateDict({ key: "1" }), "TORCH_BAD_STORAGE"],
    ["reaches outside its records", stateDict({ key: "../data.pkl" }), "TORCH_BAD_STORAGE"],
    ["has a storage of an unknown type", stateDict({ type: "MysteryStorage" }), "PICKLE_GLOBAL_NOT_ALLOWED"],
    ["has a dtype where the storage type belongs", stateDict({ type: "float32" }), "TORCH_BAD_STORAGE"],
    ["loads a persistent id that is no storage", new Pickle().str("x").u8(0x51).stop(), "TORCH_BAD_STORAGE"],
  ];
  for (const [what, pickle, code] of cases) {
    it(`is refused when it ${what}`, async () => {
      expect((await rejection(join(folder, "hostile.pt"), archive(pickle))).code).toBe(code);
    });
  }
});

describe("dicts of a torch file", () => {
  it("in which one dict stands in many places are bounded, with and without tensors", async () => {
    for (const withTensor of [false, true]) {
      // Six dicts, each of which names the next thirty times.
      const out = withTensor ? tensor(new Pickle().u8(0x7d).str("w"), {}).u8(0x73) : new Pickle().u8(0x7d);
      out.u8(0x71, 0);
      for (let level = 1; level <= 5; level++) {
        out.u8(0x30, 0x7d, 0x71, level);
        for (let i = 0; i < 30; i++) out.str(`k${i}`).u8(0x68, level - 1, 0x73);
      }
      const code = (
        await rejection(join(folder, "many.pt"), archive(out.stop())).catch((error: Error) => ({ code: error.message }))
      ).code;
      expect(code).toBe(withTensor ? "the file was accepted" : "TORCH_TOO_MANY_NAMES");
    }
    const wide = new Pickle().u8(0x7d);
    tensor(wide.str("0"), {}).u8(0x71, 9, 0x73);
    for (let i = 1; i < 9000; i++) wide.str(String(i)).u8(0x68, 9, 0x73);
    wide.u8(0x71, 0, 0x30, 0x7d);
    for (let i = 0; i < 200; i++) wide.str(`k${i}`).u8(0x68, 0, 0x73);
    expect((await rejection(join(folder, "wide.pt"), archive(wide.stop()))).code).toBe("TORCH_TOO_MANY_NAMES");
  });

  it("of 8-bit floats, in which a dict of numbers stands in many places, are bounded", async () => {
    const out = tensor(new Pickle().u8(0x7d).str("weight"), { type: "Float8_e4m3fnStorage" }).u8(0x73, 0x7d);
    for (let i = 0; i < 3000; i++) out.str(`n${i}`).u8(0x4b, 1, 0x73);
    out.u8(0x71, 0, 0x30);
    for (let level = 1; level <= 2; level++) {
      out.u8(0x7d, 0x71, level);
      for (let i = 0; i < 40; i++) out.str(`k${i}`).u8(0x68, level - 1, 0x73);
      out.u8(0x30);
    }
    out.str("more").u8(0x68, 2, 0x73);
    expect((await rejection(join(folder, "numbers.pt"), archive(out.stop()))).code).toBe("TORCH_TOO_MANY_NAMES");
  });

  it("with tensors under numbers, such as random states, do not spoil the weights beside them", async () => {
    const out = new Pickle().u8(0x7d).str("rng").u8(0x7d);
    tensor(out.int(0), {}).u8(0x73, 0x73);
    tensor(out.str("model").u8(0x7d).str("w"), {}).u8(0x73, 0x73);
    expect(await read(archive(out.stop()))).toEqual(Float32Array.of(1, 2, 3, 4));
  });

  it("are read beside Lightning's hyper_parameters", async () => {
    const out = new Pickle().u8(0x7d);
    out
      .str("hyper_parameters")
      .global("pytorch_lightning.utilities.parsing", "AttributeDict")
      .u8(0x29, 0x81)
      .str("lr")
      .int(1)
      .u8(0x73, 0x73);
    tensor(out.str("state_dict").u8(0x7d).str("w"), {}).u8(0x73, 0x73);
    expect(await read(archive(out.stop()))).toEqual(Float32Array.of(1, 2, 3, 4));
  });
});

describe("what torch can save and this program cannot read", () => {
  it.each([
    ["_rebuild_qtensor", "TORCH_QUANTISED", /dequantize/],
    ["_rebuild_sparse_tensor", "TORCH_SPARSE", /to_dense/],
    ["_rebuild_wrapper_subclass", "TORCH_SUBCLASS", /plain tensors/],
    ["_rebuild_meta_tensor_no_storage", "TORCH_NO_VALUES", /was loaded/],
  ] as const)("%s is called by what it is", async (name, code, expected) => {
    const pickle = new Pickle().u8(0x7d).str("w").global("torch._utils", name).u8(0x29, 0x52, 0x73).stop();
    expect(await rejection(join(folder, "kind.pt"), archive(pickle))).toMatchObject({
      code,
      expected: expect.stringMatching(expected),
    });
  });

  it("a tensor of a class of its own names the class, and one that rebuilds itself without end is refused", async () => {
    const of = (module: string, name: string) =>
      new Pickle()
        .u8(0x7d)
        .str("w")
        .global("torch._tensor", "_rebuild_from_type_v2")
        .u8(0x28)
        .global("torch._utils", "_rebuild_tensor_v2")
        .global(module, name);
    const subclass = of("torchao.dtypes", "AffineQuantizedTensor").u8(0x29, 0x29, 0x74, 0x52, 0x73).stop();
    expect(await rejection(join(folder, "class.pt"), archive(subclass))).toMatchObject({
      code: "TORCH_SUBCLASS",
      message: expect.stringContaining('"torchao.dtypes.AffineQuantizedTensor"'),
    });
    const set = of("builtins", "set").u8(0x29, 0x29, 0x74, 0x52, 0x73).stop();
    expect((await rejection(join(folder, "set.pt"), archive(set))).code).toBe("TORCH_SUBCLASS");
    const deep = new Pickle()
      .u8(0x7d)
      .str("w")
      .global("torch._tensor", "_rebuild_from_type_v2")
      .u8(0x71, 1, 0x29, 0x71, 2);
    for (let level = 0; level < 100_000; level++) {
      // (function, class, what was there before), by way of the memo.
      deep.u8(0x30, 0x28, 0x68, 1).global("torch", "Tensor").u8(0x68, 2, 0x74, 0x71, 2);
    }
    deep.u8(0x52, 0x73);
    expect((await rejection(join(folder, "deep.pt"), archive(deep.stop()))).code).toBe("TORCH_BAD_TENSOR");
  });

  it("a tensor of a type that is only known by name is refused by it", async () => {
    const out = new Pickle()
      .u8(0x7d)
      .str("w")
      .global("torch._utils", "_rebuild_tensor_v3")
      .u8(0x28, 0x28)
      .str("storage");
    out
      .global("torch", "UntypedStorage")
      .str("0")
      .str("cpu")
      .int(16)
      .u8(0x74, 0x51)
      .int(0)
      .ints([1])
      .ints([1])
      .u8(0x89);
    out.global("collections", "OrderedDict").u8(0x29, 0x52).global("torch", "complex128").u8(0x74, 0x52, 0x73);
    expect(await rejection(join(folder, "wide.pt"), archive(out.stop()))).toMatchObject({
      code: "TORCH_BAD_TENSOR",
      message: expect.stringContaining("torch.complex128"),
    });
  });

  it("what is inert is never called: os.system and its like stay refused", async () => {
    for (const [module, name] of [
      ["os", "system"],
      ["builtins", "eval"],
      ["numpy", "load"],
      ["argparse", "ArgumentParser"],
    ] as const) {
      const pickle = new Pickle().u8(0x7d).str("w").global(module, name).u8(0x29, 0x52, 0x73).stop();
      expect((await rejection(join(folder, "code.pt"), archive(pickle))).code).toBe("PICKLE_GLOBAL_NOT_ALLOWED");
    }
  });
});

describe("a damaged or hostile torch archive", () => {
  const good = archive(stateDict({}));
  const changed = (at: number, ...bytes: number[]) => {
    const copy = good.slice();
    copy.set(bytes, at < 0 ? copy.length + at : at);
    return copy;
  };
  const directoryAt = new DataView(good.buffer).getUint32(good.length - 6, true);
  const record: ZipMember = { name: "x/data/0", data: DATA };
  // The local header of the last entry, whose name takes eight bytes: with one more its data would end one byte inside
  // the directory.
  const longerAt = directoryAt - DATA.length - record.name.length - 30;
  const cases: [what: string, bytes: Uint8Array, code: string][] = [
    ["has lost its end", good.subarray(0, -1), "ZIP_NO_DIRECTORY"],
    ["is split over disks", changed(-18, 1), "ZIP_MULTIPLE_DISKS"],
    ["claims more entries than it has", changed(-12, 0xfe, 0xff), "ZIP_BAD_DIRECTORY"],
    ["claims a directory past its end", changed(-6, 0xf0, 0xff, 0xff, 0x7f), "ZIP_BAD_DIRECTORY"],
    ["claims zip64 values without zip64 records", changed(-6, 0xff, 0xff, 0xff, 0xff), "ZIP_BAD_DIRECTORY"],
    ["is encrypted", changed(directoryAt + 8, 1), "ZIP_ENCRYPTED"],
    ["is compressed by an unknown method", changed(directoryAt + 10, 93), "ZIP_UNKNOWN_METHOD"],
    ["points an entry past its end", changed(directoryAt + 42, 0xff, 0xff, 0xff, 0x7f), "ZIP_BAD_ENTRY"],
    ["points an entry at no header", changed(directoryAt + 42, 1), "ZIP_BAD_ENTRY"],
    ["has data that runs into its directory by a longer local name", changed(longerAt + 26, 9), "ZIP_BAD_ENTRY"],
    ["has an entry twice", archive(stateDict({}), [record, record]), "ZIP_DUPLICATE_ENTRY"],
    ["has no data.pkl", zipBytes([record]), "TORCH_NO_PICKLE"],
    ["is an empty zip", zipBytes([]), "TORCH_NO_PICKLE"],
    [
      "has two data.pkl",
      archive(stateDict({}), [record, { name: "y/data.pkl", data: stateDict({}) }]),
      "TORCH_NO_PICKLE",
    ],
    [
      "is TorchScript",
      archive(stateDict({}), [record, { name: "x/constants.pkl", data: DATA }]),
      "TORCH_SCRIPT_ARCHIVE",
    ],
    [
      "is big-endian",
      archive(stateDict({}), [record, { name: "x/byteorder", data: new Bytes().raw("big").done() }]),
      "TORCH_BYTE_ORDER",
    ],
    [
      "inflates to gigabytes",
      archive(stateDict({ elements: 2 ** 29, size: [2 ** 29] }), [{ ...record, deflate: true, claims: 2 ** 31 }]),
      "ZIP_INFLATES_TOO_FAR",
    ],
    [
      "inflates to more than it claims",
      archive(stateDict({}), [{ name: "x/data/0", data: new Uint8Array(1e6), deflate: true, claims: 16 }]),
      "ZIP_BAD_DEFLATE",
    ],
    [
      "inflates to less than it claims",
      archive(stateDict({}), [{ ...record, deflate: true, claims: 17 }]),
      "ZIP_BAD_DEFLATE",
    ],
  ];
  for (const [what, bytes, code] of cases) {
    it(`is refused when it ${what}`, async () => {
      expect((await rejection(join(folder, "archive.pt"), bytes)).code).toBe(code);
    });
  }
});
