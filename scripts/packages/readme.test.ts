import { expect, test } from "vitest";
// @ts-expect-error: a plain script without types.
import { filesOnTheWeb, publishedReadme } from "./readme.mjs";

const README = `# a\n\nSee [the docs](../docs/a.md#b), [npm](https://www.npmjs.com) and [below](#more).\n\n## More\n\n## In this repository\n\n[x](src)\n`;

test("without an address the words of relative links stay, and what is about the sources goes", () => {
  expect(publishedReadme(README, "engines", undefined)).toBe(
    "# a\n\nSee the docs, [npm](https://www.npmjs.com) and [below](#more).\n\n## More\n",
  );
});

test("with an address relative links lead to the version's files", () => {
  const web = filesOnTheWeb({ repository: { url: "git+https://code.example/a/b.git" }, version: "1.2.3" });
  expect(web).toBe("https://code.example/a/b/blob/v1.2.3");
  expect(publishedReadme(README, "engines", web)).toContain(
    "[the docs](https://code.example/a/b/blob/v1.2.3/docs/a.md#b)",
  );
  expect(filesOnTheWeb({ version: "1.2.3" })).toBeUndefined();
});
