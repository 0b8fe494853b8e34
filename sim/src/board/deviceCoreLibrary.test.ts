import { readFileSync } from "node:fs";
import {
  chipMembers,
  chipObjects,
  documented,
  listed,
  matches,
  SECTION_NAME,
} from "synapse-engine/testing/chipLibrary";
import { chipSize } from "synapse-engine/testing/chipSize";
import { EF_RISCV_FLOAT_ABI_SINGLE, EF_RISCV_RVC, EM_RISCV } from "synapse-engine/testing/elf";
import { describe, expect, test } from "vitest";
import { coreMemory } from "../testing/coreMemory.js";
import { readBoard } from "./readBoard.js";

const root = new URL("../../../", import.meta.url);
const objects = () => chipObjects("libsynapse_engine.a");
const device = () => chipObjects("libsynapse_core.a");

describe("the device core's library for the ESP32-P4", () => {
  const section = documented("The device core");
  /** Where the document's lines break says nothing. */
  const prose = section.replaceAll(/\s+/g, " ");
  const promised = (pattern: RegExp) => Number(pattern.exec(prose)?.[1]?.replaceAll(",", ""));

  test("is of the same machine and the same kinds of sections as the engine's", () => {
    const taking = listed("Sections that take memory");
    const others = listed("Other sections");
    expect(chipMembers("libsynapse_core.a")).toEqual(["synapse_core.o"]);
    for (const object of device()) {
      expect([object.machine, object.flags]).toEqual([EM_RISCV, EF_RISCV_RVC | EF_RISCV_FLOAT_ABI_SINGLE]);
      for (const { name, allocated, bytes } of object.sections) {
        expect(name).toMatch(SECTION_NAME);
        if (name !== "" && (bytes > 0 || !allocated))
          expect(matches(name, allocated ? taking : others), name).toBe(true);
      }
    }
  });

  test("needs the documented symbols, and functions that the engine offers", () => {
    const engine = objects().flatMap((object) => object.symbols.filter(({ defined, global }) => defined && global));
    const known = new Set([...engine.map(({ name }) => name), ...listed("Symbols the device core needs")]);
    const own = new Set(
      device().flatMap((object) => object.symbols.filter(({ defined }) => defined).map(({ name }) => name)),
    );
    const needed = device().flatMap((object) => object.symbols.filter(({ name, defined }) => name !== "" && !defined));
    expect(needed.map(({ name }) => name).filter((name) => !known.has(name) && !own.has(name))).toEqual([]);
  });

  test("offers the functions of synapse_device.h and synapse_image.h and no other global name", () => {
    const include = new URL("firmware/components/synapse/include/", root);
    const text = ["synapse_device.h", "synapse_image.h"].map((name) => readFileSync(new URL(name, include), "utf8"));
    const declared = [...text.join("\n").matchAll(/^\w+ \*?(synapse_(?:device|resize)_\w+)\(/gm)].map(
      (match) => match[1] ?? "",
    );
    expect(declared.length).toBeGreaterThan(12);
    const offered = device().flatMap((object) => object.symbols.filter(({ defined, global }) => defined && global));
    expect(offered.map(({ name }) => name).sort()).toEqual(declared.sort());
  });

  test("SHA-256 is in the engine alone, and no half is converted by a library", () => {
    const code = (files: ReturnType<typeof device>) =>
      files.flatMap(({ sections }) => sections.filter(({ name }) => /^\.text.*sha2/i.test(name)));
    expect(code(objects()).length).toBeGreaterThan(0);
    expect(code(device())).toEqual([]);
    const needed = new Set([...objects(), ...device()].flatMap(({ symbols }) => symbols.map(({ name }) => name)));
    expect([...needed].filter((name) => /hf/.test(name))).toEqual([]);
  });

  test("stays below the flash and static memory that the page promises", () => {
    const size = chipSize(device());
    expect(size.code_bytes).toBeGreaterThan(100_000);
    expect(size.flash_bytes).toBeLessThanOrEqual(promised(/at most ([0-9,]+) bytes of flash/));
    expect(size.static_ram_bytes).toBeLessThanOrEqual(promised(/at most ([0-9,]+) bytes of static memory/));
  });

  test("takes no more memory at its start than the page promises", async () => {
    const memory = await coreMemory(await readBoard(new URL("boards/waveshare-esp32-p4-wifi6.json", root).pathname));
    expect(memory.fast_bytes).toBeGreaterThan(1_000);
    expect(memory.fast_bytes).toBeLessThanOrEqual(promised(/at most ([0-9,]+) bytes of SRAM/));
    expect(memory.slow_bytes - memory.bodies_bytes).toBeGreaterThan(100_000);
    expect(memory.slow_bytes - memory.bodies_bytes).toBeLessThanOrEqual(promised(/at most ([0-9,]+) bytes of PSRAM/));
  });
});
