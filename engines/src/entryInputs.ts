import type { EntryInfo, ModelInfo, PortInfo } from "./engine.js";
import { EngineError } from "./errors.js";

/** An entry point and its number; throws an EngineError `NOT_FOUND` that lists the known ones. */
export function findEntry(info: ModelInfo, name: string): { readonly index: number; readonly entry: EntryInfo } {
  const index = info.entries.findIndex((entry) => entry.name === name);
  const entry = info.entries[index];
  if (entry === undefined) {
    const known = info.entries.map((each) => each.name).join(", ");
    throw new EngineError("NOT_FOUND", `the model ${info.name} has no entry ${JSON.stringify(name)}; it has ${known}`);
  }
  return { index, entry };
}

/** Throws an EngineError `ARGUMENT` unless `inputs` are exactly what a run of `rows` rows takes. */
export function checkInputs(entry: EntryInfo, inputs: readonly Uint8Array[], rows: number): void {
  if (!Number.isInteger(rows) || rows < 1 || rows > entry.rowsMax) {
    throw new EngineError("ARGUMENT", `${entry.name} runs on 1 to ${entry.rowsMax} rows; ${rows} were asked for`);
  }
  if (inputs.length !== entry.inputs.length) {
    throw new EngineError("ARGUMENT", `${entry.name} takes ${entry.inputs.length} inputs; ${inputs.length} were given`);
  }
  for (const [index, port] of entry.inputs.entries()) {
    const given = inputs[index]?.length ?? 0;
    const expected = portBytes(port, rows);
    if (given !== expected) {
      const shape = port.dynamic ? [rows, ...port.shape.slice(1)] : port.shape;
      throw new EngineError(
        "ARGUMENT",
        `input ${JSON.stringify(port.name)} of ${entry.name} has ${given} bytes; expected ${expected} ` +
          `(${port.type} [${shape.join(", ")}])`,
      );
    }
  }
}

/** Bytes of a port in a run of `rows` rows. */
export function portBytes(port: PortInfo, rows: number): number {
  return port.dynamic ? (port.bytesMax / (port.shape[0] ?? 1)) * rows : port.bytesMax;
}
