import { expect, test } from "vitest";
import { Downloads } from "./downloads.js";

test("a download that is taken back before it has begun asks for no file and tells nothing", async () => {
  for (const takeBack of [(downloads: Downloads) => downloads.cancel(1), (downloads: Downloads) => downloads.forgetAll()]) {
    const happened: string[] = [];
    const events = {
      head: () => void happened.push("head"),
      chunk: () => void happened.push("chunk"),
      end: () => void happened.push("end"),
    };
    const downloads = new Downloads(events, async (url) => {
      happened.push(url);
      throw new Error("nobody is there");
    });
    const begin = Promise.resolve(true);
    downloads.start(1, "http://files/a", 0, begin);
    takeBack(downloads);
    downloads.start(2, "http://files/b", 0, begin);
    downloads.start(3, "http://files/c", 0, Promise.resolve(false));
    await expect.poll(() => happened).toEqual(["http://files/b", "end", "end"]);
  }
});
