import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
// @ts-expect-error: a plain script without types.
import { datedChangelog, unreleased } from "./changelog.mjs";
// @ts-expect-error: a plain script without types.
import { bumped, carriers, isAbove, present } from "./version.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

interface Carrier {
  readonly file: string;
  readonly version: string;
}

test("all copies of the version are the root's", () => {
  const copies: Carrier[] = carriers(ROOT);
  expect(copies.length).toBeGreaterThan(6);
  expect(copies.filter(({ version }) => version !== present(ROOT))).toEqual([]);
});

test("a release writes the version into every copy and changes nothing else", () => {
  const files: { file: string; from: string; text: string }[] = bumped(ROOT, "98.7.6");
  for (const { text, from } of files) {
    expect(from).toBe(present(ROOT));
    expect(text).toContain("98.7.6");
  }
  const host = JSON.parse(files.find(({ file }) => file === "host/package.json")?.text ?? "");
  const own = Object.entries(host.dependencies).filter(([name]) => name.startsWith("synapse-"));
  expect(own.length).toBeGreaterThan(0);
  for (const [, version] of own) expect(version).toBe("98.7.6");
  expect(host.dependencies.zod).not.toBe("98.7.6");
});

test.each([
  ["0.2.0", "0.1.9", true],
  ["0.1.10", "0.1.9", true],
  ["0.1.0", "0.1.0", false],
  ["0.1.0-rc.1", "0.1.0", false],
  ["0.1.0", "0.1.0-rc.1", true],
])("%s above %s: %s", (version, other, above) => {
  expect(isAbove(version, other)).toBe(above);
});

test.each(["1", "v1.2.3", "1.2", "", "1.2.3; rm -rf /"])("%j is no version", (version) => {
  expect(() => isAbove(version, "0.1.0")).toThrow(/is no version; expected three numbers/);
});

test("the changelog's section is dated, an empty one stands before it, older ones after it", () => {
  const before = "# Changelog\n\n## Unreleased\n\n### Added\n\n- A.\n\n## 0.1.0 - 2026-01-01\n\n- Old.\n";
  const after = datedChangelog(before, "0.2.0", "2026-02-03");
  expect(after).toBe(
    "# Changelog\n\n## Unreleased\n\n## 0.2.0 - 2026-02-03\n\n### Added\n\n- A.\n\n## 0.1.0 - 2026-01-01\n\n- Old.\n",
  );
  expect(unreleased(before)).toBe("### Added\n\n- A.");
  expect(unreleased(after)).toBe("");
  expect(() => unreleased("# Changelog\n")).toThrow(/no section/);
});
