import { readFileSync } from "node:fs";
import { buildFile } from "../builds.js";
import { type ElfFile, readArchive, readElf } from "./elf.js";

const page = readFileSync(new URL("../../../docs/esp32p4-library.md", import.meta.url), "utf8");

/** The objects of a library that `zig build` makes for the ESP32-P4. */
export const chipObjects = (name: string): ElfFile[] =>
  readArchive(readFileSync(buildFile(`lib/esp32p4/${name}`))).map((member) => readElf(member.data));

/** The names of a library's members: what ESP-IDF's linker fragments call its objects. */
export const chipMembers = (name: string): string[] =>
  readArchive(readFileSync(buildFile(`lib/esp32p4/${name}`))).map((member) => member.name);

/** What ESP-IDF's fragments, GNU's map files and the size report made of them read as one word. */
export const SECTION_NAME = /^[A-Za-z0-9._+$-]*$/;

/** What docs/esp32p4-library.md says under a heading; the whole page without one. */
export const documented = (heading?: string): string =>
  heading === undefined ? page : (page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? "");

/** The entries in backquotes of the list under a heading of the page: what is documented is what is allowed. */
export function listed(heading: string): string[] {
  const lines = documented(heading)
    .split("\n")
    .filter((line) => line.startsWith("- "));
  return lines.flatMap((line) => [...(line.split(":")[0] ?? "").matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ""));
}

/** Whether a section's name is one of the patterns, of which `.text*` stands for `.text` and `.text.anything`. */
export function matches(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith("*") ? `${name}.`.startsWith(`${pattern.slice(0, -1)}.`) : name === pattern,
  );
}
