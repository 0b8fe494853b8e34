import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readBoard } from "../board/readBoard.js";
import { chipSize } from "../testing/chipSize.js";
import { coreMemory } from "../testing/coreMemory.js";
import { EF_RISCV_FLOAT_ABI_SINGLE, EF_RISCV_RVC, EM_RISCV, readArchive, readElf } from "../testing/elf.js";
import { buildFile } from "./builds.js";

const root = new URL("../../../", import.meta.url);
const page = readFileSync(new URL("docs/esp32p4-library.md", root), "utf8");
const header = readFileSync(new URL("kernels/include/synapse.h", root), "utf8");
const device = () => readArchive(readFileSync(buildFile("lib/esp32p4/libsynapse_device.a"))).map((member) => readElf(member.data));
const objects = () => readArchive(readFileSync(buildFile("lib/esp32p4/libsynapse.a"))).map((member) => readElf(member.data));

/** The entries in backquotes of the list under a heading of the page: what is documented is what is allowed. */
function listed(heading: string): string[] {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
  const lines = section.split("\n").filter((line) => line.startsWith("- "));
  return lines.flatMap((line) => [...(line.split(":")[0] ?? "").matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ""));
}

/** Whether a section's name is one of the patterns, of which `.text*` stands for `.text` and `.text.anything`. */
function matches(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => (pattern.endsWith("*") ? `${name}.`.startsWith(`${pattern.slice(0, -1)}.`) : name === pattern));
}

describe("the ESP32-P4 library links into an ESP-IDF application", () => {
  test("every object is RV32 with compressed instructions and the ilp32f calling convention", () => {
    expect(objects().length).toBeGreaterThan(0);
    for (const object of objects()) {
      expect(object.machine).toBe(EM_RISCV);
      expect(object.flags).toBe(EF_RISCV_RVC | EF_RISCV_FLOAT_ABI_SINGLE);
    }
  });

  test("sections that take memory are of the documented kinds", () => {
    const allowed = listed("Sections that take memory");
    expect(allowed).toContain(".text*");
    for (const object of objects()) {
      const taking = object.sections.filter((section) => section.allocated && section.bytes > 0);
      expect(taking.filter((section) => !matches(section.name, allowed)).map((section) => section.name)).toEqual([]);
    }
  });

  test("other sections are of those that ESP-IDF's linker scripts name", () => {
    const allowed = listed("Other sections");
    expect(allowed).toContain(".riscv.attributes");
    for (const object of objects()) {
      const others = object.sections.filter((section) => !section.allocated && section.name !== "");
      expect(others.filter((section) => !matches(section.name, allowed)).map((section) => section.name)).toEqual([]);
    }
  });

  test("nothing is undefined but the documented symbols", () => {
    const allowed = new Set(listed("Symbols it needs"));
    expect(allowed).toContain("memcpy");
    const defined = new Set(objects().flatMap((object) => object.symbols.filter((symbol) => symbol.defined).map((symbol) => symbol.name)));
    const needed = objects().flatMap((object) => object.symbols.filter((symbol) => symbol.name !== "" && !symbol.defined));
    expect(needed.map((symbol) => symbol.name).filter((name) => !defined.has(name) && !allowed.has(name))).toEqual([]);
  });

  test("it offers every function of synapse.h and no other global name", () => {
    const declared = [...header.matchAll(/^(?:syn_result|const char \*|uint32_t) ?(syn_\w+)\(/gm)].map((match) => match[1] ?? "");
    expect(declared.length).toBeGreaterThan(15);
    const offered = objects().flatMap((object) => object.symbols.filter((symbol) => symbol.defined && symbol.global));
    expect(offered.map((symbol) => symbol.name).sort()).toEqual(declared.sort());
  });

  test("its flash and static memory stay below what the page promises: `npm run size` shows where they go", () => {
    const promised = (what: string) => Number(page.match(new RegExp(`at most ([0-9,]+) bytes of ${what}`))?.[1]?.replaceAll(",", ""));
    const size = chipSize(objects());
    expect(size.code_bytes).toBeGreaterThan(10_000);
    expect(size.flash_bytes).toBeLessThanOrEqual(promised("flash"));
    expect(size.static_ram_bytes).toBeLessThanOrEqual(promised("static memory"));
  });
});

describe("the device core's library for the ESP32-P4", () => {
  const section = page.split(/^## /m).find((part) => part.startsWith("The device core\n")) ?? "";

  test("is of the same machine and the same kinds of sections as the engine's", () => {
    const taking = listed("Sections that take memory");
    const others = listed("Other sections");
    expect(device().length).toBeGreaterThan(0);
    for (const object of device()) {
      expect([object.machine, object.flags]).toEqual([EM_RISCV, EF_RISCV_RVC | EF_RISCV_FLOAT_ABI_SINGLE]);
      for (const { name, allocated, bytes } of object.sections) {
        if (name !== "" && (bytes > 0 || !allocated)) expect(matches(name, allocated ? taking : others), name).toBe(true);
      }
    }
  });

  test("needs the documented symbols, and functions that the engine offers", () => {
    const engine = objects().flatMap((object) => object.symbols.filter(({ defined, global }) => defined && global));
    const known = new Set([...engine.map(({ name }) => name), ...listed("Symbols the device core needs")]);
    const own = new Set(device().flatMap((object) => object.symbols.filter(({ defined }) => defined).map(({ name }) => name)));
    const needed = device().flatMap((object) => object.symbols.filter(({ name, defined }) => name !== "" && !defined));
    expect(needed.map(({ name }) => name).filter((name) => !known.has(name) && !own.has(name))).toEqual([]);
  });

  test("offers the functions of synapse_device.h and no other global name", () => {
    const text = readFileSync(new URL("firmware/components/synapse/include/synapse_device.h", root), "utf8");
    const declared = [...text.matchAll(/^(?:synapse_device_result|synapse_device_text|uint32_t|void) (synapse_device_\w+)\(/gm)].map(
      (match) => match[1] ?? "",
    );
    expect(declared.length).toBeGreaterThan(12);
    const offered = device().flatMap((object) => object.symbols.filter(({ defined, global }) => defined && global));
    expect(offered.map(({ name }) => name).sort()).toEqual(declared.sort());
  });

  test("stays below the flash and static memory that the page promises", () => {
    const promised = (pattern: RegExp) => Number(pattern.exec(section)?.[1]?.replaceAll(",", ""));
    const size = chipSize(device());
    expect(size.code_bytes).toBeGreaterThan(100_000);
    expect(size.flash_bytes).toBeLessThanOrEqual(promised(/at most ([0-9,]+) bytes of flash/));
    expect(size.static_ram_bytes).toBeLessThanOrEqual(promised(/at most ([0-9,]+) bytes of static memory/));
  });

  test("takes no more memory at its start than the page promises", async () => {
    const promised = (pattern: RegExp) => Number(pattern.exec(section)?.[1]?.replaceAll(",", ""));
    const memory = await coreMemory(await readBoard(new URL("boards/waveshare-esp32-p4-wifi6.json", root).pathname));
    expect(memory.fast_bytes).toBeGreaterThan(1_000);
    expect(memory.fast_bytes).toBeLessThanOrEqual(promised(/at most ([0-9,]+) bytes of SRAM/));
    expect(memory.slow_bytes - memory.bodies_bytes).toBeGreaterThan(100_000);
    expect(memory.slow_bytes - memory.bodies_bytes).toBeLessThanOrEqual(promised(/at most ([0-9,]+) bytes of PSRAM/));
  });
});
