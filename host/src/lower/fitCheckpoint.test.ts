import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Checkpoint, CheckpointTensor } from "../checkpoint/index.js";
import { parseTypePolicy } from "../compress/policy.js";
import { parseConfig } from "../config/parseConfig.js";
import { fitCheckpoint, weightNotes } from "./fitCheckpoint.js";
import { lower } from "./lower.js";

const CONFIG = {
  name: "two",
  entries: {
    go: {
      rowsMax: 1,
      inputs: { x: { kind: "tensor", width: 4 } },
      steps: [{ part: "m", x: "x", as: "y" }],
      outputs: { y: "tensor" },
    },
  },
  parts: {
    m: {
      kind: "mlp",
      width: 4,
      layers: [
        { kind: "linear", out: 3, weights: "encoder.fc" },
        { kind: "linear", out: 2, weights: "head.fc" },
      ],
    },
  },
};
const SHAPES = { "encoder.fc.weight": [3, 4], "encoder.fc.bias": [3], "head.fc.weight": [2, 3], "head.fc.bias": [2] };

function tensors(rename: (name: string) => string = (name) => name): Map<string, CheckpointTensor> {
  const never = () => Promise.reject(new Error("no data is read"));
  return new Map(
    Object.entries(SHAPES).map(([name, shape]) => [
      rename(name),
      { name, dtype: "F32", shape, bytes: 4, read: never, readF32: never },
    ]),
  );
}

function checkpoint(
  names: ReadonlyMap<string, CheckpointTensor>,
  dicts?: Record<string, ReadonlyMap<string, CheckpointTensor>>,
): Checkpoint {
  const stateDict =
    dicts === undefined
      ? {}
      : { stateDicts: new Map(Object.entries(dicts)), stateDict: Object.keys(dicts)[0] as string };
  return { path: "test.pt", format: "torch", tensors: names, metadata: {}, close: async () => {}, ...stateDict };
}

const config = parseConfig(CONFIG, "two.json");
const fit = (of: Checkpoint, choice = {}) => fitCheckpoint(of, config, "two.json", choice);
const named = (of: Checkpoint, choice = {}) => [...fit(of, choice).checkpoint.tensors.keys()].sort();
const NAMES = Object.keys(SHAPES).sort();

describe("prefixes", () => {
  test.each([
    "module.",
    "_orig_mod.",
    "model.",
    "net.",
    "module._orig_mod.",
    "_orig_mod.module.model.",
    "a.b.c.",
    "student.backbone.",
  ])("%s before every name is found and taken away", (prefix) => {
    const found = fit(checkpoint(tensors((name) => `${prefix}${name}`)));
    expect([...found.checkpoint.tensors.keys()].sort()).toEqual(NAMES);
  });

  test("wrappers' words inside names are taken away too", () => {
    const inside = (name: string) =>
      name.replace("fc", "_orig_mod.fc").replace("head", "module.head._fsdp_wrapped_module");
    expect(named(checkpoint(tensors(inside)))).toEqual(NAMES);
  });

  test("a checkpoint that fits as it is stays as it is, without a word", () => {
    const { checkpoint: found, weights } = fit(checkpoint(tensors()));
    expect([...found.tensors.keys()]).toEqual(Object.keys(SHAPES));
    expect(weights).toEqual({ stateDict: null, prefix: "", wrappers: [], left: [] });
    expect(weightNotes(weights)).toEqual([]);
  });

  test("one that was taken away is said", () => {
    const { weights } = fit(checkpoint(tensors((name) => `net.${name}`)));
    expect(weights.prefix).toBe("net.");
    expect(weightNotes(weights)).toEqual(['names in the checkpoint begin with "net.", which the config leaves out']);
    const wrapped = fit(checkpoint(tensors((name) => `module.${name}`))).weights;
    expect(weightNotes(wrapped)).toEqual([
      'names in the checkpoint contain "module", of a wrapper, which was taken out',
    ]);
  });

  test("beside other things, as Lightning saves them, the names that fit are found", () => {
    const names = tensors((name) => `model.${name}`);
    names.set("loss.weight", { ...(names.get("model.head.fc.bias") as CheckpointTensor) });
    expect(named(checkpoint(names))).toEqual([...NAMES, "loss.weight"].sort());
  });

  test("--prefix overrides, and one that no name has is an error", () => {
    const both = new Map([...tensors((name) => `a.${name}`), ...tensors((name) => `b.${name}`)]);
    const { checkpoint: found, weights } = fit(checkpoint(both), { prefix: "b." });
    expect(found.tensors.get("head.fc.bias")).toBe(both.get("b.head.fc.bias"));
    expect(weights.prefix).toBe("b.");
    expect(() => fit(checkpoint(both), { prefix: "c." })).toThrow(expect.objectContaining({ code: "PREFIX_UNKNOWN" }));
  });

  test("where nothing fits, the checkpoint is answered as it is", () => {
    expect(named(checkpoint(tensors((name) => name.replace("fc", "linear"))))).toContain("head.linear.bias");
  });

  test.each(["model.", "module.", "a.b."])("%s is not what is wrong when a shape is: the shape is said", (prefix) => {
    const of = checkpoint(tensors((name) => `${prefix}${name}`));
    const wider = structuredClone(CONFIG);
    for (const layer of wider.parts.m.layers) layer.out += 1;
    const changed = parseConfig(wider, "wider.json");
    const { checkpoint: found } = fitCheckpoint(of, changed, "wider.json");
    expect([...found.tensors.keys()].sort()).toEqual(NAMES);
    const lowered = () =>
      lower({ config: changed, configSource: "wider.json", checkpoint: found, policy: parseTypePolicy("f32") });
    expect(lowered).toThrow(expect.objectContaining({ code: "WEIGHT_SHAPE" }));
  });

  test("any prefix of any names", () => {
    const segment = fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/);
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), (segments) => {
        expect(named(checkpoint(tensors((name) => `${segments.join(".")}.${name}`)))).toEqual(NAMES);
      }),
    );
  });
});

