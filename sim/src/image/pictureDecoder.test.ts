import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { decodeImage } from "synapse-engine";
import { afterEach, beforeAll, expect, test } from "vitest";
import { StoppedClock } from "../testing/stoppedClock.js";
import { type DecoderOptions, PictureDecoder } from "./pictureDecoder.js";

const SIZE = { width: 6, height: 5 };

let folder: string;
let png: Buffer;
let decoder: PictureDecoder;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "synapse-decoder-"));
  png = await sharp({ create: { width: 31, height: 40, channels: 3, background: "#123456" } })
    .png()
    .toBuffer();
  return () => rm(folder, { recursive: true });
});
afterEach(() => decoder?.close());

const create = (options: DecoderOptions = {}): PictureDecoder => {
  decoder = new PictureDecoder(options);
  return decoder;
};

/** A program in place of the decoder's. */
function program(name: string, source: string): string {
  const path = join(folder, name);
  writeFileSync(path, source);
  return path;
}

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test("gives what decodeImage gives, in one process for one picture at a time", async () => {
  const { decode } = create();
  for (let i = 0; i < 3; i++) expect(await decode(png, SIZE)).toEqual(await decodeImage(png, SIZE));
  expect(decoder.processes).toHaveLength(1);
});

test("says what is wrong with a picture, and goes on with the same process", async () => {
  const { decode } = create();
  await expect(decode(png.subarray(0, 50), SIZE)).rejects.toThrow(/cannot be decoded/);
  const before = decoder.processes;
  await expect(decode(Buffer.from("GIF89a"), SIZE)).rejects.toThrow(/no JPEG and no PNG/);
  expect(await decode(png, SIZE)).toHaveLength(SIZE.width * SIZE.height * 3);
  expect(decoder.processes).toEqual(before);
});

test("bytes that change after the call are not what is decoded", async () => {
  const { decode } = create({ countMax: 1 });
  const bytes = Uint8Array.from(png);
  const decoding = [decode(bytes, SIZE), decode(bytes, SIZE)];
  bytes.fill(0);
  const expected = await decodeImage(png, SIZE);
  expect(await Promise.all(decoding)).toEqual([expected, expected]);
});

test("no more pictures are decoded at once than the bound says, and all in the end", async () => {
  const { decode } = create({ countMax: 2 });
  const decoding = Array.from({ length: 9 }, () => decode(png, SIZE));
  expect(decoder.processes).toHaveLength(2);
  expect(new Set((await Promise.all(decoding)).map((rgb) => Buffer.from(rgb).toString("hex"))).size).toBe(1);
  expect(decoder.processes).toHaveLength(2);
});

test("a picture that takes too long is given up, its process is ended, and those that wait have their turn", async () => {
  const clock = new StoppedClock();
  // The first picture keeps its process busy for ever.
  const busy = program(
    "busy.mjs",
    `process.on("message", ({ width }) => { while (width === 1); process.send({ rgb: new Uint8Array([width]) }); });`,
  );
  const { decode } = create({ countMax: 1, decodeMsMax: 3_000, clock, program: busy });
  const slow = decode(png, { width: 1, height: 1 });
  const next = decode(png, { width: 2, height: 1 });
  const [pid] = decoder.processes as [number];
  clock.pass();
  await expect(slow).rejects.toThrow(/the picture takes longer to decode than 3 s; /);
  expect([...(await next)]).toEqual([2]);
  expect(decoder.processes).not.toContain(pid);
  await expect.poll(() => isRunning(pid)).toBe(false);
  expect(clock.waiting).toEqual([]);
});

test("a decoder that dies is a picture that cannot be decoded, and another takes its place", async () => {
  const dying = program(
    "dying.mjs",
    'process.on("message", ({ width }) => ' +
      "width === 1 ? process.exit(7) : process.send({ rgb: new Uint8Array([width]) }));",
  );
  const { decode } = create({ countMax: 1, program: dying });
  await expect(decode(png, { width: 1, height: 1 })).rejects.toThrow(/its decoder has ended/);
  expect([...(await decode(png, { width: 2, height: 1 }))]).toEqual([2]);
  // And one that dies while nothing is asked of it is not asked again.
  const [pid] = decoder.processes as [number];
  process.kill(pid, "SIGKILL");
  await expect.poll(() => decoder.processes).toEqual([]);
  expect([...(await decode(png, { width: 3, height: 1 }))]).toEqual([3]);
});
