import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { zipBytes } from "../checkpoint/craft.test.helper.js";
import { openPictures } from "./pictures.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "synapse-pictures-"));
});
afterEach(() => rm(folder, { recursive: true }));

const text = (value: string) => new TextEncoder().encode(value);

/** How files come to lie below a path: in a folder, or in an archive that holds the same. Answers the path. */
type Make = (...names: string[]) => Promise<string>;

const inFolder: Make = async (...names) => {
  for (const name of names) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text(`of ${name}`));
  }
  return folder;
};

const inArchive: Make = async (...names) => {
  const path = join(folder, "set.zip");
  await writeFile(path, zipBytes(names.map((name, i) => ({ name, data: text(`of ${name}`), deflate: i % 2 === 1 }))));
  return path;
};

async function listed(path: string, most = 100) {
  const pictures = await openPictures(path, most);
  try {
    for (const { name, read } of pictures.chosen)
      expect(new TextDecoder().decode(await read())).toBe(`of ${relative(path, name)}`);
    return { files: pictures.chosen.map(({ name }) => relative(path, name)), found: pictures.found };
  } finally {
    await pictures.close();
  }
}

describe.each<[string, Make]>([
  ["a folder", inFolder],
  ["a zip archive", inArchive],
])("in %s", (_, make) => {
  test("pictures of all subfolders in the order of their paths, and nothing else", async () => {
    const path = await make("b/2.png", "b/10.JPG", "a/deep/x.jpeg", "z.png", "notes.txt", "b/episode.json");
    await symlink(folder, join(folder, "loop"));
    expect(await listed(path)).toEqual({ files: ["a/deep/x.jpeg", "b/10.JPG", "b/2.png", "z.png"], found: 4 });
  });

  test("of more than are wanted those that lie evenly spread, the first among them", async () => {
    const path = await make(...Array.from({ length: 10 }, (_, index) => `${index}.png`));
    expect(await listed(path, 4)).toEqual({ files: ["0.png", "2.png", "5.png", "7.png"], found: 10 });
    expect((await listed(path, 1)).files).toEqual(["0.png"]);
  });

  test("of an evaluation set the episodes that judge, where there are any", async () => {
    const path = await make(
      "calibration-00/frame-00.png",
      "calibration-00/episode.json",
      "test-00/frame-00.png",
      "test-00/episode.json",
      "sheet.png",
    );
    expect(await listed(path)).toEqual({ files: ["test-00/frame-00.png"], found: 1 });
    // What is named itself is taken, whatever it is.
    expect((await openPictures(join(path, "calibration-00"), 5)).found).toBe(1);
  });

  test("a folder that is only called so is no evaluation set", async () => {
    expect((await listed(await make("test-00/frame-00.png", "other/1.png"))).found).toBe(2);
  });

  test("one picture is taken as it is, and where there are none that is said", async () => {
    const path = await make("only.bin");
    const one = await openPictures(join(path, "only.bin"), 5);
    expect(one).toMatchObject({ chosen: [{ name: join(path, "only.bin") }], found: 1 });
    await one.close();
    await expect(openPictures(path, 5)).rejects.toMatchObject({ code: "NO_PICTURES" });
  });
});

test("what is not there, or is no archive, is a typed error", async () => {
  await expect(openPictures(join(folder, "nowhere"), 5)).rejects.toMatchObject({ code: "FILE_ENOENT" });
  const path = await inArchive("a.png");
  await expect(openPictures(join(path, "nowhere"), 5)).rejects.toMatchObject({ code: "NO_PICTURES" });
  await writeFile(path, "no archive");
  await expect(openPictures(path, 5)).rejects.toMatchObject({ code: "ZIP_NO_DIRECTORY", source: path });
});
