import { InputError } from "synapse-engine/errors";
import { expect, test } from "vitest";
import { parseConfig } from "./parseConfig.js";

const VALID = {
  name: "linear",
  entries: {
    go: {
      inputs: { x: { kind: "tensor", width: 4 } },
      steps: [{ part: "m", x: "x", as: "y" }],
      outputs: { y: "tensor" },
    },
  },
  parts: { m: { kind: "mlp", width: 4, layers: [{ kind: "linear", out: 3, weights: "fc" }] } },
};
// biome-ignore lint/suspicious/noExplicitAny: edits of JSON that may be wrong in any way.
type Edit = (config: any) => unknown;

const mistakes: readonly (readonly [string, Edit, string, string, string])[] = [
  ["a fraction", (c) => (c.parts.m.width = 4.5), "parts.m.width", "4.5 is of the wrong type", "a whole number"],
  ["a text for a number", (c) => (c.parts.m.width = "4"), "parts.m.width", '"4" is of the wrong type', "a number"],
  ["no list", (c) => (c.parts.m.layers = 3), "parts.m.layers", "3 is of the wrong type", "a list, [...]"],
  ["an empty list", (c) => (c.parts.m.layers = []), "parts.m.layers", "[] is too small", "at least 1 entry"],
  [
    "no weights",
    (c) => delete c.parts.m.layers[0].weights,
    "parts.m.layers[0].weights",
    "is missing",
    "a text or an array of texts",
  ],
  [
    "a number for a truth",
    (c) => (c.parts.m.layers[0].bias = 1),
    "parts.m.layers[0].bias",
    "1 is of the wrong type",
    "true or false",
  ],
  [
    "a long name",
    (c) => (c.name = "n".repeat(64)),
    "name",
    `"${"n".repeat(56)}... is too large`,
    "at most 63 characters",
  ],
  [
    "a name with a space",
    (c) => (c.name = "a b"),
    "name",
    '"a b" is not allowed',
    "a letter, then letters, digits, _ or -",
  ],
  [
    "such a part",
    (c) => (c.parts["9x"] = c.parts.m),
    "parts.9x",
    "has a name that is not allowed",
    "a letter, then letters, digits, _ or -",
  ],
];

test.each(mistakes)("%s is said in words, with what would be right", (_, edit, where, message, expected) => {
  const config = structuredClone(VALID);
  expect(() => parseConfig(config, "c.json")).not.toThrow();
  edit(config);
  let error: unknown;
  try {
    parseConfig(config, "c.json");
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(InputError);
  expect(error).toMatchObject({ code: "CONFIG_SCHEMA", where, expected });
  expect((error as InputError).message).toBe(`c.json at ${where}: ${message}; expected ${expected}`);
});
