import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SlipReader, slipFrame } from "./slip.js";

const BYTES_MAX = 300;
/** Bytes that mean something in SLIP come often. */
const byte = fc.oneof(fc.constantFrom(0xc0, 0xdb, 0xdc, 0xdd), fc.nat(255));
const bytes = (minLength: number, maxLength: number) =>
  fc.array(byte, { minLength, maxLength }).map((list) => Uint8Array.from(list));

describe("SLIP", () => {
  it("brings every frame whole, however the line cuts it", () => {
    const frames = fc.array(bytes(1, BYTES_MAX), { maxLength: 5 });
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sent, cuts) => {
        const line = Buffer.concat(sent.map(slipFrame));
        const reader = new SlipReader(BYTES_MAX);
        const read: Uint8Array[] = [];
        for (let at = 0, i = 0; at < line.length; i++) {
          const length = cuts[i % cuts.length] as number;
          read.push(...reader.push(line.subarray(at, at + length)));
          at += length;
        }
        expect(read).toEqual(sent);
      }),
    );
  });

  it("brings the next frame after any noise", () => {
    const whole = Uint8Array.of(1, 2, 0xc0, 0xdb, 3);
    fc.assert(
      fc.property(bytes(0, 3 * BYTES_MAX), (noise) => {
        const reader = new SlipReader(BYTES_MAX);
        for (const frame of reader.push(noise)) expect(frame.length).toBeLessThanOrEqual(BYTES_MAX);
        // The noise may have been an escape that waits for its second byte: a delimiter ends it too.
        expect(reader.push(slipFrame(whole)).at(-1)).toEqual(whole);
      }),
    );
  });

  it("drops what is too long and what has an unknown escape, and no frame after it", () => {
    const reader = new SlipReader(4);
    expect(reader.push(slipFrame(Uint8Array.of(1, 2, 3, 4, 5)))).toEqual([]);
    expect(reader.push(slipFrame(Uint8Array.of(1, 2, 3, 4)))).toEqual([Uint8Array.of(1, 2, 3, 4)]);
    expect(reader.push(Uint8Array.of(0xc0, 1, 0xdb, 7, 2, 0xc0))).toEqual([]);
    expect(reader.push(slipFrame(Uint8Array.of(9)))).toEqual([Uint8Array.of(9)]);
  });
});
