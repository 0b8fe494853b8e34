import { spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { hasEsptool } from "../../sim/dist/testing/esptool.js";
import { sectionText } from "./text.mjs";

/** Loaded when chosen, because some need packages or programs that others do without. */
const load = {
  native: async () => (await import("./native.mjs")).nativeSection,
  wasm: async () => (await import("./wasm.mjs")).wasmSection,
  rv32: async () => (await import("./rv32.mjs")).rv32Section,
  open: async () => (await import("./open.mjs")).openSection,
  memory: async () => (await import("./memory.mjs")).memorySection,
  start: async () => (await import("./start.mjs")).startSection,
  flash: async () => (await import("./flash.mjs")).flashSection,
};

/** What keeps a section from running here, in words. */
const lacks = {
  rv32: () =>
    spawnSync("qemu-system-riscv32", ["--version"]).status === 0
      ? undefined
      : "qemu-system-riscv32 is not installed; apt-get install qemu-system-misc adds it",
  flash: () => (hasEsptool() ? undefined : "esptool is not here; npm run setup brings it"),
};

/** Runs the named sections one after the other and prints them, as tables or as one JSON object. */
export async function runSections(names, { quick, json }) {
  const report = { quick, processor: cpus()[0]?.model ?? "unknown", node: process.version, sections: {} };
  if (!json)
    print(
      `${report.processor}, Node ${report.node}. Ratios compare; milliseconds are of this run on this machine only.\n`,
    );
  for (const name of names) {
    const missing = lacks[name]?.();
    if (missing) {
      progress(`${name} is left out: ${missing}`);
      report.sections[name] = null;
      continue;
    }
    const measure = await load[name]();
    report.sections[name] = await measure({ quick, progress });
    if (!json) print(`${sectionText[name](report.sections[name])}\n`);
  }
  if (json) print(JSON.stringify(report, null, 2));
}

const print = (text) => process.stdout.write(`${text}\n`);
const progress = (text) => process.stderr.write(`> ${text}\n`);
