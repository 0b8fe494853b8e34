import { InputError } from "synapse-engine/errors";
import type { z } from "zod";

/**
 * Turns the first issue of a failed zod parse into an InputError. `document` is where the keys of such a value are
 * told.
 */
export function schemaError(code: string, error: z.ZodError, source: string, document = "docs/config.md"): InputError {
  const issue = deepest(error.issues[0] as z.core.$ZodIssue);
  const more = error.issues.length - 1;
  const { message, expected } = describe(issue, document);
  return new InputError({
    code,
    source,
    where: pathText(issue.path),
    message: more > 0 ? `${message} (and ${more} more)` : message,
    ...(expected === undefined ? {} : { expected }),
  });
}

/** A JSON path as people write it: `parts.encoder.layers[0].act`. */
export function pathText(path: readonly PropertyKey[]): string {
  let text = "";
  for (const step of path)
    text += typeof step === "number" ? `[${step}]` : text === "" ? String(step) : `.${String(step)}`;
  return text === "" ? "the top level" : text;
}

/** A plain union reports each alternative's issues; those of the alternative that got furthest say most. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return issue;
  const inner = issue.errors.flat().sort((a, b) => b.path.length - a.path.length)[0];
  return inner === undefined || inner.path.length === 0 ? issue : { ...inner, path: [...issue.path, ...inner.path] };
}

function describe(issue: z.core.$ZodIssue, document: string): { message: string; expected?: string } {
  const given = show(issue.input);
  switch (issue.code) {
    case "unrecognized_keys":
      return {
        message: `unknown key ${issue.keys.map((text) => `"${text}"`).join(", ")}`,
        expected: `only the keys that ${document} names`,
      };
    case "invalid_type":
      return issue.input === undefined
        ? { message: "is missing", expected: typeText(issue.expected) }
        : { message: `${given} is of the wrong type`, expected: typeText(issue.expected) };
    case "invalid_value":
      return {
        message: `${given} is not allowed`,
        expected: `one of ${issue.values.map((value) => JSON.stringify(value)).join(", ")}`,
      };
    case "too_small":
      return {
        message: `${given} is too small`,
        expected: `${issue.inclusive === false ? "more than" : "at least"} ${counted(issue.minimum, issue.origin)}`,
      };
    case "too_big":
      return {
        message: `${given} is too large`,
        expected: `${issue.inclusive === false ? "less than" : "at most"} ${counted(issue.maximum, issue.origin)}`,
      };
    case "invalid_union":
      return issue.discriminator === undefined
        ? {
            message: issue.input === undefined ? "is missing" : `${given} fits none of the alternatives`,
            expected: "a text or an array of texts",
          }
        : { message: discriminatorText(issue, issue.discriminator), ...optionsOf(issue) };
    case "invalid_format":
      return { message: `${given} is not allowed`, expected: issue.message };
    case "invalid_key":
      return { message: "has a name that is not allowed", expected: issue.issues[0]?.message ?? "another name" };
    case "custom":
      return {
        message: issue.message,
        ...(typeof issue.params?.expected === "string" ? { expected: issue.params.expected } : {}),
      };
    default:
      return { message: issue.message };
  }
}

/** Types as people call them. */
const TYPES: Readonly<Record<string, string>> = {
  int: "a whole number",
  number: "a number",
  string: "a text",
  boolean: "true or false",
  array: "a list, [...]",
  object: "an object, {...}",
  record: "an object, {...}",
};
const typeText = (type: string): string => TYPES[type] ?? type;

/** A bound, with what it counts of a text or a list. */
function counted(bound: number | bigint, origin: string): string {
  if (origin === "string") return `${bound} ${bound === 1 ? "character" : "characters"}`;
  if (origin === "array") return `${bound} ${bound === 1 ? "entry" : "entries"}`;
  return String(bound);
}

function discriminatorText({ input }: z.core.$ZodIssueInvalidUnion, key: string): string {
  const value = (input as Readonly<Record<string, unknown>> | undefined)?.[key];
  return value === undefined ? "is missing" : `${show(value)} is not known`;
}

function optionsOf(issue: z.core.$ZodIssueInvalidUnion): { expected: string } | Record<string, never> {
  const options = (issue as unknown as { options?: readonly unknown[] }).options;
  return options === undefined
    ? {}
    : { expected: `one of ${options.map((option) => JSON.stringify(option)).join(", ")}` };
}

function show(input: unknown): string {
  if (input === undefined) return "nothing";
  const text = JSON.stringify(shallow(input, 4)) ?? String(input);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** The start of a value: JSON nested a million deep, or as long, would be more than the stack or a message holds. */
function shallow(value: unknown, depth: number): unknown {
  if (typeof value === "string") return value.slice(0, 64);
  if (typeof value !== "object" || value === null) return value;
  if (depth === 0) return Array.isArray(value) ? [] : {};
  if (Array.isArray(value)) return value.slice(0, 16).map((item) => shallow(item, depth - 1));
  const entries = Object.entries(value).slice(0, 16);
  return Object.fromEntries(entries.map(([key, item]) => [key.slice(0, 64), shallow(item, depth - 1)]));
}
