import type { EntryInfo, ModelInfo, PortInfo } from "synapse-engine";
import { InputError } from "synapse-engine/errors";
import { type CheckpointTensor, openCheckpoint } from "../checkpoint/index.js";
import { bytesOf } from "./seededInputs.js";

/** One run that the user made elsewhere. */
export interface ExpectedSample {
  readonly entry: EntryInfo;
  readonly rows: number;
  /** In the order of the entry's ports. */
  readonly inputs: readonly Uint8Array[];
  /** In the order of the entry's outputs; undefined for one that was not saved. */
  readonly outputs: readonly (Float32Array | undefined)[];
}

/** Tensors of all samples together, so that a file of something else is refused before anything of it is read. */
const TENSORS_MAX = 100_000;
const FORM = '"<entry>.<number>.<input or output>", such as "encode.0.image" (docs/verify.md)';

type Saved = ReadonlyMap<string, CheckpointTensor>;

/**
 * Reads inputs and outputs that were saved from another implementation: tensors named `<entry>.<number>.<port>` in a
 * safetensors file. Answers the samples of each entry. Rejects with InputErrors `EXPECTED_*`, or that of the reader.
 */
export async function readExpectedOutputs(path: string, info: ModelInfo): Promise<ExpectedSample[]> {
  const checkpoint = await openCheckpoint(path);
  try {
    const samples: ExpectedSample[] = [];
    for (const [entry, numbers] of grouped(path, checkpoint.tensors, info)) {
      for (const [number, saved] of numbers) samples.push(await readSample(path, entry, number, saved));
    }
    return samples;
  } finally {
    await checkpoint.close();
  }
}

function grouped(
  path: string,
  tensors: Saved,
  info: ModelInfo,
): Map<EntryInfo, Map<number, Map<string, CheckpointTensor>>> {
  const fail = (where: string, message: string, expected: string) =>
    new InputError({ code: "EXPECTED_NAME", source: path, where, message, expected });
  if (tensors.size === 0 || tensors.size > TENSORS_MAX)
    throw fail("the file", `holds ${tensors.size} tensors`, `1 to ${TENSORS_MAX} named ${FORM}`);
  const groups = new Map<EntryInfo, Map<number, Map<string, CheckpointTensor>>>();
  for (const [name, tensor] of tensors) {
    const where = `tensor ${JSON.stringify(name.slice(0, 200))}`;
    const [, entryName, number, portName] = /^([^.]+)\.(\d{1,6})\.([^.]+)$/.exec(name) ?? [];
    if (entryName === undefined || portName === undefined)
      throw fail(where, "has another name than samples have", FORM);
    const entry = info.entries.find((candidate) => candidate.name === entryName);
    if (entry === undefined)
      throw fail(
        where,
        "is of an entry that the model does not have",
        info.entries.map((known) => known.name).join(", "),
      );
    const ports = [...entry.inputs, ...entry.outputs].map((port) => port.name);
    if (!ports.includes(portName)) throw fail(where, `is no input or output of ${entryName}`, ports.join(", "));
    const samples = groups.get(entry) ?? new Map<number, Map<string, CheckpointTensor>>();
    const sample = samples.get(Number(number)) ?? new Map<string, CheckpointTensor>();
    groups.set(entry, samples.set(Number(number), sample.set(portName, tensor)));
  }
  return groups;
}

async function readSample(path: string, entry: EntryInfo, number: number, saved: Saved): Promise<ExpectedSample> {
  const sample = `${entry.name}.${number}`;
  const missing = entry.inputs.find(({ name }) => !saved.has(name));
  const missed = (what: string, expected: string) =>
    new InputError({
      code: "EXPECTED_MISSING",
      source: path,
      where: `sample ${sample}`,
      message: `has no ${what}`,
      expected,
    });
  if (missing)
    throw missed(`tensor "${sample}.${missing.name}"`, `every input of ${entry.name}: ${shapeText(missing)}`);
  if (!entry.outputs.some(({ name }) => saved.has(name)))
    throw missed("output", entry.outputs.map(({ name }) => `"${sample}.${name}"`).join(" or "));
  const rows = rowsOf(path, entry, sample, saved);
  const inputs: Uint8Array[] = [];
  for (const port of entry.inputs) {
    const tensor = saved.get(port.name) as CheckpointTensor;
    requireShape(path, port, tensor, rows);
    inputs.push(await inputBytes(path, port, tensor));
  }
  const outputs: (Float32Array | undefined)[] = [];
  for (const port of entry.outputs) {
    const tensor = saved.get(port.name);
    if (tensor !== undefined) requireShape(path, port, tensor, rows);
    outputs.push(await tensor?.readF32());
  }
  return { entry, rows, inputs, outputs };
}

/** The rows of a run: as many as the first input of that kind has. */
function rowsOf(path: string, entry: EntryInfo, sample: string, saved: Saved): number {
  const port = entry.inputs.find(({ dynamic }) => dynamic);
  if (port === undefined) return 1;
  const { shape } = saved.get(port.name) as CheckpointTensor;
  const columns = port.shape.slice(1).reduce((product, size) => product * size, 1);
  const rows = shape.reduce((product, size) => product * size, 1) / columns;
  if (Number.isInteger(rows) && rows >= 1 && rows <= entry.rowsMax) return rows;
  throw shapeError(path, `${sample}.${port.name}`, shape, `${shapeText(port)}: 1 to ${entry.rowsMax} rows`);
}

/** Dimensions of 1 are not compared: PyTorch's outputs have one for the batch. */
function requireShape(path: string, port: PortInfo, { name, shape }: CheckpointTensor, rows: number): void {
  const squeeze = (dimensions: readonly number[]) => dimensions.filter((size) => size !== 1).join();
  const expected = port.dynamic ? [rows, ...port.shape.slice(1)] : port.shape;
  if (squeeze(shape) === squeeze(expected)) return;
  const what =
    port.kind === "image" ? "rows from the top, red, green and blue last, at the model's size" : `${rows} rows`;
  throw shapeError(path, name, shape, `[${expected.join(", ")}]: ${what}`);
}

function shapeError(path: string, name: string, shape: readonly number[], expected: string): InputError {
  return new InputError({
    code: "EXPECTED_SHAPE",
    source: path,
    where: `tensor "${name}"`,
    message: `has shape [${shape.join(", ")}]`,
    expected,
  });
}

async function inputBytes(path: string, port: PortInfo, tensor: CheckpointTensor): Promise<Uint8Array> {
  if (port.type === "u8" && tensor.dtype !== "U8") {
    const expected = "U8: pixels of 0..255 before they are normalised, as the model takes them";
    throw new InputError({
      code: "EXPECTED_DTYPE",
      source: path,
      where: `tensor "${tensor.name}"`,
      message: `is ${tensor.dtype}`,
      expected,
    });
  }
  if (port.type === "u8") return tensor.read();
  const values = await tensor.readF32();
  return bytesOf(port.type === "f32" ? values : Int32Array.from(values));
}

function shapeText(port: PortInfo): string {
  return (
    `${port.name} is ${port.type} ` +
    `[${port.dynamic ? ["rows", ...port.shape.slice(1)].join(", ") : port.shape.join(", ")}]`
  );
}
