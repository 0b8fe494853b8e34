import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { InputError } from "synapse-engine/errors";
import { afterAll, describe, expect, test } from "vitest";
import { type ZipMember, zipBytes } from "../checkpoint/craft.test.helper.js";
import { Archive, archivePath } from "./archive.js";
import { readInput } from "./readInput.js";

const folder = mkdtempSync(join(tmpdir(), "synapse-archive-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, "set.zip");
const text = (value: string) => new TextEncoder().encode(value);
const BYTES_MAX = 1 << 20;

const SMALL: readonly ZipMember[] = [
  { name: "test-00/episode.json", data: text('{"actions": []}'), deflate: true },
  { name: "test-00/frame-00.png", data: text("a frame") },
];

async function written(members: readonly ZipMember[]): Promise<string> {
  await writeFile(path, zipBytes(members));
  return path;
}

/** Opens the archive and reads all of it. */
async function readAll(file: string): Promise<Map<string, Uint8Array>> {
  const archive = await Archive.open(file);
  try {
    const contents = new Map<string, Uint8Array>();
    for (const name of archive.names) contents.set(name, await archive.read(name, "a file", BYTES_MAX));
    return contents;
  } finally {
    await archive.close();
  }
}

describe("a file inside of an archive", () => {
  test("is named as if the archive were a folder", async () => {
    await written(SMALL);
    expect(await archivePath(join(path, "test-00", "frame-00.png"))).toEqual({
      archive: path,
      member: "test-00/frame-00.png",
    });
    expect(await archivePath(`${path}//test-00/`)).toEqual({ archive: path, member: "test-00" });
    expect(await archivePath(path)).toEqual({ archive: path, member: "" });
    expect(new TextDecoder().decode(await readInput(join(path, "test-00/frame-00.png"), "a frame", BYTES_MAX))).toBe(
      "a frame",
    );
  });

  test("is none where a folder has such a name, or nothing has", async () => {
    const real = join(folder, "folder.zip");
    await mkdir(real, { recursive: true });
    await writeFile(join(real, "a.png"), "real");
    expect(await archivePath(join(real, "a.png"))).toBeUndefined();
    expect(new TextDecoder().decode(await readInput(join(real, "a.png"), "a frame", BYTES_MAX))).toBe("real");
    expect(await archivePath(join(folder, "nothing.zip", "a.png"))).toBeUndefined();
    await expect(readInput(join(folder, "nothing.zip", "a.png"), "a frame", BYTES_MAX)).rejects.toMatchObject({
      code: "FILE_ENOENT",
    });
  });

  test("that is not there, a folder or too large is a typed error that says what would be right", async () => {
    await written(SMALL);
    const read = (member: string, bytesMax = BYTES_MAX) => readInput(`${path}/${member}`, "a frame", bytesMax);
    await expect(read("test-00/frame-01.png")).rejects.toMatchObject({
      code: "ARCHIVE_MEMBER",
      source: path,
      where: 'entry "test-00/frame-01.png"',
      expected: 'one of 2 files, such as "test-00/episode.json"',
    });
    await expect(read("test-00")).rejects.toMatchObject({ code: "ARCHIVE_MEMBER", expected: "a frame" });
    await expect(read("../set.zip")).rejects.toMatchObject({ code: "ARCHIVE_MEMBER" });
    await expect(read("test-00/frame-00.png", 6)).rejects.toMatchObject({
      code: "FILE_TOO_LARGE",
      expected: "a frame of at most 6 bytes",
    });
  });
});

test.each([
  "../outside.png",
  "/etc/passwd",
  "a/../../b.png",
  "a//b.png",
  "./a.png",
  "a\\b.png",
  "a\0.png",
  "..",
  "a\n.png",
])("the name %j is refused", async (name) => {
  await expect(Archive.open(await written([...SMALL, { name, data: text("x") }]))).rejects.toMatchObject({
    code: "ARCHIVE_NAME",
    source: path,
    where: `entry ${JSON.stringify(name)}`,
  });
});

test("folders, and what macOS adds beside files, are no files of it", async () => {
  const extra = ["test-00/", "__MACOSX/test-00/._frame-00.png"].map((name) => ({ name, data: text("") }));
  expect([...(await readAll(await written([...extra, ...SMALL]))).keys()]).toEqual([
    "test-00/episode.json",
    "test-00/frame-00.png",
  ]);
});

test("a bomb is refused before it is inflated, whatever it claims to be", async () => {
  const data = new Uint8Array(BYTES_MAX + 1);
  await expect(readAll(await written([{ name: "a.png", data, deflate: true }]))).rejects.toMatchObject({
    code: "FILE_TOO_LARGE",
  });
  await expect(readAll(await written([{ name: "a.png", data, deflate: true, claims: 10 }]))).rejects.toMatchObject({
    code: "ZIP_BAD_DEFLATE",
  });
});

test.skipIf(crc32 === undefined)("content that is not what was packed is refused", async () => {
  const bytes = zipBytes(SMALL);
  const frame = Buffer.from(bytes).indexOf("a frame");
  bytes[frame] = 0x41;
  await writeFile(path, bytes);
  await expect(readAll(path)).rejects.toMatchObject({ code: "ARCHIVE_CRC", where: 'entry "test-00/frame-00.png"' });
});

test("a directory that would fill the memory is refused before it is read", async () => {
  const name = (i: number) => `${String(i).padStart(200, "0")}.png`;
  const members = Array.from({ length: 70_000 }, (_, i) => ({ name: name(i), data: new Uint8Array(0) }));
  await expect(Archive.open(await written(members))).rejects.toMatchObject({ code: "ZIP_TOO_MANY_ENTRIES" });
});

test("any damage ends in what was packed or in a typed error about the archive", { timeout: 60_000 }, async () => {
  const whole = zipBytes(SMALL);
  const contents = await readAll(await written(SMALL));
  const damage = fc.array(fc.record({ at: fc.nat({ max: whole.length - 1 }), byte: fc.nat({ max: 255 }) }), {
    minLength: 1,
    maxLength: 4,
  });
  const length = fc.oneof(fc.constant(whole.length), fc.nat({ max: whole.length }));
  await fc.assert(
    fc.asyncProperty(damage, length, async (changes, end) => {
      const bytes = whole.slice(0, end);
      for (const { at, byte } of changes) if (at < end) bytes[at] = byte;
      await writeFile(path, bytes);
      try {
        // Names are not covered by any sum; contents are.
        const found = [...(await readAll(path)).values()];
        for (const content of found) expect([...contents.values(), new Uint8Array(0)]).toContainEqual(content);
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        expect(error.code).toMatch(/^(ZIP|ARCHIVE|FILE)_/);
        expect(error.source).toBe(path);
      }
    }),
    { numRuns: 3000 },
  );
});
