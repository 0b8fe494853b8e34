import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { chipMembers, chipObjects, documented, listed, matches, SECTION_NAME as NAME } from "./testing/chipLibrary.js";
import { chipSize } from "./testing/chipSize.js";
import { EF_RISCV_FLOAT_ABI_SINGLE, EF_RISCV_RVC, EM_RISCV } from "./testing/elf.js";

const page = documented();
const header = readFileSync(new URL("../../kernels/include/synapse.h", import.meta.url), "utf8");
const objects = () => chipObjects("libsynapse_engine.a");

describe("the ESP32-P4 library links into an ESP-IDF application", () => {
  test("every object is RV32 with compressed instructions and the ilp32f calling convention", () => {
    expect(objects().length).toBeGreaterThan(0);
    for (const object of objects()) {
      expect(object.machine).toBe(EM_RISCV);
      expect(object.flags).toBe(EF_RISCV_RVC | EF_RISCV_FLOAT_ABI_SINGLE);
    }
  });

  test("its one member and its sections have names that linker fragments and size reports take", () => {
    expect(chipMembers("libsynapse_engine.a")).toEqual(["synapse_engine.o"]);
    const names = objects().flatMap((object) => object.sections.map((section) => section.name));
    expect(names).toContain(".text.compute_linear_part");
    expect(names.filter((name) => !NAME.test(name))).toEqual([]);
  });

  test("the linker fragment puts functions of it into internal RAM, which take what Kconfig says", () => {
    const component = new URL("../../firmware/components/synapse/", import.meta.url);
    const [, panels, all] = readFileSync(new URL("linker.lf", component), "utf8").split(/^ {4}if .*:$/m);
    const kconfig = readFileSync(new URL("Kconfig", component), "utf8");
    const bytesOf = (entries: string | undefined) => {
      const functions = [...(entries ?? "").matchAll(/^ {8}synapse_engine:(\w+) \(noflash_text\)$/gm)];
      expect(functions.length).toBeGreaterThan(0);
      return functions.reduce((sum, [, name]) => {
        const sections = objects().flatMap((object) => object.sections.filter((each) => each.name === `.text.${name}`));
        expect(sections, name).not.toEqual([]);
        return sum + sections.reduce((bytes, section) => bytes + section.bytes, 0);
      }, 0);
    };
    const said = (what: string) => Number(kconfig.match(new RegExp(`"${what} \\((\\d+) KB\\)"`))?.[1]) * 1000;
    expect(Math.abs(bytesOf(panels) - said("The inner loops of matrix products"))).toBeLessThan(1000);
    expect(Math.abs(bytesOf(panels) + bytesOf(all) - said("All kernels"))).toBeLessThan(2000);
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
    const defined = new Set(
      objects().flatMap((object) => object.symbols.filter((symbol) => symbol.defined).map((symbol) => symbol.name)),
    );
    const needed = objects().flatMap((object) =>
      object.symbols.filter((symbol) => symbol.name !== "" && !symbol.defined),
    );
    expect(needed.map((symbol) => symbol.name).filter((name) => !defined.has(name) && !allowed.has(name))).toEqual([]);
  });

  test("it offers every function of synapse.h and no other global name", () => {
    const declared = [...header.matchAll(/^(?:syn_result|const char \*|uint32_t|void) ?(syn_\w+)\(/gm)].map(
      (match) => match[1] ?? "",
    );
    expect(declared.length).toBeGreaterThan(15);
    const offered = objects().flatMap((object) => object.symbols.filter((symbol) => symbol.defined && symbol.global));
    expect(offered.map((symbol) => symbol.name).sort()).toEqual(declared.sort());
  });

  test("its flash and static memory stay below what the page promises: `npm run size` shows where they go", () => {
    const promised = (what: string) =>
      Number(page.match(new RegExp(`at most ([0-9,]+) bytes of ${what}`))?.[1]?.replaceAll(",", ""));
    const size = chipSize(objects());
    expect(size.code_bytes).toBeGreaterThan(10_000);
    expect(size.flash_bytes).toBeLessThanOrEqual(promised("flash"));
    expect(size.static_ram_bytes).toBeLessThanOrEqual(promised("static memory"));
  });
});
