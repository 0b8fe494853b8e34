import { InputError } from "synapse-engine/errors";

/** What rows a JSON document has to hold. */
export interface RowsSpec {
  /** The file or option the document came from, for messages. */
  readonly source: string;
  /** In the singular, for messages: `action`, `latent`. */
  readonly noun: string;
  readonly columns: number;
  readonly rowsMin: number;
  readonly rowsMax: number;
}

/**
 * Rows of numbers from JSON: `[[..], ..]`, one row `[..]`, or an object that holds either under `<noun>s` or `<noun>`.
 * Every number is finite in f32 and every row has `columns` of them. Throws InputError `ROWS_<NOUN>` with the JSON path
 * of what is wrong.
 */
export function parseRows(document: unknown, spec: RowsSpec): Float32Array[] {
  const { value, path } = unwrap(document, spec.noun);
  const fail = (where: string, message: string, expected: string) =>
    new InputError({ code: `ROWS_${spec.noun.toUpperCase()}`, source: spec.source, where, message, expected });
  const form = `rows of ${spec.columns} numbers, [[..], ..]`;
  if (!Array.isArray(value)) throw fail(path, `${describe(value)} where ${spec.noun}s should be`, form);
  const single = value.length > 0 && value.every((item) => typeof item === "number");
  const rows: unknown[] = single ? [value] : value;
  if (rows.length < spec.rowsMin || rows.length > spec.rowsMax) {
    throw fail(
      path,
      `${rows.length} ${spec.noun}s`,
      spec.rowsMin === spec.rowsMax ? `${spec.rowsMin}` : `${spec.rowsMin} to ${spec.rowsMax}`,
    );
  }
  return rows.map((row, index) => {
    const rowPath = single ? path : `${path}[${index}]`;
    if (!Array.isArray(row)) throw fail(rowPath, `${describe(row)} where a row should be`, form);
    if (row.length !== spec.columns) throw fail(rowPath, `${row.length} numbers`, `${spec.columns}`);
    return Float32Array.from(row, (item: unknown, column) => {
      if (typeof item !== "number" || !Number.isFinite(Math.fround(item))) {
        throw fail(`${rowPath}[${column}]`, `${describe(item)} where a number should be`, "a finite number");
      }
      return item;
    });
  });
}

function unwrap(document: unknown, noun: string): { value: unknown; path: string } {
  if (typeof document === "object" && document !== null && !Array.isArray(document)) {
    for (const key of [`${noun}s`, noun]) {
      if (Object.hasOwn(document, key)) return { value: (document as Record<string, unknown>)[key], path: `$.${key}` };
    }
  }
  return { value: document, path: "$" };
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return "an object";
  if (typeof value === "string")
    return `the text ${JSON.stringify(value.length > 24 ? `${value.slice(0, 24)}…` : value)}`;
  return String(value);
}
