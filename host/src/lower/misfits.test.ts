import fc from "fast-check";
import { InputError } from "synapse-engine/errors";
import { describe, expect, it } from "vitest";
import type { CheckpointTensor } from "../checkpoint/checkpoint.js";
import { parseTypePolicy } from "../compress/policy.js";
import { parseConfig } from "../config/parseConfig.js";
import { LEWM_SMALL, lewmShapes } from "../parity/lewmShapes.js";
import { seededCheckpoint } from "../parity/seededCheckpoint.js";
import { errorOf, type Json, lowerWith, read } from "../testing/lowerWith.js";
import { lower } from "./lower.js";

describe("a checkpoint that does not fit is named with what would", () => {
  it("a missing tensor: both spellings, the shape, the nearest names", () => {
    const query = "encoder.encoder.layer.1.attention.attention.query.weight";
    const error = errorOf(() =>
      lowerWith(undefined, undefined, (shapes) => {
        shapes.delete(query);
        shapes.set("encoder.encoder.layer.1.attention.attention.qeury.weight", [32, 32]);
      }),
    );
    expect(error.code).toBe("WEIGHT_MISSING");
    expect(error.where).toBe("c.json parts.encoder.weights.layer.q (i = 1)");
    expect(error.message).toContain(`"${query}" or "encoder.layers.1.attention.q_proj.weight"`);
    expect(error.expected).toContain("[32, 32]");
    expect(error.expected).toContain("qeury");
  });

  it("a tensor of another shape: both shapes", () => {
    const error = errorOf(() =>
      lowerWith(undefined, undefined, (shapes) => shapes.set("projector.net.0.weight", [32, 64])),
    );
    expect(error.code).toBe("WEIGHT_SHAPE");
    expect(error.message).toMatch(
      /parts\.projector\.layers\[0\].*projector\.net\.0\.weight.*\[32, 64\].*expected \[64, 32\]/,
    );
  });

  it("integers where weights belong, as an int8 checkpoint has them", () => {
    const { path, tensors } = seededCheckpoint(new Map(lewmShapes(LEWM_SMALL)), 1);
    const name = "projector.net.0.weight";
    const int8 = { ...tensors.get(name), dtype: "I8" } as CheckpointTensor;
    const config = parseConfig(read("lewm-test"), "c.json");
    const checkpoint = { path, tensors: new Map(tensors).set(name, int8) };
    const error = errorOf(() => lower({ config, configSource: "c.json", checkpoint, policy: parseTypePolicy("i8") }));
    expect(error).toMatchObject({ code: "WEIGHT_DTYPE", where: "c.json parts.projector.layers[0].weights" });
  });

  it("tensors left over: a config of fewer layers does not pass silently", () => {
    const error = errorOf(() => lowerWith((config) => (config.parts.encoder.layers = 1)));
    expect(error.code).toBe("WEIGHT_EXTRA");
    expect(error.message).toMatch(/16 of the checkpoint's tensors.*encoder\.encoder\.layer\.1\./);
  });

  it("a type rule that matches nothing", () => {
    expect(errorOf(() => lowerWith(undefined, "i8,encodr.*=f16")).code).toBe("TYPE_RULE_UNUSED");
  });
});

describe("any config", () => {
  /** Every place in a JSON value. */
  function places(value: Json, path: (string | number)[] = []): (string | number)[][] {
    if (typeof value !== "object" || value === null) return [path];
    return [path, ...Object.keys(value).flatMap((key) => places(value[key], [...path, key]))];
  }
  const base = read("lewm-test");
  const all = places(base).filter((path) => path.length > 0);
  const replacement = fc.oneof(
    fc.constantFrom("constructor", "__proto__", "none", "learned", "rows", "i", "{i}", "encoder", "latents", "image"),
    fc.integer({ min: -2, max: 70000 }),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.constantFrom([], {}, [1], { kind: "none" }, { kind: "rms_norm", eps: 0 }),
  );

  it("gives a program or an InputError", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...all), fc.option(replacement)), { minLength: 1, maxLength: 3 }),
        (changes) => {
          const edit = (config: Json) => {
            for (const [path, value] of changes) {
              const parent = path.slice(0, -1).reduce((inner, key) => inner?.[key], config);
              const key = path.at(-1) as string;
              if (typeof parent !== "object" || parent === null) continue;
              if (value === null) delete parent[key];
              else parent[key] = value;
            }
          };
          try {
            lowerWith(edit);
          } catch (error) {
            expect(error).toBeInstanceOf(InputError);
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it("may name things as every object names its own", () => {
    expect(errorOf(() => lowerWith((config) => (config.entries.encode.steps[1].part = "constructor"))).code).toBe(
      "CONFIG_NAME",
    );
    expect(errorOf(() => lowerWith((config) => (config.entries.encode.outputs = { toString: "latent" }))).code).toBe(
      "CONFIG_NAME",
    );
  });
});
