// `npm run size`: what the ESP32-P4 library takes of a chip's flash and static memory.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT, setup } from "./setup.mjs";

const HELP = `Usage: npm run size [-- --json]

Bytes of flash and of static memory that libsynapse.a for the ESP32-P4 takes when an application links all of it.

  --json    one JSON object on standard output (npm run --silent size -- --json)
  --help    this text
`;

const boolean = { type: "boolean", default: false };
const { values } = parseArgs({ options: { json: boolean, help: { ...boolean, short: "h" } } });
if (values.help) {
  process.stdout.write(HELP);
} else {
  setup();
  const [{ readArchive, readElf }, { chipSize }] = await Promise.all([
    import("../sim/dist/testing/elf.js"),
    import("../sim/dist/testing/chipSize.js"),
  ]);
  const archive = readFileSync(join(ROOT, "zig-out", "lib", "esp32p4", "libsynapse.a"));
  const size = chipSize(readArchive(archive).map((member) => readElf(member.data)));
  if (values.json) process.stdout.write(`${JSON.stringify({ engine: size })}\n`);
  else {
    const rows = [
      ["code", size.code_bytes, "flash"],
      ["constants", size.constant_bytes, "flash"],
      ["initialised variables", size.initialised_bytes, "flash and RAM"],
      ["zeroed variables", size.zeroed_bytes, "RAM"],
      ["flash in all", size.flash_bytes, ""],
      ["static RAM in all", size.static_ram_bytes, ""],
    ];
    process.stdout.write("engine (libsynapse.a, all of it linked)\n");
    for (const [name, bytes, where] of rows)
      process.stdout.write(`${`  ${name.padEnd(22)}${bytes.toLocaleString("en").padStart(9)} bytes  ${where}`.trimEnd()}\n`);
  }
}
