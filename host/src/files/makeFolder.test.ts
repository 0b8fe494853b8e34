import { existsSync } from "node:fs";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeFolder } from "./makeFolder.js";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "synapse-folder-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

test("folders above are made, with their rights, and a second time is the same", async () => {
  const path = join(root, "a", "b", "c");
  await makeFolder(path, 0o700);
  await makeFolder(path, 0o700);
  expect((await stat(join(root, "a"))).mode & 0o777).toBe(0o700);
  expect((await stat(path)).isDirectory()).toBe(true);
});

test("a file in the way is said", async () => {
  await writeFile(join(root, "file"), "");
  await expect(makeFolder(join(root, "file"))).rejects.toMatchObject({ code: "ENOTDIR" });
  await expect(makeFolder(join(root, "file", "x"))).rejects.toMatchObject({ code: "ENOTDIR" });
});

test.skipIf(!existsSync("/proc"))("a file system that takes no folders ends it", async () => {
  await expect(makeFolder("/proc/x/y")).rejects.toMatchObject({ code: "ENOENT" });
});
