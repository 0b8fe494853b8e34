import { readFileSync } from "node:fs";
import { Decoder, Encoder } from "cbor-x";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { type Compiled, compile } from "../compile/compile.js";
import { isConstant, type PackHeader } from "../format/header.js";
import { CborError, decodeStrictCbor } from "../format/strictCbor.js";
import { LEWM_SMALL } from "../parity/lewmShapes.js";
import { seededCheckpoint } from "../parity/seededCheckpoint.js";
import { codeOf } from "../testing/codeOf.js";
import { goldenInputs } from "./golden.js";
import { Interpreter } from "./interpret.js";
import { readPack } from "./readPack.js";
import { packDigest, writePack } from "./writePack.js";

const config = JSON.parse(readFileSync(new URL("../../../configs/lewm-test.json", import.meta.url), "utf8"));
let compiled: Compiled;
let bytes: Uint8Array<ArrayBuffer>;

beforeAll(async () => {
  compiled = await compile({
    checkpoint: seededCheckpoint(LEWM_SMALL, 3),
    config,
    types: "i8,encoder.layers.*=i4,predictor.*=q8_0",
    fastBytes: 4096,
    meta: { source: "seed 3", nested: { a: [1, 2.5, null, true] } },
  });
  bytes = compiled.bytes;
});

/** The pack with some bytes changed and its digest made right again, so that later checks are reached. */
function resealed(edit: (copy: Uint8Array, view: DataView) => void): Uint8Array {
  const copy = bytes.slice();
  edit(copy, new DataView(copy.buffer));
  copy.set(packDigest(copy), 32);
  return copy;
}

/** A pack of the same blobs with another header. */
function reheaded(edit: (header: PackHeader) => void): Uint8Array {
  const { header, blobsOffset } = readPack(bytes, "test.syn");
  const copy = structuredClone(header);
  for (const tensor of copy.tensors) if (isConstant(tensor)) tensor.offset -= blobsOffset;
  edit(copy);
  return writePack(copy, [{ offset: 0, bytes: bytes.subarray(blobsOffset) }]);
}

