import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { pictureFiles } from "./pictureFiles.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "synapse-pictures-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function make(...names: string[]): Promise<void> {
  for (const name of names) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), "");
  }
}

async function listed(most = 100) {
  const { files, found } = await pictureFiles(folder, most);
  return { files: files.map((file) => relative(folder, file)), found };
}

test("pictures of all subfolders in the order of their paths, and nothing else", async () => {
  await make("b/2.png", "b/10.JPG", "a/deep/x.jpeg", "z.png", "notes.txt", "b/episode.json");
  await symlink(folder, join(folder, "loop"));
  expect(await listed()).toEqual({ files: ["a/deep/x.jpeg", "b/10.JPG", "b/2.png", "z.png"], found: 4 });
});

test("of more than are wanted those that lie evenly spread, the first among them", async () => {
  await make(...Array.from({ length: 10 }, (_, index) => `${index}.png`));
  expect(await listed(4)).toEqual({ files: ["0.png", "2.png", "5.png", "7.png"], found: 10 });
  expect((await listed(1)).files).toEqual(["0.png"]);
});

test("of an evaluation set the episodes that judge, where there are any", async () => {
  await make("calibration-00/frame-00.png", "calibration-00/episode.json", "test-00/frame-00.png", "test-00/episode.json", "sheet.png");
  expect(await listed()).toEqual({ files: ["test-00/frame-00.png"], found: 1 });
});

test("a folder that is only called so is no evaluation set", async () => {
  await make("test-00/frame-00.png", "other/1.png");
  expect((await listed()).found).toBe(2);
});

test("one picture is taken as it is, and a folder without any is refused", async () => {
  await make("only.bin");
  const file = join(folder, "only.bin");
  expect(await pictureFiles(file, 5)).toEqual({ files: [file], found: 1 });
  await expect(pictureFiles(folder, 5)).rejects.toMatchObject({ code: "NO_PICTURES" });
  await expect(pictureFiles(join(folder, "nowhere"), 5)).rejects.toMatchObject({ code: "FILE_ENOENT" });
});
