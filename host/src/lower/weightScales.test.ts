import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type CheckpointTensor, openCheckpoint } from "../checkpoint/index.js";
import { toF32 } from "../checkpoint/toF32.js";
import { unscaledNote } from "./weightScales.js";
import { WeightSource } from "./weightSource.js";

const FIXTURES = join(import.meta.dirname ?? __dirname, "..", "checkpoint", "fixtures");

/** E4M3: 1, 1.5, -2 and 0.5 are 0x38, 0x3c, 0xc0 and 0x30. */
const E4M3 = new Map([1, 1.5, -2, 0.5].map((value, i) => [value, [0x38, 0x3c, 0xc0, 0x30][i] as number]));

function tensor(
  name: string,
  dtype: string,
  shape: readonly number[],
  values: readonly number[],
): [string, CheckpointTensor] {
  const data =
    dtype === "F32"
      ? new Uint8Array(Float32Array.from(values).buffer)
      : Uint8Array.from(values, (value) => E4M3.get(value) ?? value);
  const read = async () => data.slice();
  return [
    name,
    { name, dtype, shape, bytes: data.length, read, readF32: async () => toF32(dtype, await read(), "test", name) },
  ];
}

const WEIGHTS = [1, 1.5, -2, 0.5, 1, 1.5];
const weight = (name = "fc.weight", dtype = "F8_E4M3") => tensor(name, dtype, [3, 2], WEIGHTS);
const scale = (name: string, shape: readonly number[], values: readonly number[], dtype = "F32") =>
  tensor(name, dtype, shape, values);
const source = (...tensors: [string, CheckpointTensor][]) =>
  new WeightSource({ path: "w.safetensors", tensors: new Map(tensors) }, "c.json");
const read = async (of: WeightSource, name = "fc.weight", shape: readonly number[] = [3, 2]) => [
  ...(await of.find("w", [name], shape).tensor.readF32()),
];

