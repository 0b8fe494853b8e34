// `npm run size`: what the ESP32-P4 libraries and the C around them take of a chip's flash and static memory, and what
// the device core takes of each board's memory at its start.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { crossCompile, missingForCross } from "../firmware/test_host/cross.mjs";
import { ROOT, setup } from "./setup.mjs";

const FIRMWARE_BOARD = "waveshare-esp32-p4-wifi6";

const HELP = `Usage: npm run size [-- --json]

Bytes of flash and of static memory that the ESP32-P4 libraries, engine and device core, take when an application links
all of them, and that the port to ESP-IDF and the ready application add; and of SRAM and PSRAM that the core takes of
each board when it starts. It allocates nothing after that. The stacks of the firmware's tasks are measured on this
machine, as its C does what takes most of each.

  --json    one JSON object on standard output (npm run --silent size -- --json)
  --help    this text
`;

const boolean = { type: "boolean", default: false };
const { values } = parseArgs({ options: { json: boolean, help: { ...boolean, short: "h" } } });
if (values.help) {
  process.stdout.write(HELP);
} else {
  setup();
  const [{ readArchive, readElf }, { chipSize }, { coreMemory }, { readBoard }, port, stacks] = await Promise.all([
    import("synapse-engine/testing/elf"),
    import("synapse-engine/testing/chipSize"),
    import("synapse-sim/testing/coreMemory"),
    import("synapse-sim/boards"),
    import("synapse-sim/testing/portBoard"),
    import("synapse-sim/testing/portStacks"),
  ]);
  const sizeOf = (...names) =>
    chipSize(
      names.flatMap((name) =>
        readArchive(readFileSync(join(ROOT, "zig-out", "lib", "esp32p4", name))).map(({ data }) => readElf(data)),
      ),
    );
  const sizeOfFiles = (paths) => chipSize(paths.map((path) => readElf(readFileSync(path))));
  const missing = missingForCross();
  const sizes = {
    engine: sizeOf("libsynapse_engine.a"),
    device_core: sizeOf("libsynapse_core.a"),
    all: sizeOf("libsynapse_engine.a", "libsynapse_core.a"),
    ...(missing === undefined ? firmwareSizes(sizeOfFiles) : {}),
    boards: [],
  };
  for (const name of readdirSync(join(ROOT, "boards")).sort())
    sizes.boards.push(await coreMemory(await readBoard(join(ROOT, "boards", name))));
  const lacking = port.buildPortBoard({ plain: true }).missing;
  if (lacking === undefined) sizes.stacks = await stacks.measurePortStacks(await stackWork(readBoard));
  if (values.json) process.stdout.write(`${JSON.stringify(sizes)}\n`);
  else {
    const rows = [
      ["code", "code_bytes", "flash"],
      ["constants", "constant_bytes", "flash"],
      ["initialised variables", "initialised_bytes", "flash and RAM"],
      ["zeroed variables", "zeroed_bytes", "RAM"],
      ["flash in all", "flash_bytes", ""],
      ["static RAM in all", "static_ram_bytes", ""],
    ];
    const line = (name, cells, where) =>
      `${`  ${name.padEnd(22)}${cells.map((cell) => cell.padStart(13)).join("")}  ${where}`.trimEnd()}\n`;
    const built = missing === undefined;
    const further = built ? ["port", "application", "linked"] : [];
    process.stdout.write(line("bytes", ["engine", "device core", ...further], ""));
    const columns = [sizes.engine, sizes.device_core];
    if (built) columns.push(sizes.port, sizes.application, sizes.firmware);
    for (const [name, key, where] of rows) {
      const cells = columns.map((size) => size[key].toLocaleString("en"));
      process.stdout.write(line(name, cells, where));
    }
    process.stdout.write(
      built
        ? `\n  linked: what ${FIRMWARE_BOARD} uses of all four, with its C library and without ESP-IDF\n`
        : `\n  port, application and firmware are not here: ${missing}\n`,
    );
    process.stdout.write("\n  the core's memory at its start, of what the board leaves for Synapse\n");
    for (const each of sizes.boards) {
      const of = (part, whole) => `${part.toLocaleString("en")} of ${whole.toLocaleString("en")}`;
      const bodies = `${each.bodies_bytes.toLocaleString("en")} for bodies of requests`;
      process.stdout.write(
        `  ${each.board}: SRAM ${of(each.fast_bytes, each.fast_of_bytes)}, PSRAM ` +
          `${of(each.slow_bytes, each.slow_of_bytes)} (${bodies})\n`,
      );
    }
    process.stdout.write(
      lacking === undefined
        ? `\n  stacks of the firmware's tasks on this machine (${process.arch}): used, and asked for\n`
        : `\n  the stacks of the firmware's tasks are not here: ${lacking}\n`,
    );
    for (const { task, used_bytes, of_bytes } of sizes.stacks ?? [])
      process.stdout.write(`  ${task}: ${used_bytes.toLocaleString("en")} of ${of_bytes.toLocaleString("en")}\n`);
  }
}

/** The small model of the tests on the board of the firmware, and pictures. */
async function stackWork(readBoard) {
  return {
    board: await readBoard(join(ROOT, "boards", `${FIRMWARE_BOARD}.json`)),
    model: readFileSync(join(ROOT, "sim/fixtures/lewm-test.syn")),
    latent: 32,
    pictures: ["coffee.jpg", "cat.jpg", "rocket-portrait.jpg"].map((name) => readFileSync(join(ROOT, "samples", name))),
  };
}

/** Of the C around the libraries, and of all that is linked; `sizeOf(paths)` answers what files take. */
function firmwareSizes(sizeOf) {
  const { elf, port, application } = crossCompile(FIRMWARE_BOARD);
  return { port: sizeOf(port), application: sizeOf(application), firmware: sizeOf([elf]) };
}
