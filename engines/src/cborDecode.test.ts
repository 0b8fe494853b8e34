import { Encoder } from "cbor-x";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CborError, decodeCbor } from "./cborDecode.js";

const encoder = new Encoder({ useRecords: false, variableMapSize: true, tagUint8Array: false });
const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

const value = fc.letrec((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    fc.integer(),
    // cbor-x writes -0 as the integer 0.
    fc.double({ noNaN: true }).map((number) => number + 0),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("node"), { maxLength: 4 }),
    fc.dictionary(
      fc.string().filter((key) => key !== "__proto__"),
      tie("node"),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
})).node;

test("what cbor-x encodes is decoded to the same value", () => {
  fc.assert(
    fc.property(value, (wanted) => {
      expect(decodeCbor(Uint8Array.from(encoder.encode(wanted)))).toEqual(wanted);
    }),
  );
});

test("the examples of RFC 8949, appendix A", () => {
  expect(decodeCbor(hex("1b 000000e8d4a51000"))).toBe(1_000_000_000_000);
  expect(decodeCbor(hex("39 03e7"))).toBe(-1000);
  expect(decodeCbor(hex("f9 7bff"))).toBe(65504);
  expect(decodeCbor(hex("f9 0001"))).toBe(2 ** -24);
  expect(decodeCbor(hex("f9 c400"))).toBe(-4);
  expect(decodeCbor(hex("f9 fc00"))).toBe(-Infinity);
  expect(decodeCbor(hex("fa 47c35000"))).toBe(100_000);
  expect(decodeCbor(hex("44 01020304"))).toEqual(new Uint8Array([1, 2, 3, 4]));
  expect(decodeCbor(hex("62 c3bc"))).toBe("\u00fc");
});

test("a key named like an object's own machinery is only a key", () => {
  const decoded = decodeCbor(hex("a1 69 5f5f70726f746f5f5f a0")) as object;
  expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
  expect(Object.keys(decoded)).toEqual(["__proto__"]);
});

test("what a pack may not hold is refused with its place", () => {
  for (const [text, reason] of [
    ["", /1 bytes expected, 0 left/],
    ["9f ff", /indefinite/],
    ["c1 00", /tags/],
    ["f7", /simple value/],
    ["a1 01 02", /not text/],
    ["a2 61 61 01 61 61 02", /appears twice/],
    ["1b ffffffffffffffff", /2\^53/],
    ["9b 0000ffffffffffff", /announced/],
    ["5a ffffffff", /left/],
    ["61 ff", /UTF-8/],
    ["00 00", /follow/],
    [`${"81".repeat(40)} 00`, /nesting/],
  ] as const) {
    expect(() => decodeCbor(hex(text)), text).toThrow(reason);
  }
});

test("any bytes give a value or a CborError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        decodeCbor(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(CborError);
      }
    }),
    { numRuns: 2000 },
  );
});