describe("the scale of 8-bit floats", () => {
  const names = [
    "weight_scale",
    "weight_scale_inv",
    "weight_scales",
    "weight.scale",
    "weight._scale",
    "scale_weight",
    "scale",
    "scales",
    "scale_inv",
  ];
  test.each(names)("called %s is applied, and is no tensor too many", async (name) => {
    const of = source(weight(), scale(`fc.${name}`, [], [0.0625]));
    expect(await read(of)).toEqual(WEIGHTS.map((value) => value / 16));
    of.checkAllUsed([]);
  });

  test("of another weight's name belongs to that", async () => {
    const of = source(
      tensor("attn.in_proj_weight", "F8_E4M3", [3, 2], WEIGHTS),
      scale("attn.in_proj_weight_scale", [1], [2]),
      tensor("attn.weight", "F8_E4M3", [3, 2], WEIGHTS),
      scale("attn.weight_scale", [1, 1], [4]),
    );
    expect(await read(of, "attn.in_proj_weight")).toEqual(WEIGHTS.map((value) => value * 2));
    expect(await read(of, "attn.weight")).toEqual(WEIGHTS.map((value) => value * 4));
    of.checkAllUsed([]);
    const root = source(tensor("positional", "F8_E4M3", [3, 2], WEIGHTS), scale("logit_scale", [], [100]));
    expect(await read(root, "positional")).toEqual(WEIGHTS);
  });

  test.each([
    ["each row, as a vector", [3], [1, 2, 4], [1, 1.5, -4, 1, 4, 6]],
    ["each row", [3, 1], [1, 2, 4], [1, 1.5, -4, 1, 4, 6]],
    ["each column", [1, 2], [2, 4], [2, 6, -4, 2, 2, 6]],
    ["each element", [3, 2], [1, 2, 3, 4, 5, 6], [1, 3, -6, 2, 5, 9]],
  ] as const)("for %s", async (_what, shape, scales, expected) => {
    expect(await read(source(weight(), scale("fc.weight_scale", shape, scales)))).toEqual(expected);
  });

  test("for each row of a convolution, with the dimensions of 1 or without", async () => {
    for (const shape of [[3], [3, 1], [3, 1, 1, 1]]) {
      const of = source(
        tensor("conv.weight", "F8_E4M3", [3, 1, 2, 1], WEIGHTS),
        scale("conv.weight_scale", shape, [1, 2, 4]),
      );
      expect(await read(of, "conv.weight", [3, 1, 2, 1])).toEqual([1, 1.5, -4, 1, 4, 6]);
    }
  });

  test("for squares of 128, of which the last are cut off, and for 32 of a row, as powers of two", async () => {
    const [rows, columns] = [200, 130];
    const ones = tensor("fc.weight", "F8_E4M3", [rows, columns], Array(rows * columns).fill(1));
    const squares = await read(source(ones, scale("fc.weight_scale_inv", [2, 2], [1, 2, 4, 8])), "fc.weight", [
      rows,
      columns,
    ]);
    for (const [row, column, value] of [
      [0, 0, 1],
      [127, 127, 1],
      [127, 128, 2],
      [128, 127, 4],
      [199, 129, 8],
    ] as const)
      expect(squares[row * columns + column], `${row}, ${column}`).toBe(value);
    const wide = tensor("fc.weight", "F8_E4M3", [2, 64], Array(128).fill(1.5));
    const blocks = await read(
      source(wide, scale("fc.weight_scale", [2, 2], [127, 128, 126, 130], "F8_E8M0")),
      "fc.weight",
      [2, 64],
    );
    expect([blocks[0], blocks[31], blocks[32], blocks[64], blocks[127]]).toEqual([1.5, 1.5, 3, 0.75, 12]);
  });

  test("of activations has nothing to do with the weights", async () => {
    const of = source(
      weight(),
      ...["input_scale", "scale_input", "output_scale"].map((name) => scale(`fc.${name}`, [], [8])),
    );
    expect(await read(of)).toEqual(WEIGHTS);
    of.checkAllUsed([]);
  });

  test("that is not there leaves them as they are, and other types have none", async () => {
    expect(await read(source(weight()))).toEqual(WEIGHTS);
    const plain = source(tensor("fc.weight", "F32", [3, 2], WEIGHTS), scale("fc.weight_scale", [], [2]));
    expect(await read(plain)).toEqual(WEIGHTS);
    expect(() => plain.checkAllUsed([])).toThrow(expect.objectContaining({ code: "WEIGHT_EXTRA" }));
  });

  test("of TensorRT-LLM and optimum-quanto is applied, and marks of ComfyUI are no tensors too many", async () => {
    const tensorRt = source(
      weight(),
      scale("fc.weights_scaling_factor", [1], [0.0625]),
      scale("fc.activation_scaling_factor", [1], [3]),
      scale("attn.kv_cache_scaling_factor", [1], [3]),
    );
    expect(await read(tensorRt)).toEqual(WEIGHTS.map((value) => value / 16));
    expect(() => tensorRt.checkAllUsed([])).toThrow(/"attn\.kv_cache_scaling_factor"/);
    const quanto = source(weight("fc.weight._data"), scale("fc.weight._scale", [3, 1], [1, 2, 4]));
    expect(await read(quanto)).toEqual([1, 1.5, -4, 1, 4, 6]);
    quanto.checkAllUsed([]);
    expect(unscaledNote(new Map([weight("fc.weight._data"), scale("fc.weight._scale", [3, 1], [1, 2, 4])]))).toEqual(
      [],
    );
    const comfy = source(
      weight("model.fc.weight"),
      scale("model.fc.scale_weight", [], [0.5]),
      tensor("scaled_fp8", "F8_E4M3", [2], [0, 0]),
      tensor("model.fc.comfy_quant", "U8", [2], [123, 125]),
    );
    expect(await read(comfy, "model.fc.weight")).toEqual(WEIGHTS.map((value) => value / 2));
    comfy.checkAllUsed([]);
    const blocks = source(
      weight(),
      scale("fc.weight_scale", [3, 1], [127, 127, 127], "F8_E8M0"),
      tensor("fc.comfy_quant", "U8", [2], [123, 125]),
    );
    expect(() => blocks.find("w", ["fc.weight"], [3, 2])).toThrow(/MXFP8, whose order is that of a graphics card/);
  });

  test("that nothing tells of what it is, is refused whatever is ignored, where a weight has none", () => {
    for (const name of ["my_scales.layer0", "scale_factors", "quantizer.amax", "other.weight_scaling_factor"]) {
      const of = source(weight(), scale(name, [], [0.5]));
      of.find("w", ["fc.weight"], [3, 2]);
      expect(() => of.checkAllUsed(["*"]), name).toThrow(
        expect.objectContaining({
          code: "WEIGHT_SCALE",
          where: 'tensor "fc.weight"',
          message: expect.stringContaining(`${JSON.stringify(name)} could be one`),
          expected: expect.stringContaining('"fc.weight_scale"'),
        }),
      );
    }
    for (const name of ["logit_scale", "blocks.0.layer_scale", "attn.input_scale", "lr_scale", "other.bias"]) {
      const of = source(weight(), scale(name, [], [0.5]));
      of.find("w", ["fc.weight"], [3, 2]);
      of.checkAllUsed(["*"]);
    }
    const scaled = source(weight(), scale("fc.weight_scale", [], [0.5]), scale("my_scales.layer0", [], [0.5]));
    scaled.find("w", ["fc.weight"], [3, 2]);
    scaled.checkAllUsed(["my_scales.*"]);
  });

  test("of a weight of another type is never one to be ignored", () => {
    const of = source(
      tensor("fc.weight", "F32", [3, 2], WEIGHTS),
      scale("a.extra", [], [2]),
      scale("fc.weights_scaling_factor", [], [2]),
    );
    of.find("w", ["fc.weight"], [3, 2]);
    const error = (() => {
      try {
        of.checkAllUsed([]);
      } catch (caught) {
        return caught as { message: string; expected: string; code: string };
      }
      throw new Error("no error");
    })();
    expect(error.code).toBe("WEIGHT_EXTRA");
    expect(error.message).toMatch(/"fc\.weights_scaling_factor", "a\.extra".*may be a factor of weights/);
    expect(error.expected).toMatch(/^weights multiplied with their factors.*for the other tensors alone/);
  });

  test("for blocks may keep the dimensions that are within a block", async () => {
    const blocks = [1, 2, 3, 4];
    for (const [given, shape] of [
      [
        [2, 1, 2, 1],
        [256, 256],
      ],
      [
        [2, 2, 1],
        [2, 256],
      ],
    ] as const) {
      const ones = tensor("fc.weight", "F8_E4M3", shape, Array(shape[0] * shape[1]).fill(1));
      const found = source(ones, scale("fc.weight_scale", given, blocks)).find("w", ["fc.weight"], shape);
      const values = [...(await found.tensor.readF32())];
      expect([values[0], values[255], values.at(-256), values.at(-1)]).toEqual(blocks);
    }
  });

  test("of what goes into a layer is refused wherever it stands, and whatever is ignored", () => {
    const of = source(
      weight(),
      scale("fc.weight_scale", [], [2]),
      scale("fc.input_quantizer._pre_quant_scale", [2], [1, 2]),
    );
    expect(() => of.find("w", ["fc.weight"], [3, 2])).toThrow(
      expect.objectContaining({ code: "WEIGHT_SCALE", message: expect.stringContaining("_pre_quant_scale") }),
    );
  });

  test("beside a matrix stored [in, out] is of what its length says, and of a square one nobody knows", async () => {
    const stored = (shape: [number, number], scales: readonly number[], given: readonly number[]) =>
      source(
        tensor("fc.weight", "F8_E4M3", shape, WEIGHTS.slice(0, shape[0] * shape[1])),
        scale("fc.weight_scale", given, scales),
      )
        .find("w", ["fc.weight"], shape, true)
        .tensor.readF32();
    expect([...(await stored([3, 2], [2, 4], [2]))]).toEqual([2, 6, -4, 2, 2, 6]);
    expect([...(await stored([3, 2], [1, 2, 4], [3]))]).toEqual([1, 1.5, -4, 1, 4, 6]);
    expect(() => stored([2, 2], [2, 4], [2])).toThrow(
      expect.objectContaining({
        code: "WEIGHT_SCALE",
        message: expect.stringMatching(/may be of its inputs or of its outputs: it is stored \[in, out\]/),
        expected: "[1, 2] for one number for each output, [2, 1] for each input",
      }),
    );
    expect([...(await stored([2, 2], [2, 4], [1, 2]))]).toEqual([2, 6, -4, 2]);
    expect([...(await stored([2, 2], [2, 4], [2, 1]))]).toEqual([2, 3, -8, 2]);
  });

  describe("in blocks that metadata say", () => {
    const ones = (rows: number, columns: number) =>
      tensor("fc.weight", "F8_E4M3", [rows, columns], Array(rows * columns).fill(1));
    const said = (blocks: readonly [number | "all", number | "all"], ...tensors: [string, CheckpointTensor][]) =>
      new WeightSource(
        {
          path: "w.safetensors",
          tensors: new Map(tensors),
          quantisation: { place: "config.json quantization_config", blocks },
        },
        "c.json",
      );
    test("which need be no power of two, nor divide", async () => {
      const of = said([3, 2], ones(4, 5), scale("fc.weight_scale_inv", [2, 3], [1, 2, 3, 4, 5, 6]));
      const values = [...(await of.find("w", ["fc.weight"], [4, 5]).tensor.readF32())];
      expect(values).toEqual([1, 1, 2, 2, 3, 1, 1, 2, 2, 3, 1, 1, 2, 2, 3, 4, 4, 5, 5, 6]);
      const turned = said([3, 2], ones(5, 4), scale("fc.weight_scale_inv", [3, 2], [1, 2, 3, 4, 5, 6]));
      const other = [...(await turned.find("w", ["fc.weight"], [5, 4], true).tensor.readF32())];
      expect(other).toEqual([1, 1, 1, 2, 1, 1, 1, 2, 3, 3, 3, 4, 3, 3, 3, 4, 5, 5, 5, 6]);
    });
    test.each([
      [
        "other blocks",
        [3, 2],
        [scale("fc.weight_scale_inv", [4, 1], [1, 2, 3, 4])],
        /not that of its shape \[4, 5\] in the blocks that config\.json quantization_config says/,
      ],
      [
        "one for each row instead of one for all",
        ["all", "all"],
        [scale("fc.weight_scale", [4, 1], [1, 2, 3, 4])],
        /not that of its shape/,
      ],
      [
        "one for all instead of one for each row",
        [1, "all"],
        [scale("fc.weight_scale", [], [1])],
        /not that of its shape/,
      ],
      ["none", ["all", "all"], [], /config\.json quantization_config says that weights have scales, and it has none/],
    ] as const)("are refused where they are %s", (_what, blocks, tensors, message) => {
      const of = said(blocks, ones(4, 5), ...(tensors as unknown as [string, CheckpointTensor][]));
      expect(() => of.find("w", ["fc.weight"], [4, 5])).toThrow(
        expect.objectContaining({ code: "WEIGHT_SCALE", message: expect.stringMatching(message) }),
      );
    });
  });

  test.each([
    [
      "two scales",
      [scale("fc.weight_scale", [], [1]), scale("fc.scale_weight", [], [1])],
      /"fc\.weight_scale" and "fc\.scale_weight" both/,
    ],
    [
      "a second factor",
      [scale("fc.weight_scale", [], [1]), scale("fc.weight_scale_2", [], [1])],
      /"fc\.weight_scale_2" beside it/,
    ],
    [
      "a zero point",
      [scale("fc.weight_scale", [], [1]), scale("fc.weight_zero_point", [], [1])],
      /"fc\.weight_zero_point" beside it/,
    ],
    ["a largest value", [scale("fc.weight_amax", [], [1])], /"fc\.weight_amax" beside it/],
    [
      "a factor of unknown sense",
      [scale("fc.weight_scaling_factor", [], [1])],
      /"fc\.weight_scaling_factor" beside it/,
    ],
    ["a factor of its inputs", [scale("fc.pre_quant_scale", [2], [1, 1])], /"fc\.pre_quant_scale" beside it/],
    [
      "a shift",
      [scale("fc.weight._scale", [], [1]), scale("fc.weight._shift", [], [1])],
      /"fc\.weight\._shift" beside it/,
    ],
    ["a quantiser's", [scale("fc.weight_quantizer._amax", [], [1])], /"fc\.weight_quantizer\._amax" beside it/],
    [
      "a shape that divides nothing",
      [scale("fc.weight_scale", [2, 2], [1, 2, 3, 4])],
      /\[2, 2\] does not divide its shape \[3, 2\]/,
    ],
    ["a vector of another length", [scale("fc.weight_scale", [5], [1, 2, 3, 4, 5])], /\[5\] does not divide/],
    ["nothing", [scale("fc.weight_scale", [0], [])], /\[0\] does not divide/],
    ["integers", [tensor("fc.weight_scale", "U8", [1], [127])], /holds integers \(U8\)/],
  ] as const)("is refused by its name where it is %s, whatever is ignored", (_what, tensors, message) => {
    expect(() =>
      source(weight(), ...(tensors as unknown as [string, CheckpointTensor][])).find("w", ["fc.weight"], [3, 2]),
    ).toThrow(
      expect.objectContaining({
        code: "WEIGHT_SCALE",
        where: 'tensor "fc.weight"',
        message: expect.stringMatching(message),
      }),
    );
  });

  test("weights without one are told, in a number and by a name", () => {
    const fp8 = (name: string) => tensor(name, "F8_E4M3", [3, 2], WEIGHTS);
    const note = (...tensors: [string, CheckpointTensor][]) => unscaledNote(new Map(tensors));
    expect(note(fp8("a.weight"), scale("a.weight_scale", [], [2]))).toEqual([]);
    expect(note(tensor("a.weight", "F32", [3, 2], WEIGHTS))).toEqual([]);
    expect(note(fp8("a.weight"), scale("a.weight_amax", [], [2]))).toEqual([
      expect.stringMatching(/^"a\.weight" of 8-bit floats had no scale/),
    ]);
    // A prefix that all names have is left out of those under which they are found.
    const [, named] = fp8("model.a.weight");
    expect(note(["a.weight", named], scale("a.weight_scale", [], [2]))).toEqual([]);
    expect(note(fp8("a.weight"), fp8("b.weight"))).toEqual([expect.stringMatching(/^2 tensors, such as "a\.weight",/)]);
  });

  test.each([
    ["blocks of 64 of which the last is cut", [96, 96], [2, 2]],
    ["groups of 64 of which the last is cut", [4, 96], [4, 2]],
    ["blocks of 256 of which the last is cut", [4, 640], [1, 3]],
    ["a scale each for query, key and value, or blocks of 128", [288, 4], [3, 1]],
    ["a scale each for gate and up, or blocks of 128", [192, 4], [2, 1]],
  ] as const)("is refused where it may be of %s: nothing says how long its blocks are", (_what, shape, scales) => {
    const count = (sizes: readonly number[]) => sizes.reduce((product, size) => product * size, 1);
    const weights = tensor("fc.weight", "F8_E4M3", shape, Array(count(shape)).fill(1));
    const found = () =>
      source(weights, scale("fc.weight_scale", scales, Array(count(scales)).fill(2))).find("w", ["fc.weight"], shape);
    expect(found).toThrow(
      expect.objectContaining({ code: "WEIGHT_SCALE", message: expect.stringContaining("does not divide") }),
    );
  });

  test.each([
    ["number", { "fc.weight": [0.0625, 0.0625, 0.0625] }, []],
    ["nested", { "fc.weight": [0.5, 0.25, 2] }, []],
    ["beside", { "fc.weight": [0.0625, 0.0625, 0.0625], "head.weight": [0.25, 0.25, 0.25] }, []],
    ["meta", { "fc.weight": [0.5, 0.25, 2] }, []],
    ["userdict", { "fc.weight": [0.5, 0.5, 0.5] }, []],
    ["training", { "fc.weight": [1, 1, 1] }, []],
    ["within", { "fc.weight": [0.0625, 0.0625, 0.0625] }, ["weight_scales.other"]],
    ["above", { "fc.weight": [0.5, 0.5, 0.5] }, ["scale"]],
  ] as const)("in a torch file (%s) is applied, and what is of no tensor is named", async (name, weights, extra) => {
    const checkpoint = await openCheckpoint(join(FIXTURES, `scales-${name}.pt`));
    const of = new WeightSource(checkpoint, "c.json");
    for (const [tensor, scales] of Object.entries(weights))
      expect(await read(of, tensor)).toEqual(WEIGHTS.map((value, i) => value * (scales[Math.floor(i / 2)] as number)));
    const check = () => of.checkAllUsed([]);
    if (extra.length === 0) check();
    else expect(check).toThrow(expect.objectContaining({ code: "WEIGHT_EXTRA", details: { tensors: extra } }));
    await checkpoint.close();
  });

  test.each([
    ["factors", "extra.scale_factors.0"],
    ["mine", "my_scales.layer0"],
    ["unnamed", "more.fc.scale"],
    ["settings", "args.weight_scale"],
    ["amax", "fc.weight_amax"],
    ["factor", "fc.weight_scaling_factor"],
  ])(
    "in a torch file (%s) that cannot be applied for sure is refused by its place, whatever is ignored",
    async (name, place) => {
      const checkpoint = await openCheckpoint(join(FIXTURES, `scales-${name}.pt`));
      const of = new WeightSource(checkpoint, "c.json");
      const read = () => {
        of.find("w", ["fc.weight"], [3, 2]);
        of.checkAllUsed(["*"]);
      };
      expect(read).toThrow(
        expect.objectContaining({ code: "WEIGHT_SCALE", message: expect.stringContaining(JSON.stringify(place)) }),
      );
      await checkpoint.close();
    },
  );
});
