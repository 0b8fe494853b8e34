import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readBoard, type SimulatedChip, startSimulatedChip } from "synapse-sim";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createContext } from "../cli/context.js";
import { main } from "../cli/main.js";
import { codeOf } from "../testing/codeOf.js";
import { ElfSymbols } from "./elfSymbols.js";
import { LineSplitter, levelOf } from "./logLine.js";
import { resetChip } from "./monitorPort.js";
import { findPort } from "./openPort.js";
import { PanicDecoder } from "./panicDecoder.js";
import { portFailure } from "./portFailure.js";
import { chipAt } from "./probePorts.js";

const repository = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

/** An ELF with nothing but a symbol table. */
function makeElf(symbols: readonly { name: string; address: number; bytes: number }[]): Uint8Array {
  const names = Buffer.from(`\0${symbols.map(({ name }) => `${name}\0`).join("")}`);
  const table = Buffer.alloc(16 * symbols.length);
  symbols.forEach(({ name, address, bytes }, i) => {
    table.writeUInt32LE(names.indexOf(`\0${name}\0`) + 1, 16 * i);
    table.writeUInt32LE(address, 16 * i + 4);
    table.writeUInt32LE(bytes, 16 * i + 8);
    table[16 * i + 12] = 0x12;
  });
  const header = Buffer.alloc(52);
  header.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  header.writeUInt32LE(52 + table.length + names.length, 32);
  header.writeUInt16LE(2, 48);
  const sections = Buffer.alloc(80);
  for (const [i, [type, offset, bytes, link]] of [
    [2, 52, table.length, 1],
    [3, 52 + table.length, names.length, 0],
  ].entries())
    for (const [field, value] of [
      [4, type],
      [16, offset],
      [20, bytes],
      [24, link],
    ] as const)
      sections.writeUInt32LE(value as number, 40 * i + field);
  return Buffer.concat([header, table, names, sections]);
}

const ELF = makeElf([
  { name: "app_main", address: 0x4000a100, bytes: 0x80 },
  { name: "panic_here", address: 0x4000a000, bytes: 0x40 },
]);

test("a program that was made to fill the memory is read like any other", () => {
  const long = "x".repeat(1 << 20);
  const many = Buffer.from(
    makeElf([
      { name: long, address: 0x4000b000, bytes: 4 },
      { name: "good", address: 0x4000a000, bytes: 4 },
    ]),
  );
  expect(new ElfSymbols(many, "many.elf").nameOf(0x4000a000)).toBe("good+0x0");
  expect(new ElfSymbols(many, "many.elf").nameOf(0x4000b000)).toBeUndefined();
});

test("a board writes nothing to the terminal but text, by controls of eight bits neither", () => {
  const text = new TextEncoder().encode("\u009b2J\u001b]0;title\u0007I (1) main: \u001b[31mred\n");
  expect(new LineSplitter().push(text)).toEqual(["2J]0;titleI (1) main: red"]);
});