/** Counts what is asked of a map and what it is iterated over. */
class CountedMap<Value> extends Map<string, Value> {
  static steps = 0;
  override has(key: string) {
    CountedMap.steps++;
    return super.has(key);
  }
  override get(key: string) {
    CountedMap.steps++;
    return super.get(key);
  }
  override *[Symbol.iterator]() {
    for (const entry of super.entries()) {
      CountedMap.steps++;
      yield entry;
    }
    return undefined;
  }
  override *keys() {
    for (const [key] of this) yield key;
    return undefined;
  }
  override entries() {
    return this[Symbol.iterator]();
  }
}

describe("many names", () => {
  const one = tensors().get("head.fc.weight") as CheckpointTensor;
  // Names with many beginnings, under which a part of the config is found.
  const many = (count: number) =>
    new CountedMap<CheckpointTensor>(
      Array.from(
        { length: count },
        (_, i) => [`a${i % 30}.b${i % 7}.c.d.${i < 30 ? "encoder.fc.weight" : `w${i}`}`, one] as const,
      ),
    );
  const steps = (of: Checkpoint) => {
    CountedMap.steps = 0;
    fit(of);
    return CountedMap.steps;
  };

  test("are each looked at a few times until nothing is found to fit", () => {
    for (const count of [1_000, 20_000]) expect(steps(checkpoint(many(count)))).toBeLessThan(12 * count + 2_000);
  });

  test("in a file of several dicts, too", () => {
    const dicts = { model: many(5_000), ema: many(5_000), other: many(5_000) };
    expect(steps(checkpoint(dicts.model, dicts))).toBeLessThan(12 * 15_000 + 6_000);
  });
});

