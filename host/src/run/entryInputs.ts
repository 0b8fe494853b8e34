import { decodeImage, type EntryInfo, type PortInfo } from "synapse-engine";
import { InputError } from "synapse-engine/errors";
import { JSON_BYTES_MAX, PICTURE, PICTURE_BYTES_MAX } from "../files/inputKinds.js";
import { readInput, readJsonInput } from "../files/readInput.js";
import { parseRows } from "./rows.js";
import { bytesOf } from "./seededInputs.js";

/** Files that a user gives as inputs of an entry, by the kind of port they are for, or by the port's name. */
export interface InputFiles {
  readonly image?: string | undefined;
  readonly actions?: string | undefined;
  readonly latent?: string | undefined;
  /** JSON files by port name; they win over the kinds. */
  readonly byName: ReadonlyMap<string, string>;
}

/** Inputs of one run, in the order of the entry's ports. */
export interface EntryInputs {
  readonly inputs: readonly Uint8Array[];
  readonly rows: number;
  readonly sources: readonly { readonly port: string; readonly kind: PortInfo["kind"]; readonly file: string }[];
}

const OPTION_OF_KIND = {
  image: "image",
  action: "actions",
  latent: "latent",
  tokens: undefined,
  tensor: undefined,
} as const;

/**
 * Reads and checks the inputs of `entry`: pictures are decoded and scaled to the port's size, everything else is JSON
 * rows. Rejects with an InputError `INPUT_MISSING`, `INPUT_UNUSED`, `INPUT_ROWS`, or that of the file which is wrong.
 */
export async function readEntryInputs(entry: EntryInfo, files: InputFiles): Promise<EntryInputs> {
  const chosen = entry.inputs.map((port) => ({ port, file: fileFor(entry, port, files) }));
  refuseUnused(entry, files);
  const inputs: Uint8Array[] = [];
  let rows: { count: number; port: string } | undefined;
  for (const { port, file } of chosen) {
    const bytes =
      port.kind === "image" ? await readImagePort(port, file) : await readRowsPort(port, file, entry.rowsMax);
    if (port.dynamic) {
      const count = (bytes.byteLength * (port.shape[0] as number)) / port.bytesMax;
      if (rows && rows.count !== count) {
        const message = `${count} rows for ${port.name}, but ${rows.count} for ${rows.port}`;
        throw new InputError({ code: "INPUT_ROWS", source: file, message, expected: "as many rows in every input" });
      }
      rows = { count, port: port.name };
    }
    inputs.push(bytes);
  }
  const sources = chosen.map(({ port, file }) => ({ port: port.name, kind: port.kind, file }));
  return { inputs, rows: rows?.count ?? 1, sources };
}

/** Decodes a picture file to the size of an image port: u8 `[H, W, 3]`. */
export async function readImagePort(port: PortInfo, file: string): Promise<Uint8Array> {
  return decodeImagePort(port, await readInput(file, PICTURE, PICTURE_BYTES_MAX), file);
}

/** As `readImagePort`, of a picture that was read already; `file` is its name. */
export async function decodeImagePort(port: PortInfo, bytes: Uint8Array, file: string): Promise<Uint8Array> {
  const [height, width] = port.shape as readonly [number, number, number];
  // Raw RGB is told by its name: a JPEG could have the same length by chance.
  if (/\.(rgb|raw)$/i.test(file)) return checkRawImage(bytes, width, height, file);
  return decodeImage(bytes, { width, height }, file);
}

/** Raw RGB, rows from the top, has exactly the model's size: it says nothing about its own. */
function checkRawImage(bytes: Uint8Array, width: number, height: number, file: string): Uint8Array {
  if (bytes.length === width * height * 3) return bytes;
  throw new InputError({
    code: "IMAGE_RAW_SIZE",
    source: file,
    message: `raw RGB of ${bytes.length} bytes`,
    expected: `${width * height * 3} bytes (${width} x ${height} x 3)`,
  });
}

async function readRowsPort(port: PortInfo, file: string, rowsMax: number): Promise<Uint8Array> {
  const document = await readJsonInput(file, "a JSON file", JSON_BYTES_MAX);
  const fixed = port.shape[0] as number;
  const columns = port.shape.slice(1).reduce((product, size) => product * size, 1);
  // A vector is one row, whatever its port calls it.
  const vector = port.shape.length === 1 && !port.dynamic;
  const rows = parseRows(document, {
    source: file,
    noun: port.kind === "tensor" ? port.name : port.kind,
    columns: vector ? fixed : columns,
    rowsMin: port.dynamic || vector ? 1 : fixed,
    rowsMax: vector ? 1 : port.dynamic ? rowsMax : fixed,
  });
  const values = Float32Array.from(rows.flatMap((row) => Array.from(row)));
  if (port.type === "f32") return bytesOf(values);
  const [low, high] = port.type === "u8" ? [0, 255] : [-(2 ** 31), 2 ** 31 - 1];
  const wrong = values.findIndex((value) => !Number.isInteger(value) || value < low || value > high);
  if (wrong >= 0)
    throw new InputError({
      code: "INPUT_RANGE",
      source: file,
      where: `value ${wrong}`,
      message: `${values[wrong]} for ${port.name}`,
      expected: `a whole number from ${low} to ${high}`,
    });
  return port.type === "u8" ? Uint8Array.from(values) : bytesOf(Int32Array.from(values));
}

function fileFor(entry: EntryInfo, port: PortInfo, files: InputFiles): string {
  const option = OPTION_OF_KIND[port.kind];
  const file = files.byName.get(port.name) ?? (option && files[option]);
  if (file) return file;
  const how = option
    ? option === "image"
      ? "a picture, or --image <file>"
      : `--${option} <file>`
    : `--input ${port.name}=<file>`;
  const message = `entry ${entry.name} needs ${port.name} (${port.kind}, ${port.type} [${port.shape.join(", ")}])`;
  throw new InputError({ code: "INPUT_MISSING", source: "command line", message, expected: how });
}

function refuseUnused(entry: EntryInfo, files: InputFiles): void {
  const takes = entry.inputs.map(({ name, kind }) => `${name} (${kind})`).join(", ");
  const refuse = (given: string) =>
    new InputError({
      code: "INPUT_UNUSED",
      source: "command line",
      message: `entry ${entry.name} has no input for ${given}`,
      expected: `inputs for ${takes}`,
    });
  for (const name of files.byName.keys()) {
    if (!entry.inputs.some((port) => port.name === name)) throw refuse(`--input ${name}`);
  }
  for (const [kind, option] of Object.entries(OPTION_OF_KIND)) {
    if (option && files[option] && !entry.inputs.some((port) => port.kind === kind))
      throw refuse(option === "image" ? "a picture" : `--${option}`);
  }
}
