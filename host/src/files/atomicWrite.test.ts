import { execFileSync } from "node:child_process";
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { atomicWrite, atomicWriteWith } from "./atomicWrite.js";
import { writeNew } from "./writeNew.js";

let folder: string;
const at = (name: string) => join(folder, name);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "synapse-write-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("a file is replaced as a whole", () => {
  test("and nothing else is left behind", async () => {
    await atomicWrite(at("model.syn"), "old");
    await atomicWrite(at("model.syn"), Uint8Array.of(1, 2, 3));
    expect([...(await readFile(at("model.syn")))]).toEqual([1, 2, 3]);
    expect(await readdir(folder)).toEqual(["model.syn"]);
  });

  test("or not at all, when what makes its bytes fails", async () => {
    await writeFile(at("kept"), "kept");
    const failing = atomicWriteWith(at("kept"), async (file) => {
      await file.writeFile("half");
      throw new RangeError("no more");
    });
    await expect(failing).rejects.toThrow(new RangeError("no more"));
    expect(await readFile(at("kept"), "utf8")).toBe("kept");
    expect(await readdir(folder)).toEqual(["kept"]);
  });

  test("and keeps its mode, whatever the process gives new files", async () => {
    for (const mode of [0o600, 0o640, 0o755, 0o666]) {
      await writeFile(at("file"), "old");
      await chmod(at("file"), mode);
      await atomicWrite(at("file"), "new");
      expect((await stat(at("file"))).mode & 0o7777).toBe(mode);
    }
  });

  test("under a name as long as names may be", async () => {
    for (const name of ["n".repeat(255), `${"ü".repeat(127)}x`]) {
      await atomicWrite(at(name), "long");
      expect(await readFile(at(name), "utf8")).toBe("long");
    }
    await expect(atomicWrite(at("n".repeat(256)), "x")).rejects.toMatchObject({
      code: "WRITE_FAILED",
      expected: /255 bytes/,
    });
  });
});

describe("a symbolic link stays one", () => {
  test("and the file behind it is written, through several", async () => {
    await mkdir(at("store"));
    await writeFile(at("store/real"), "old", { mode: 0o600 });
    await symlink("store/real", at("near"));
    await symlink("near", at("far"));
    await atomicWrite(at("far"), "new");
    expect(await readFile(at("store/real"), "utf8")).toBe("new");
    expect([await readlink(at("far")), await readlink(at("near"))]).toEqual(["near", "store/real"]);
    expect((await stat(at("store/real"))).mode & 0o777).toBe(0o600);
    expect(await readdir(at("store"))).toEqual(["real"]);
  });

  test("and the file that it names is made where there is none", async () => {
    await symlink("later", at("link"));
    await atomicWrite(at("link"), "made");
    expect((await lstat(at("link"))).isSymbolicLink()).toBe(true);
    expect(await readFile(at("later"), "utf8")).toBe("made");
  });

  test("that leads to itself is an error", async () => {
    await symlink("loop", at("loop"));
    await expect(atomicWrite(at("loop"), "x")).rejects.toMatchObject({ code: "WRITE_FAILED", message: /ELOOP/ });
    expect((await lstat(at("loop"))).isSymbolicLink()).toBe(true);
  });
});

describe.skipIf(process.platform === "win32")("what is no regular file", () => {
  test("is written into: a FIFO's reader gets the bytes, and the FIFO stays", async () => {
    execFileSync("mkfifo", [at("pipe")]);
    const [read] = await Promise.all([readFile(at("pipe"), "utf8"), atomicWrite(at("pipe"), "through")]);
    expect(read).toBe("through");
    expect((await lstat(at("pipe"))).isFIFO()).toBe(true);
    expect(await readdir(folder)).toEqual(["pipe"]);
  });

  test("a device too, behind a link; a full one is a failure to write", async () => {
    await symlink("/dev/full", at("full"));
    await expect(atomicWrite(at("full"), "x")).rejects.toMatchObject({
      code: "WRITE_FAILED",
      source: at("full"),
      expected: /disk with space/,
    });
    expect((await stat("/dev/full")).isCharacterDevice()).toBe(true);
    expect((await lstat(at("full"))).isSymbolicLink()).toBe(true);
  });
});

describe("a place that cannot be written is WRITE_FAILED, and nothing is left there", () => {
  test("a folder, a missing folder, a file as a folder", async () => {
    await mkdir(at("taken"));
    await writeFile(at("file"), "kept");
    for (const [name, expected] of [
      ["taken", /this is a folder/],
      ["missing/model.syn", /folder that exists/],
      ["file/model.syn", /a part of the path is a file/],
    ] as const) {
      await expect(atomicWrite(at(name), "x"), name).rejects.toMatchObject({
        code: "WRITE_FAILED",
        source: at(name),
        expected,
      });
    }
    expect((await readdir(folder)).sort()).toEqual(["file", "taken"]);
    expect(await readFile(at("file"), "utf8")).toBe("kept");
  });

  test.skipIf(process.getuid?.() === 0)("a file that is read-only, a folder that is", async () => {
    await writeFile(at("fixed"), "kept", { mode: 0o444 });
    await expect(atomicWrite(at("fixed"), "x")).rejects.toMatchObject({ code: "WRITE_FAILED", message: /EACCES/ });
    expect(await readFile(at("fixed"), "utf8")).toBe("kept");
  });
});

describe("a new file", () => {
  test("is written with its mode, once", async () => {
    expect(await writeNew(at("key"), "first", 0o600)).toBe(true);
    expect(await writeNew(at("key"), "second", 0o600)).toBe(false);
    expect(await readFile(at("key"), "utf8")).toBe("first");
    expect((await stat(at("key"))).mode & 0o777).toBe(0o600);
  });

  test("is not put behind a link that leads nowhere, nor into a folder that is missing", async () => {
    await symlink("elsewhere", at("link"));
    expect(await writeNew(at("link"), "x", 0o600)).toBe(false);
    await expect(writeNew(at("missing/key"), "x", 0o600)).rejects.toMatchObject({ code: "WRITE_FAILED" });
    expect(await readdir(folder)).toEqual(["link"]);
  });
});