describe("addresses of a panic", () => {
  const LINE = "MEPC    : 0x4000a012  RA      : 0x4000a17f  SP      : 0x4ff12340  GP      : 0x4ff0c000";
  const BACKTRACE = "Backtrace: 0x4000a004:0x4ff0abcd 0x4000a110:0x4ff00000";
  const WITH_LINES = Buffer.concat([ELF, Buffer.from("\0.debug_line\0")]);
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "synapse-panic-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** A decoder of a program, on a machine where `program` is a script. */
  async function decoderOf(elf: Uint8Array, program = "nothing", script = ""): Promise<PanicDecoder> {
    await writeFile(join(folder, "app.elf"), elf);
    await writeFile(join(folder, program), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return PanicDecoder.open(join(folder, "app.elf"), { PATH: folder });
  }

  test("have the names of the program's functions", async () => {
    const decoder = await decoderOf(WITH_LINES);
    expect(decoder.about).toMatch(/without lines of source: none of riscv32-esp-elf-addr2line, .* is on the PATH/);
    expect(await decoder.namesOf(LINE)).toEqual(["MEPC 0x4000a012: panic_here+0x12", "RA 0x4000a17f: app_main+0x7f"]);
    expect(await decoder.namesOf(BACKTRACE)).toEqual([
      "Backtrace 0x4000a004: panic_here+0x4",
      "Backtrace 0x4000a110: app_main+0x10",
    ]);
    expect(await decoder.namesOf("I (1) MEPC : 0x4000a060 is nothing's")).toEqual([]);
  });

  test.skipIf(process.platform === "win32")("have their lines of source where a program finds them", async () => {
    // As Espressif's says it, and only for one of the two addresses.
    const said = `echo "0x4000a012: divide at /p/main.c:3 (discriminator 2)"
      echo " (inlined by) panic_here at /p/main.c:7"
      echo "0x4000a17f: app_main at ??:?"
      echo "$@" > "${join(folder, "asked")}"`;
    const decoder = await decoderOf(WITH_LINES, "riscv32-esp-elf-addr2line", said.replaceAll("echo", "printf '%s\\n'"));
    expect(decoder.about).toBe("functions and lines of source, by riscv32-esp-elf-addr2line");
    expect(await decoder.namesOf(LINE)).toEqual([
      "MEPC 0x4000a012: divide at /p/main.c:3 (discriminator 2)",
      "  inlined by panic_here at /p/main.c:7",
      "RA 0x4000a17f: app_main+0x7f",
    ]);
    expect(await readFile(join(folder, "asked"), "utf8")).toMatch(/-e\n.*app\.elf\n0x4000a012\n0x4000a17f\n$/);
  });

  test.skipIf(process.platform === "win32")(
    "have names alone where that program fails, or there are no lines",
    async () => {
      const names = ["MEPC 0x4000a012: panic_here+0x12", "RA 0x4000a17f: app_main+0x7f"];
      const failing = await decoderOf(WITH_LINES, "llvm-symbolizer", "echo 0x4000a012: a at b.c:1; exit 1");
      expect(await failing.namesOf(LINE)).toEqual(names);
      const stripped = await decoderOf(ELF, "llvm-symbolizer", "echo 0x4000a012: a at b.c:1");
      expect(stripped.about).toMatch(/it has no DWARF/);
      expect(await stripped.namesOf(LINE)).toEqual(names);
    },
  );

  test("a file that is no program of the chip, or cut anywhere, is an error or has no symbols", () => {
    expect(codeOf(() => new ElfSymbols(new Uint8Array(100), "x"))).toBe("ELF_NOT_ONE");
    for (let bytes = 0; bytes < ELF.length; bytes++)
      expect(codeOf(() => new ElfSymbols(ELF.subarray(0, bytes), "x"))).toMatch(/^(ELF_|no error)/);
  });
});

test("lines come whole, without what would steer the terminal", () => {
  const splitter = new LineSplitter();
  const bytes = new TextEncoder().encode("\u001b[0;31mE (12) wifi: caf\u00e9\u0007\u001b[0m\r\nI (1");
  const lines = [...bytes].flatMap((byte) => splitter.push(Uint8Array.of(byte)));
  expect([...lines, ...splitter.end()]).toEqual(["E (12) wifi: café", "I (1"]);
  expect([levelOf(lines[0] ?? ""), levelOf("rst:0x1")]).toEqual(["error", undefined]);
});

test("what keeps a port from being opened is said in words", async () => {
  const say = async (message: string, path: string) => String(await portFailure(path, new Error(message), ["/dev/a"]));
  expect(await say("Permission denied, cannot open /dev/tty", "/dev/tty")).toMatch(
    /expected a (member of the group \w+: `sudo|user who may)/,
  );
  expect(await say("Resource temporarily unavailable Cannot lock port", "/dev/a")).toMatch(/another program/);
  expect(await say("No such file or directory, cannot open /dev/b", "/dev/b")).toMatch(/one of \/dev\/a/);
  await expect(findPort("socket://nowhere")).rejects.toMatchObject({ code: "PORT_ADDRESS" });
  expect(await chipAt("socket://127.0.0.1:1")).toMatchObject({ problem: expect.stringMatching(/nobody answers/) });
});

describe("the console of a simulated chip", () => {
  let folder: string;
  let chip: SimulatedChip;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "synapse-monitor-"));
    const board = await readBoard(repository("boards/esp32-p4-function-ev.json"));
    chip = await startSimulatedChip({ board, family: "v3" });
  });
  afterEach(async () => {
    await chip.close();
    await rm(folder, { recursive: true });
  });

  test("is shown line by line and kept in a file until Ctrl-C", async () => {
    const log = join(folder, "board.log");
    const elf = join(folder, "app.elf");
    await writeFile(elf, ELF);
    const abort = new AbortController();
    let shown = "";
    const stdout = {
      write: (text: string) => {
        shown += text;
        if (/ESP-ROM/.test(shown)) abort.abort();
      },
    };
    const stderr = { write: (text: string) => text.startsWith("-- socket") && chip.reset() };
    const context = createContext(stdout, stderr, {}, abort.signal);
    const code = await main(["monitor", "--port", chip.url, "--elf", elf, "--log", log, "--json"], context);
    expect(code).toBe(0);
    expect(JSON.parse(shown.split("\n")[0] ?? "")).toMatchObject({ level: null, text: expect.any(String) });
    expect(await readFile(log, "utf8")).toMatch(/^\d{4}-\d\d-\d\dT.*Z .*/);
  });

  test.skipIf(!existsSync("/dev/full"))(
    "is shown on when the disk of its log is full, which is said once",
    async () => {
      const abort = new AbortController();
      let [shown, said] = ["", ""];
      const stdout = { write: (text: string) => (shown += text) };
      const stderr = {
        write: (text: string) => {
          said += text;
          // What comes after the warning has no log, and is shown.
          if (text.startsWith("-- socket") || text.startsWith("warning")) chip.reset();
        },
      };
      const context = createContext(stdout, stderr, {}, abort.signal);
      const monitored = main(["monitor", "--port", chip.url, "--log", "/dev/full"], context);
      await expect.poll(() => shown.split("ESP-ROM").length).toBeGreaterThan(2);
      abort.abort();
      expect(await monitored).toBe(0);
      expect(
        said.match(/warning: \/dev\/full: cannot be written \(ENOSPC\); expected a disk with space; the log ends/g),
      ).toHaveLength(1);
    },
  );

  test("over RFC 2217 it is reset by its lines, and flashed at another rate", async () => {
    const name = chip.url.replace("socket:", "rfc2217:");
    const { port, reset } = await findPort(name);
    expect(reset).toBe("default_reset");
    await port.open({ baudRate: 115_200 });
    await chip.idle();
    const before = chip.console.length;
    await resetChip(port);
    await expect.poll(() => chip.console.slice(before)).toContain("ESP-ROM");
    await port.close();
    expect(await chipAt(name)).toMatchObject({ chip: { name: "ESP32-P4", revision: "v3.1" } });
  });

  test("is what ports --probe asks: which chip, which silicon", async () => {
    expect(await chipAt(chip.url)).toEqual({
      chip: { name: "ESP32-P4", revision: "v3.1", flashBytes: 1 << 24, mac: "02:00:00:00:00:01" },
    });
  });
});
