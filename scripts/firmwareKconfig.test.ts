import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const FIRMWARE = fileURLToPath(new URL("../firmware/", import.meta.url));
const KCONFIGS = ["components/synapse/Kconfig", "main/Kconfig.projbuild"];
const SOURCES = ["components/synapse/include", "components/synapse/port", "main"];

const textOf = (path: string): string => readFileSync(join(FIRMWARE, path), "utf8");

/** Option -> the lines below it. */
function declared(): Map<string, string> {
  const blocks = KCONFIGS.flatMap((path) =>
    textOf(path)
      .split(/^\s*config (?=SYNAPSE_)/m)
      .slice(1),
  );
  return new Map(blocks.map((block) => [block.slice(0, block.indexOf("\n")), block]));
}

function used(): Set<string> {
  const files = SOURCES.flatMap((folder) =>
    readdirSync(join(FIRMWARE, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.[ch]$/.test(name))
      .map((name) => join(folder, name)),
  );
  const words = files.flatMap((path) => [...textOf(path).matchAll(/\bCONFIG_(SYNAPSE_\w+)/g)]);
  const placed = [...textOf("components/synapse/linker.lf").matchAll(/\b(SYNAPSE_[A-Z_]+) = y/g)];
  return new Set([...words, ...placed].map(([, name]) => name as string));
}

test("Kconfig declares what the firmware's C and its linker fragment use, and nothing else", () => {
  // The choice in which neither option of linker.lf is set.
  const names = [...declared().keys()].filter((name) => name !== "SYNAPSE_KERNELS_IN_RAM_NONE");
  expect(names.sort()).toEqual([...used()].sort());
});

test("every option says what it is for", () => {
  for (const [name, block] of declared()) expect(block, name).toMatch(/\n\s+help\n\s+\S/);
});

test("what a board sets is declared", () => {
  const names = [...declared().keys()];
  for (const board of readdirSync(join(FIRMWARE, "boards"), { withFileTypes: true })) {
    if (!board.isDirectory()) continue;
    const settings = textOf(`boards/${board.name}/sdkconfig.defaults`).matchAll(/^CONFIG_(SYNAPSE_\w+)=/gm);
    for (const [, name] of settings) expect(names).toContain(name);
  }
});

test("every C file of port/ and main/ is built", () => {
  for (const folder of ["components/synapse", "main"]) {
    const list = textOf(`${folder}/CMakeLists.txt`);
    for (const name of readdirSync(join(FIRMWARE, folder), { recursive: true, encoding: "utf8" }))
      if (/^(?:port|setup)?\/?\w+\.c$/.test(name)) expect(list).toContain(name);
  }
});
