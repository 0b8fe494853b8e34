import { expect, test } from "vitest";
import { readQuantisation } from "./quantisation.js";

const read = (document: unknown) => readQuantisation(document, "model.safetensors", "config.json");
const group = (weights: object) => ({
  quantization_config: { quant_method: "compressed-tensors", config_groups: { group_0: { weights } } },
});
const beside = (more: object) => ({
  quantization_config: { ...group({ ...float, strategy: "channel" }).quantization_config, ...more },
});
const float = { type: "float", num_bits: 8, symmetric: true };

test.each([
  ["squares", { quantization_config: { quant_method: "fp8", weight_block_size: [128, 64] } }, [128, 64]],
  ["of fp8 that says none", { quantization_config: { quant_method: "fp8" } }, undefined],
  ["rows", { quantization_config: { quant_method: "fbgemm_fp8", activation_scale_ub: 1200 } }, [1, "all"]],
  ["a tensor", group({ ...float, strategy: "tensor" }), ["all", "all"]],
  ["a channel", group({ ...float, strategy: "channel" }), [1, "all"]],
  ["a block", group({ ...float, strategy: "block", block_structure: "128x128" }), [128, 128]],
  ["with empty settings beside", beside({ sparsity_config: {}, transform_config: {}, version: "0.11.0" }), [1, "all"]],
  ["with columns in their order", beside({ ...group({ ...float, strategy: "channel", actorder: null }) }), [1, "all"]],
  ["a group", group({ ...float, strategy: "group", group_size: 32 }), [1, 32]],
  ["ModelOpt's", { quantization: { quant_algo: "FP8", kv_cache_quant_algo: "FP8" } }, ["all", "all"]],
  ["a tower's", { text_config: { quantization_config: { quant_method: "fp8", weight_block_size: [4, 4] } } }, [4, 4]],
])("blocks of factors: %s", (_what, document, blocks) => {
  expect(read(document)).toMatchObject({
    place: expect.stringMatching(/^config\.json (text_config )?(quant)/),
    blocks,
  });
});

test("what says nothing of it is nothing", () => {
  for (const document of [undefined, [], {}, { quantization_config: null }, { quantization: { quant_algo: null } }])
    expect(read(document)).toBeUndefined();
});

test("groups of layers of several blocks leave it to each weight's shape", () => {
  const groups = ["tensor", "channel"].map((strategy) => ({ weights: { ...float, strategy } }));
  const document = { quantization_config: { quant_method: "compressed-tensors", config_groups: groups } };
  expect(read({ quantization_config: { ...document.quantization_config, config_groups: { ...groups } } })).toEqual({
    place: "config.json quantization_config",
    blocks: undefined,
  });
});

test.each([
  ["a method of tomorrow", { quantization_config: { quant_method: "torchao" } }, /"torchao", which is not known/],
  ["no method", { quantization_config: { bits: 8 } }, /a method without a name/],
  ["another algorithm", { quantization: { quant_algo: "MIXED_PRECISION" } }, /algorithm "MIXED_PRECISION"/],
  [
    "half a block",
    { quantization_config: { quant_method: "fp8", weight_block_size: [128] } },
    /weight_block_size is \[128\]/,
  ],
  ["integers", group({ type: "int", num_bits: 4, strategy: "group" }), /type "int" with 4 bits/],
  ["a zero point", group({ ...float, symmetric: false, strategy: "tensor" }), /about a zero point/],
  ["another strategy", group({ ...float, strategy: "token" }), /strategy of weights is "token"/],
  [
    "weights that are turned",
    beside({ transform_config: { config_groups: { u: { type: "hadamard", apply: [] } } } }),
    /turns what goes into layers/,
  ],
  ["columns in another order", group({ ...float, strategy: "group", group_size: 32, actorder: "group" }), /actorder/],
  [
    "sparse weights",
    { quantization_config: { quant_method: "compressed-tensors", sparsity_config: { format: "sparse-24-bitmask" } } },
    /sparse-24-bitmask/,
  ],
])("is refused by its place: %s", (_what, document, message) => {
  expect(() => read(document)).toThrow(
    expect.objectContaining({
      code: "WEIGHT_SCALE",
      where: expect.stringMatching(/^config\.json quanti/),
      message: expect.stringMatching(message),
    }),
  );
});
