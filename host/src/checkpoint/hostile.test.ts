import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openOrReject, safetensorsBytes, scratchFolder } from "./craft.test.helper.js";

const folder = scratchFolder();
const FIXTURES = join(import.meta.dirname ?? __dirname, "fixtures");

function fixture(name: string): Uint8Array {
  return Uint8Array.from(readFileSync(join(FIXTURES, name)));
}

const TIMEOUT_MS = 60_000;
const small = safetensorsBytes(
  {
    __metadata__: { k: "v" },
    w: { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] },
    b: { dtype: "I64", shape: [], data_offsets: [24, 32] },
  },
  32,
);

interface Victim {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Where its tensor data begins; a zip's headers lie all over it. */
  readonly headerBytes: number;
  readonly changes: readonly ((byte: number) => number)[];
}

const flipLow = (byte: number) => byte ^ 1;
const flipHigh = (byte: number) => byte ^ 0x80;
const zero = () => 0;
const ones = () => 0xff;

// The GGUF file goes without the padding behind its last tensor, whose loss is no damage.
const VICTIMS: readonly Victim[] = [
  { name: "safetensors", bytes: small, headerBytes: small.length - 32, changes: [flipLow, flipHigh, zero, ones] },
  {
    name: "gguf",
    bytes: fixture("aligned.gguf").subarray(0, 400),
    headerBytes: 256,
    changes: [flipLow, flipHigh, zero, ones],
  },
  { name: "torch", bytes: fixture("small.pt"), headerBytes: fixture("small.pt").length, changes: [flipLow, ones] },
];

describe.each(VICTIMS)(
  "any damage to a $name file ends in a valid result or a typed error",
  ({ name, bytes, headerBytes, changes }) => {
    const path = join(folder, `${name}.bin`);

    it("the file itself is valid", async () => {
      expect(await openOrReject(path, bytes)).toBe("valid");
    });

    it(
      "every header byte changed",
      async () => {
        let rejected = 0;
        for (let at = 0; at < headerBytes; at++) {
          for (const change of changes) {
            const copy = bytes.slice();
            copy[at] = change(bytes[at] as number);
            if ((await openOrReject(path, copy)) === "rejected") rejected++;
          }
        }
        // Most of a header matters, so a reader that stopped checking would show here.
        expect(rejected).toBeGreaterThan(headerBytes / 4);
      },
      TIMEOUT_MS,
    );

    it(
      "cut at every length",
      async () => {
        for (let length = 0; length < bytes.length; length++) {
          expect({ length, outcome: await openOrReject(path, bytes.subarray(0, length)) }).toEqual({
            length,
            outcome: "rejected",
          });
        }
      },
      TIMEOUT_MS,
    );

    it(
      "random bytes in random places, and random tails",
      async () => {
        const edit = fc.tuple(fc.nat(bytes.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 }));
        await fc.assert(
          fc.asyncProperty(
            fc.array(edit, { minLength: 1, maxLength: 4 }),
            fc.uint8Array({ maxLength: 16 }),
            async (edits, tail) => {
              const copy = new Uint8Array(bytes.length + 8 + tail.length);
              copy.set(bytes);
              for (const [at, patch] of edits) copy.set(patch, at);
              copy.set(tail, bytes.length);
              await openOrReject(path, copy.subarray(0, bytes.length + tail.length));
            },
          ),
          { numRuns: 300 },
        );
      },
      TIMEOUT_MS,
    );
  },
);

it(
  "random bytes behind each format's first bytes are refused",
  async () => {
    const starts = ["", "GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0", "PK\x03\x04", "\x08\0\0\0\0\0\0\0{", "{"];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 256 }), async (start, rest) => {
        const bytes = Uint8Array.from([...Buffer.from(start, "latin1"), ...rest]);
        expect(await openOrReject(join(folder, "random.bin"), bytes)).toBe("rejected");
      }),
      { numRuns: 500 },
    );
  },
  TIMEOUT_MS,
);