describe("a written pack", () => {
  it("reads back as what was compiled", () => {
    const pack = readPack(bytes, "test.syn");
    expect(pack.header.name).toBe("lewm-test");
    expect(pack.header.regions).toEqual(compiled.report.plan.regions);
    expect(pack.header.meta).toMatchObject({ source: "seed 3", nested: { a: [1, 2.5, null, true] } });
    expect(pack.header.entries.map(({ name, rows_max }) => [name, rows_max])).toEqual([
      ["encode", 1],
      ["predict", 3],
    ]);
    const constants = pack.header.tensors.filter(isConstant);
    expect(constants.map(({ name, type, shape, bytes: size }) => ({ name, type, shape, bytes: size }))).toEqual(
      compiled.report.tensors.map(({ name, type, shape, bytes: size }) => ({ name, type, shape, bytes: size })),
    );
  });

  it("gives vectors back exactly and weights as stored", async () => {
    const pack = readPack(bytes, "test.syn");
    const source = seededCheckpoint(LEWM_SMALL, 3);
    const at = (name: string) => pack.header.tensors.findIndex((tensor) => tensor.name === name);
    expect(pack.decode(at("encoder.norm.weight"))).toEqual(
      await source.tensors.get("encoder.layernorm.weight")?.readF32(),
    );
    expect(pack.isPanels(at("encoder.layers.0.ffn.up.weight"))).toBe(true);
    expect(pack.decode(at("action_encoder.2.weight"))).toEqual(
      await source.tensors.get("action_encoder.embed.0.weight")?.readF32(),
    );
  });

  it("says version 1.1 when rows are filled up to whole blocks, and 1.0 otherwise", async () => {
    expect(new DataView(bytes.buffer).getUint16(10, true)).toBe(0);
    const checkpoint = seededCheckpoint(LEWM_SMALL, 3);
    const padded = (await compile({ checkpoint, config, types: "i4,encoder.patch*=i4", fastBytes: 4096 })).bytes;
    expect(new DataView(padded.buffer).getUint16(10, true)).toBe(1);
    expect(() => readPack(padded, "padded.syn")).not.toThrow();
    const before = padded.slice();
    before[10] = 0;
    before.set(packDigest(before), 32);
    expect(() => readPack(before, "before.syn")).toThrow(
      /type i4 with rows of 147 in version 1\.0; expected version 1\.1/,
    );
  });

  it("says version 1.1 when it has fine rows or attention that diffuses errors, which 1.0 has not", async () => {
    const checkpoint = seededCheckpoint(LEWM_SMALL, 3);
    for (const [choice, where] of [
      [{ activations: "mixed", attentionCompute: "i8" }, "fine_rows"],
      [{ activations: "int8", attentionCompute: "i8_diffused" }, "compute"],
    ] as const) {
      const packed = (await compile({ checkpoint, config, types: "i8", fastBytes: 4096, ...choice })).bytes;
      expect(new DataView(packed.buffer).getUint16(10, true)).toBe(1);
      packed[10] = 0;
      packed.set(packDigest(packed), 32);
      expect(() => readPack(packed, "before.syn")).toThrow(
        expect.objectContaining({
          code: "PACK_OP",
          where: expect.stringMatching(new RegExp(`ops\\[\\d+\\]\\.${where}$`)),
        }),
      );
    }
    const old = { activations: "int8", attentionCompute: "i8" } as const;
    const { bytes: before } = await compile({ checkpoint, config, types: "i8", fastBytes: 4096, ...old });
    expect(new DataView(before.buffer).getUint16(10, true)).toBe(0);
  });

  it("is plain CBOR that any decoder reads, without tags or records", () => {
    const { headerBytes, blobsOffset, header } = readPack(bytes, "test.syn");
    const decoded = new Decoder({ useRecords: false }).decode(bytes.subarray(64, 64 + headerBytes));
    expect(decoded).toEqual(header);
    expect(bytes.subarray(64 + headerBytes, blobsOffset).every((byte) => byte === 0)).toBe(true);
    const constants = header.tensors.filter(isConstant).sort((a, b) => a.offset - b.offset);
    constants.forEach(({ offset, bytes: size }, i) => {
      const next = constants[i + 1]?.offset ?? bytes.length;
      expect(offset % 64).toBe(0);
      expect(bytes.subarray(offset + size, next).every((byte) => byte === 0)).toBe(true);
    });
  });

  it("finds the header's place when its length changes the offsets in it", () => {
    for (let extra = 0; extra < 200; extra++) {
      const pack = readPack(
        reheaded((header) => {
          header.meta = { pad: "x".repeat(extra) };
        }),
        "test.syn",
      );
      expect(pack.blobsOffset).toBe(Math.ceil((64 + pack.headerBytes) / 64) * 64);
    }
  });
});

