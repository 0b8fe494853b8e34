// Writes kernels/format.json, the format as the runtime has it, and host/src/format/table.ts, the form in which the
// host reads it: TypeScript's types of a JSON file forget which names there are, Node 20 warns of JSON modules, and
// declarations of a package cannot name a file outside of it. After a change of a type, an op or a limit in
// kernels/src: node scripts/make-format.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { zig } from "./setup.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The text of the module. */
export function formatTable() {
  const table = JSON.parse(readFileSync(join(ROOT, "kernels/format.json"), "utf8"));
  return (
    `/** Made by scripts/make-format.mjs from kernels/format.json; changes belong in kernels/src. */\n` +
    `export const format = ${JSON.stringify(table, null, 2)} as const;\n`
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  zig(["build", "format"]);
  writeFileSync(join(ROOT, "host/src/format/table.ts"), formatTable());
}