describe("dicts of a torch file", () => {
  const raw = tensors();
  const ema = tensors();
  const whole = new Map([
    ...[...raw].map(([name, tensor]) => [`model.${name}`, tensor] as const),
    ...[...ema].map(([name, tensor]) => [`ema.${name}`, tensor] as const),
  ]);

  test("the usual one is taken, and that another fits as well is said", () => {
    const { checkpoint: found, weights } = fit(checkpoint(raw, { model: raw, ema, "": whole }));
    expect(found.tensors).toBe(raw);
    expect(weights).toEqual({
      stateDict: "model",
      prefix: "",
      wrappers: [],
      left: [{ stateDict: "ema", tensors: 4, fits: true }],
    });
    expect(weightNotes(weights)).toEqual([
      'weights are those under "model"; "ema" would fit as well: --state-dict chooses',
    ]);
  });

  test("--state-dict chooses, by a dotted path; one that is not there is named with those that are", () => {
    const of = checkpoint(raw, { model: raw, "training.ema": ema });
    expect(fit(of, { stateDict: "training.ema" }).checkpoint.tensors).toBe(ema);
    expect(() => fit(of, { stateDict: "ema" })).toThrow(
      expect.objectContaining({ code: "STATE_DICT_UNKNOWN", expected: '"model", "training.ema"' }),
    );
  });

  test("--state-dict says of the whole file that it is that", () => {
    const all = new Map(
      [...raw].flatMap(([name, tensor]) => ["student", "teacher"].map((dict) => [`${dict}.${name}`, tensor] as const)),
    );
    const of = { ...checkpoint(all, { student: raw, teacher: ema, "": all }), stateDict: "" };
    expect(() => fit(of, { stateDict: "ema" })).toThrow(
      expect.objectContaining({
        code: "STATE_DICT_UNKNOWN",
        expected: '"student", "teacher", or "" for the whole file',
      }),
    );
    expect(() => fit(checkpoint(raw, { "": raw }), { stateDict: "ema" })).toThrow(
      expect.objectContaining({ code: "STATE_DICT_UNKNOWN", expected: '"" for the whole file' }),
    );
  });

  test("of several that fit and of which none is the usual one, none is taken silently", () => {
    const all = new Map(
      [...raw].flatMap(([name, tensor]) => ["student", "teacher"].map((dict) => [`${dict}.${name}`, tensor] as const)),
    );
    const of = { ...checkpoint(all, { student: raw, teacher: ema, "": all }), stateDict: "" };
    expect(() => fit(of)).toThrow(
      expect.objectContaining({
        code: "STATE_DICT_AMBIGUOUS",
        message: expect.stringContaining('"student" and "teacher"'),
        expected: expect.stringContaining("--state-dict"),
      }),
    );
    expect(fit(of, { stateDict: "teacher" }).checkpoint.tensors).toBe(ema);
  });

  test("an average that does not fit is named too", () => {
    const other = tensors((name) => name.replaceAll(".", ""));
    const { weights } = fit(checkpoint(raw, { model: raw, model_ema: other }));
    expect(weightNotes(weights)).toEqual([expect.stringMatching(/^"model_ema", .* was left/)]);
  });

  test("prefixes of which each fills the config as well are a question", () => {
    const both = new Map([...tensors((name) => `a.${name}`), ...tensors((name) => `b.${name}`)]);
    const lax = parseConfig({ ...CONFIG, ignore: ["*"] }, "two.json");
    expect(() => fitCheckpoint(checkpoint(both), lax, "two.json")).toThrow(
      expect.objectContaining({ code: "PREFIX_AMBIGUOUS", message: expect.stringContaining('"a." and "b."') }),
    );
    const chosen = fitCheckpoint(checkpoint(both), lax, "two.json", { prefix: "b." });
    expect(chosen.checkpoint.tensors.get("head.fc.bias")).toBe(both.get("b.head.fc.bias"));
  });

  test("hundreds that do not fit are tried in little time", () => {
    const dicts = Object.fromEntries(
      Array.from({ length: 256 }, (_, d) => [
        `d${d}`,
        new Map(
          Array.from({ length: 100 }, (_, i) => [
            `p${d}.q${i}.r.weight`,
            raw.get("head.fc.weight") as CheckpointTensor,
          ]),
        ),
      ]),
    );
    const { weights } = fit({ ...checkpoint(dicts.d0 as typeof raw, dicts), stateDict: "d0" });
    expect(weights.left.filter(({ fits }) => fits)).toEqual([]);
  });

  test("one that fits is taken before a usual one that does not", () => {
    const other = tensors((name) => name.replace("fc", "linear"));
    const { checkpoint: found, weights } = fit(checkpoint(other, { model: other, net: raw }));
    expect(found.tensors).toBe(raw);
    expect(weights.stateDict).toBe("net");
    expect(weightNotes(weights)).toEqual(['weights are those under "net": those under "model" do not fit the config']);
  });

  test("parts beside each other are one checkpoint, with the dicts' names before theirs", () => {
    const part = (name: string) =>
      new Map(
        [...raw]
          .filter(([key]) => key.startsWith(`${name}.`))
          .map(([key, tensor]) => [key.slice(name.length + 1), tensor]),
      );
    const of = checkpoint(part("encoder"), { encoder: part("encoder"), head: part("head"), "": raw });
    const { weights } = fit(of);
    expect(weights).toEqual({ stateDict: "", insteadOf: "encoder", prefix: "", wrappers: [], left: [] });
  });
});