describe("a damaged pack is refused", () => {
  it("for every byte of prefix and header that changes, and any blob byte", () => {
    const { blobsOffset } = readPack(bytes, "test.syn");
    const places = Array.from({ length: blobsOffset }, (_, i) => i).filter((at) => at < 128 || at % 37 === 0);
    for (const at of [...places, blobsOffset, bytes.length - 1]) {
      const copy = bytes.slice();
      copy[at] = (copy[at] as number) ^ 0x11;
      expect(codeOf(() => readPack(copy, "test.syn"))).toMatch(/^PACK_/);
    }
  });

  it("with the code of what is wrong", () => {
    const prefix = (edit: (copy: Uint8Array, view: DataView) => void) =>
      codeOf(() => readPack(resealed(edit), "test.syn"));
    expect(codeOf(() => readPack(new Uint8Array(0), "x"))).toBe("PACK_TRUNCATED");
    expect(codeOf(() => readPack(bytes.subarray(0, 63), "x"))).toBe("PACK_TRUNCATED");
    expect(codeOf(() => readPack(bytes.subarray(0, bytes.length - 1), "x"))).toBe("PACK_TRUNCATED");
    expect(codeOf(() => readPack(Uint8Array.from([...bytes, 0]), "x"))).toBe("PACK_PREFIX");
    expect(prefix((copy) => copy.fill(0x50, 0, 1))).toBe("PACK_MAGIC");
    expect(prefix((_, view) => view.setUint16(8, 2, true))).toBe("PACK_VERSION");
    expect(prefix((_, view) => view.setUint16(10, 2, true))).toBe("PACK_VERSION");
    expect(prefix((_, view) => view.setUint32(12, 0xffffffff, true))).toBe("PACK_PREFIX");
    expect(prefix((_, view) => view.setUint32(20, 64, true))).toBe("PACK_PREFIX");
    expect(prefix((_, view) => view.setUint32(28, 1, true))).toBe("PACK_PREFIX");
    expect(prefix((copy) => copy.fill(0xff, 64, 65))).toBe("PACK_CBOR");
  });

  const headers: [string, (header: Record<string, never> & PackHeader) => void, string, RegExp][] = [
    ["an unknown key", (h) => Object.assign(h, { extra: 1 }), "PACK_HEADER", /extra.*docs\/format\.md/],
    ["a missing key", (h) => Reflect.deleteProperty(h, "regions"), "PACK_HEADER", /regions/],
    [
      "an unknown op",
      (h) => Object.assign(h.entries[0]?.ops[0] ?? {}, { op: "rope" }),
      "PACK_HEADER",
      /entries\[0\]\.ops\[0\]/,
    ],
    [
      "a tensor that is not there",
      (h) => Object.assign(h.entries[0]?.ops[1] ?? {}, { x: 9999 }),
      "PACK_OP",
      /entries\[0\]\.ops\[1\]\.x.*9999/,
    ],
    [
      "an operand of the wrong kind",
      (h) => Object.assign(h.entries[0]?.ops[1] ?? {}, { out: 0 }),
      "PACK_OP",
      /entries\[0\]\.ops\[1\]\.out/,
    ],
    [
      "a constant beyond the file",
      (h) => Object.assign(h.tensors[0] ?? {}, { offset: 64 << 20 }),
      "PACK_TENSOR",
      /tensors\[0\].*beyond/,
    ],
    [
      "a constant at an odd place",
      (h) => Object.assign(h.tensors[0] ?? {}, { offset: 4 }),
      "PACK_TENSOR",
      /tensors\[0\].*multiple of 64/,
    ],
    [
      "a constant of the wrong size",
      (h) => Object.assign(h.tensors[0] ?? {}, { bytes: 3 }),
      "PACK_TENSOR",
      /tensors\[0\].*3 bytes/,
    ],
    [
      "a shape too large to count",
      (h) => Object.assign(h.tensors[0] ?? {}, { shape: [1 << 24, 1 << 24, 1 << 24, 1 << 24] }),
      "PACK_TENSOR",
      /too many elements/,
    ],
    [
      "an empty dimension",
      (h) => Object.assign(h.tensors[0] ?? {}, { shape: [0] }),
      "PACK_HEADER",
      /tensors\[0\]\.shape/,
    ],
    [
      "an activation beyond its region",
      (h) => Object.assign(h.tensors.at(-1) ?? {}, { offset: 1 << 28 }),
      "PACK_TENSOR",
      /region/,
    ],
    [
      "a port that is a constant",
      (h) => Object.assign(h.entries[0]?.outputs[0] ?? {}, { tensor: 0 }),
      "PACK_PORT",
      /outputs\[0\]/,
    ],
  ];
  it.each(headers)("%s", (_, edit, code, message) => {
    const pack = reheaded(edit as (header: PackHeader) => void);
    expect(codeOf(() => readPack(pack, "test.syn"))).toBe(code);
    expect(() => readPack(pack, "test.syn")).toThrow(message);
  });

  it("or read, but nothing else, whatever header bytes change under a right digest", () => {
    const { headerBytes } = readPack(bytes, "test.syn");
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 64, max: 63 + headerBytes }), fc.integer({ min: 0, max: 255 })), {
          minLength: 1,
          maxLength: 6,
        }),
        (changes) => {
          const pack = resealed((copy) => {
            for (const [at, value] of changes) copy[at] = value;
          });
          expect(codeOf(() => readPack(pack, "test.syn"))).toMatch(/^(PACK_\w+|no error)$/);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("strict CBOR", () => {
  const encoder = new Encoder({ useRecords: false, variableMapSize: true, tagUint8Array: false });

  it("reads what any encoder writes of the types the format has", () => {
    const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.integer(),
        fc.double({ noNaN: true }),
        fc.boolean(),
        fc.constant(null),
        fc.string(),
        tie("array"),
        tie("map"),
      ),
      array: fc.array(tie("value"), { maxLength: 4 }),
      map: fc.dictionary(fc.string(), tie("value"), { maxKeys: 4, noNullPrototype: true }),
    })).value;
    fc.assert(
      fc.property(value, (item) => {
        expect(decodeStrictCbor(encoder.encode(item), 16)).toEqual(normal(item));
      }),
      { numRuns: 300 },
    );
  });

  /** -0 as an integer is 0. */
  function normal(item: unknown): unknown {
    if (Object.is(item, -0)) return 0;
    if (Array.isArray(item)) return item.map(normal);
    if (typeof item === "object" && item !== null)
      return Object.fromEntries(Object.entries(item).map(([key, inner]) => [key, normal(inner)]));
    return item;
  }

  it.each([
    ["nothing", [], /bytes are needed/],
    ["a tag", [0xc0, 0x00], /tag/],
    ["an indefinite array", [0x9f, 0xff], /indefinite/],
    ["an indefinite text", [0x7f, 0xff], /indefinite/],
    ["a key twice", [0xa2, 0x61, 0x61, 0x00, 0x61, 0x61, 0x01], /second time/],
    ["a key that is a number", [0xa1, 0x00, 0x00], /not a text/],
    ["text that is not UTF-8", [0x61, 0xff], /UTF-8/],
    ["an array of four billion", [0x9a, 0xff, 0xff, 0xff, 0xff], /announced/],
    ["a byte string of four billion", [0x5a, 0xff, 0xff, 0xff, 0xff], /needed/],
    ["an integer beyond 2^53", [0x1b, 0xff, 0, 0, 0, 0, 0, 0, 0], /2\^53/],
    ["undefined", [0xf7], /simple/],
    ["bytes after the end", [0x00, 0x00], /follow/],
    ["17 arrays in each other", [...new Array(17).fill(0x81), 0x00], /deeper/],
  ])("refuses %s", (_, input, message) => {
    expect(() => decodeStrictCbor(Uint8Array.from(input), 16)).toThrow(CborError);
    expect(() => decodeStrictCbor(Uint8Array.from(input), 16)).toThrow(message);
  });

  it("keeps a byte order mark: a key that begins with one is another key", () => {
    const input = Uint8Array.from([0xa2, 0x61, 0x61, 0x01, 0x64, 0xef, 0xbb, 0xbf, 0x61, 0x02]);
    expect(decodeStrictCbor(input, 16)).toEqual({ a: 1, "\ufeffa": 2 });
  });

  it('keeps a key "__proto__" as a plain key', () => {
    const decoded = decodeStrictCbor(Uint8Array.from([0xa1, 0x69, ...Buffer.from("__proto__"), 0x05]), 16);
    expect(Object.entries(decoded as object)).toEqual([["__proto__", 5]]);
  });

  it("answers any bytes with a value or a CborError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (input) => {
        try {
          decodeStrictCbor(input, 16);
        } catch (error) {
          expect(error).toBeInstanceOf(CborError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("self-test inputs", () => {
  it("follow the generator of docs/format.md through all inputs", () => {
    const [image, row] = goldenInputs(
      [
        { type: "u8", shape: [1, 1, 3], dynamic: false },
        { type: "f32", shape: [3, 1], dynamic: true },
      ],
      1,
      1,
    );
    // xorshift32 from 1: 270369, 67634689, 2647435461, 307599695.
    expect([...(image as Uint8Array)]).toEqual([270369, 67634689, 2647435461].map((value) => value >>> 24));
    expect(new Float32Array((row as Uint8Array).slice().buffer)).toEqual(
      Float32Array.of((307599695 >>> 8) * 2 ** -23 - 1),
    );
  });
});

describe("the interpreter", () => {
  it("names the entries there are when asked for another", () => {
    expect(() => new Interpreter(readPack(bytes, "x")).run("decode", [], 1)).toThrow(/"decode".*encode, predict/);
  });
});
