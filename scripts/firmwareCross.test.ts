import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { EF_RISCV_FLOAT_ABI_SINGLE, EF_RISCV_RVC, EM_RISCV, readElf } from "synapse-engine/testing/elf";
import { describe, expect, test } from "vitest";
import { crossCompile, crossTargets, missingForCross } from "../firmware/test_host/cross.mjs";

const TEST_HOST = fileURLToPath(new URL("../firmware/test_host/", import.meta.url));
/** Sections that take memory, of an application as it is linked there. */
const TAKING = [".text", ".rodata", ".data", ".tdata", ".bss"];
/** What the C library declares and ESP-IDF brings, and what only compilers before Espressif's take from a library. */
const OF_THE_TOOLS = ["read", "write", "close", "fcntl", "select", "__atomic_exchange_1"];

const missing = missingForCross();
if (missing !== undefined) process.stderr.write(`skipped: the firmware for the chip: ${missing}\n`);

const headersBelow = (folder: string): string =>
  readdirSync(join(TEST_HOST, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".h"))
    .map((name) => readFileSync(join(TEST_HOST, folder, name), "utf8"))
    .join("\n");

const wordsOf = (text: string): Set<string> => new Set(text.match(/\b[A-Za-z_]\w*\b/g));

/** All that a compiler sees of the declarations, of pictures' libraries too. */
function declared(): Set<string> {
  const pictures = spawnSync("cat", ["/usr/include/jpeglib.h", "/usr/include/png.h"], { encoding: "utf8" }).stdout;
  return wordsOf([headersBelow("include"), headersBelow("chip"), pictures].join("\n"));
}

const undefinedOf = (elf: string): string[] =>
  readElf(readFileSync(elf))
    .symbols.filter(({ name, defined }) => name !== "" && !defined)
    .map(({ name }) => name);

/** Names of functions that headers declare, and do not define. */
const functionsOf = (text: string): string[] =>
  [...text.matchAll(/^(?!#|typedef|_Static_assert)\w[\w *]*?\b(\w+)\([^;{]*;/gm)].map(([, name]) => name as string);

describe.skipIf(missing !== undefined)("the firmware compiles for the chip without a warning", () => {
  const wanted = new Set<string>();

  for (const target of crossTargets())
    test(`${target}: it links with the chip's libraries, and lacks only what is declared`, () => {
      const { elf: path } = crossCompile(target);
      const elf = readElf(readFileSync(path));
      expect([elf.machine, elf.flags]).toEqual([EM_RISCV, EF_RISCV_RVC | EF_RISCV_FLOAT_ABI_SINGLE]);
      const taking = elf.sections.filter(({ allocated, bytes }) => allocated && bytes > 0).map(({ name }) => name);
      expect(TAKING).toEqual(expect.arrayContaining(taking));
      const names = declared();
      const lacking = undefinedOf(path);
      expect(lacking).toContain("httpd_start");
      expect(lacking.filter((name) => !names.has(name) && !OF_THE_TOOLS.includes(name))).toEqual([]);
      for (const name of lacking) wanted.add(name);
    }, 60_000);

  test("what test_host declares of ESP-IDF is what the firmware calls", () => {
    expect(functionsOf(headersBelow("include")).filter((name) => !wanted.has(name))).toEqual([]);
  });
});
