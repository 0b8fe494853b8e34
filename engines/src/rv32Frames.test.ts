import { crc32 as reference } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32, encodeFrame, FrameReader } from "./rv32Frames.js";

const word = fc.integer({ min: 0, max: 0xffffffff });
const payload = fc.array(word, { maxLength: 64 });

test("frames come out whole, however the bytes are cut", () => {
  fc.assert(
    fc.property(fc.array(payload, { maxLength: 5 }), fc.integer({ min: 1, max: 40 }), (payloads, piece) => {
      const stream = Uint8Array.from(payloads.flatMap((words) => [...encodeFrame(words)]));
      const reader = new FrameReader();
      const found: number[][] = [];
      for (let at = 0; at < stream.length; at += piece) found.push(...reader.push(stream.subarray(at, at + piece)));
      expect(found).toEqual(payloads);
    }),
  );
});

test("a damaged frame is never taken for a frame", () => {
  fc.assert(
    fc.property(payload, fc.nat(), fc.integer({ min: 1, max: 255 }), (words, place, change) => {
      const frame = encodeFrame(words);
      const at = place % frame.length;
      frame[at] = (frame[at] ?? 0) ^ change;
      const reader = new FrameReader();
      try {
        // A length that grew leaves the reader waiting for more, which is no frame either.
        expect(reader.push(frame)).toEqual([]);
      } catch (error) {
        expect(error).toMatchObject({ code: "PROTOCOL" });
      }
    }),
  );
});

test("the check sum is CRC-32 as everybody computes it", () => {
  const check = new TextEncoder().encode("123456789");
  expect(crc32(check)).toBe(0xcbf43926);
  // zlib has it from Node 20.15 on.
  if (typeof reference === "function")
    fc.assert(fc.property(fc.uint8Array(), (bytes) => crc32(bytes) === reference(bytes)));
});
