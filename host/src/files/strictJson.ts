import { inputError, quote } from "./inputError.js";

/**
 * Parses UTF-8 JSON whose root must be an object, and refuses keys that occur twice in one object: readers disagree on
 * which of the two counts, which is how a file can show one tensor to a checker and another to a loader.
 * @throws InputError `${code}_NOT_UTF8`, `${code}_NOT_JSON`, `${code}_NOT_AN_OBJECT` or `${code}_DUPLICATE_KEY`
 */
export function parseJsonObject(bytes: Uint8Array, source: string, code: string): Record<string, unknown> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw inputError(source, `${code}_NOT_UTF8`, "the JSON is not valid UTF-8", { expected: "a JSON object in UTF-8" });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw inputError(source, `${code}_NOT_JSON`, `the JSON does not parse: ${(error as Error).message}`, {
      expected: "a JSON object",
    });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw inputError(source, `${code}_NOT_AN_OBJECT`, "the JSON is not an object", { expected: "a JSON object" });
  }
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined) {
    throw inputError(source, `${code}_DUPLICATE_KEY`, `the key ${quote(duplicate.key)} occurs twice in one object`, {
      where: `JSON character ${duplicate.at}`,
    });
  }
  return value as Record<string, unknown>;
}

export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The first key that an object of `text` has twice. Walks JSON that is known to parse, with one set of keys for each
 * open object; iterative, so depth costs no stack.
 */
export function findDuplicateKey(text: string): { key: string; at: number } | undefined {
  const open: (Set<string> | undefined)[] = [];
  let keyNext = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "{") {
      open.push(new Set());
      keyNext = true;
    } else if (char === "[") {
      open.push(undefined);
      keyNext = false;
    } else if (char === "}" || char === "]") {
      open.pop();
      keyNext = false;
    } else if (char === ",") {
      keyNext = open.at(-1) !== undefined;
    } else if (char === '"') {
      const end = endOfString(text, at);
      if (keyNext) {
        const raw = text.slice(at, end + 1);
        const key = raw.includes("\\") ? (JSON.parse(raw) as string) : raw.slice(1, -1);
        const keys = open.at(-1);
        if (keys?.has(key)) return { key, at };
        keys?.add(key);
        keyNext = false;
      }
      at = end;
    }
  }
  return undefined;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}
