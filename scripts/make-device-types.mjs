// Writes sim/src/board/deviceAbi.ts from what the simulated board's WASM build says of the device's ABI, which is
// declared in firmware/components/synapse/core/port.zig. After a change there: zig build board-wasm && node
// scripts/make-device-types.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FILE = join(ROOT, "sim/src/board/deviceAbi.ts");
const WIDTH_MAX = 120;

/** What a built board says of its ABI. */
export async function readManifest(path = join(ROOT, "zig-out/synapse-board.wasm")) {
  const nothing = new Proxy({}, { get: () => () => 0 });
  const { instance } = await WebAssembly.instantiate(readFileSync(path), { port: nothing });
  const { memory, board_manifest, board_manifest_bytes } = instance.exports;
  return JSON.parse(new TextDecoder().decode(new Uint8Array(memory.buffer, board_manifest(), board_manifest_bytes())));
}

const TYPES = {
  number: "number",
  signed: "number",
  boolean: "boolean",
  text: "string",
  array: "string",
  bytes: "Uint8Array",
  bytes_or_none: "Uint8Array | undefined",
  fill: "Uint8Array",
  pairs: "readonly (readonly [string, string])[]",
};

const typeOf = ([, kind, , , name]) => TYPES[kind] ?? name;
const constantOf = (name) => `${name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase()}S`;

/** A declaration on one line, or on a line for each part where that is too long. */
function list(head, parts, tail) {
  const line = `${head}${parts.join(", ")}${tail}`;
  if (line.length <= WIDTH_MAX) return line;
  const indent = " ".repeat(head.search(/\S/));
  return `${head}\n${parts.map((part) => `${indent}  ${part},\n`).join("")}${indent}${tail}`;
}

const signature = (name, { fields }, answer) =>
  list(
    `  ${name}(`,
    fields.map((field) => `${field[0]}: ${typeOf(field)}`),
    `): ${answer};`,
  );
const entries = (record, line) =>
  Object.entries(record)
    .map(([name, value]) => line(name, value))
    .join("\n");

/** The text of the types. */
export function deviceTypes(manifest) {
  const enums = entries(manifest.enums, (name, words) => {
    const quoted = words.map((word) => `"${word}"`);
    const constant = list(`export const ${constantOf(name)} = [`, quoted, "] as const;");
    return `${constant}\nexport type ${name} = (typeof ${constantOf(name)})[number];\n`;
  });
  const structs = entries(manifest.structs, (name, { fields }) => {
    const lines = fields.map((field) => `  readonly ${field[0]}: ${typeOf(field)};\n`);
    return `export interface ${name} {\n${lines.join("")}}\n`;
  });
  return `/**
 * Made by scripts/make-device-types.mjs from the device's ABI, as the simulated board was compiled with it; changes
 * belong there: in core/port.zig, or in sim/device/board.zig. What each event and each function means stands in
 * include/synapse_device.h.
 */

${enums}
${structs}
/** What the world tells the core. */
export interface DeviceEvents {
${entries(manifest.events, (name, event) => signature(name, event, "void"))}
}

/** What the core asks of the world, as far as the simulated board does not answer it itself. */
export interface DevicePort {
${entries(manifest.port, (name, call) => signature(name, call, call.answers ? "number" : "void"))}
}

/** What a host may ask of a simulated board at any time. */
export interface BoardQueries {
${entries(manifest.queries, (name, { answers }) => `  ${name}(): ${answers};`)}
}

/** What a simulated board is made of; see sim/device/board.zig. */
export interface CoreOptions {
${entries(manifest.options, (name, type) => `  readonly ${name}: ${type};`)}
}
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(FILE, deviceTypes(await readManifest(process.argv[2])));
