import { z } from "zod";
import { storageTypeNames } from "../compress/types/storageType.js";
import { schemaError } from "../config/parseConfig.js";
import { activationFunctions } from "../program/program.js";
import { DIMENSION_MAX, ENTRIES_MAX, GOLDEN_MAX, OPS_MAX, PORTS_MAX, REGION_BYTES_MAX, TENSORS_MAX } from "./layout.js";

const u32 = z.int().min(0).max(0xffffffff);
const regionBytes = z.int().min(0).max(REGION_BYTES_MAX);
const index = z
  .int()
  .min(0)
  .max(TENSORS_MAX - 1);
const text = (min: number, max: number) =>
  z
    .string()
    .refine((value) => Buffer.byteLength(value) >= min && Buffer.byteLength(value) <= max, { error: `must have ${min} to ${max} bytes` });
const name = text(1, 63);
const shape = z.array(z.int().min(1).max(DIMENSION_MAX)).min(1).max(4);
const tensorName = text(0, 127);

const constant = z.strictObject({ name: tensorName, type: z.enum(storageTypeNames), shape, offset: u32, bytes: u32 });
const activation = z.strictObject({
  name: tensorName,
  type: z.enum(["f32", "u8", "i32"]),
  shape,
  offset: u32,
  region: z.enum(["fast", "slow", "state"]),
  stride: z.int().min(1).max(DIMENSION_MAX).optional(),
  dynamic: z.boolean().optional(),
});
export type ConstantHeader = z.infer<typeof constant>;
export type ActivationHeader = z.infer<typeof activation>;
export type TensorHeader = ConstantHeader | ActivationHeader;

/** A tensor with a region is an activation. Choosing by the key keeps error messages about the keys of the right kind. */
const tensor: z.ZodType<TensorHeader> = z.unknown().transform((value, context): TensorHeader => {
  const isActivation = typeof value === "object" && value !== null && "region" in value;
  const result = (isActivation ? activation : constant).safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  for (const issue of result.error.issues)
    context.issues.push({ ...issue, input: (issue as { input?: unknown }).input } as z.core.$ZodRawIssue);
  return z.NEVER;
});

export function isConstant(header: TensorHeader): header is ConstantHeader {
  return !("region" in header);
}

const port = z.strictObject({ name, tensor: index, kind: z.enum(["image", "tokens", "latent", "action", "tensor"]) });
export type PortHeader = z.infer<typeof port>;

const act = z.enum(activationFunctions);
const number = z.number();
const channels = z.array(number).min(1).max(4);
const normKeys = { x: index, out: index, eps: number, gamma: index.optional() };
const op = z.discriminatedUnion("op", [
  z.strictObject({ op: z.literal("patchify"), x: index, out: index, patch: u32, scale: channels, shift: channels }),
  z.strictObject({
    op: z.literal("linear"),
    x: index,
    w: index,
    out: index,
    bias: index.optional(),
    act: act.optional(),
    gate: index.optional(),
    residual: index.optional(),
    scratch: index.optional(),
  }),
  z.strictObject({ op: z.literal("layer_norm"), ...normKeys, beta: index.optional() }),
  z.strictObject({ op: z.literal("rms_norm"), ...normKeys }),
  z.strictObject({ op: z.literal("modulate"), x: index, shift: index, scale: index, out: index }),
  z.strictObject({ op: z.literal("add"), a: index, b: index, out: index }),
  z.strictObject({ op: z.literal("mul"), a: index, b: index, out: index }),
  z.strictObject({ op: z.literal("act"), x: index, out: index, act }),
  z.strictObject({ op: z.literal("copy"), x: index, out: index }),
  z.strictObject({
    op: z.literal("attention"),
    q: index,
    k: index,
    v: index,
    out: index,
    heads: z.int().min(1).max(DIMENSION_MAX),
    kv_heads: z.int().min(1).max(DIMENSION_MAX),
    scale: number,
    causal: z.boolean(),
    compute: z.enum(["f32", "i8"]),
    scratch: index.optional(),
  }),
]);
/** An op as in the file: operands are tensor numbers. */
export type OpHeader = z.infer<typeof op>;

const entry = z.strictObject({
  name,
  rows_max: z.int().min(1).max(DIMENSION_MAX),
  inputs: z.array(port).max(PORTS_MAX),
  outputs: z.array(port).max(PORTS_MAX),
  ops: z.array(op).max(OPS_MAX),
});
export type EntryHeader = z.infer<typeof entry>;

const golden = z.strictObject({
  entry: name,
  rows: z.int().min(1).max(DIMENSION_MAX),
  seed: z.int().min(1).max(0xffffffff),
  digest: z.instanceof(Uint8Array).refine((value) => value.length === 32, { error: "must have 32 bytes" }),
});
export type GoldenHeader = z.infer<typeof golden>;

/** The CBOR header of a `.syn` file. */
const packHeader = z.strictObject({
  name,
  generator: name,
  numeric: z.enum(["exact", "reference"]),
  regions: z.strictObject({ fast: regionBytes, slow: regionBytes, state: regionBytes }),
  tensors: z.array(tensor).max(TENSORS_MAX),
  entries: z.array(entry).max(ENTRIES_MAX),
  golden: z.array(golden).max(GOLDEN_MAX).optional(),
  meta: z.record(z.string(), z.unknown()).optional(),
});
export type PackHeader = z.infer<typeof packHeader>;

/** A header that fits the format, as it came. Throws InputError `PACK_HEADER` with the place of the first mistake. */
export function checkHeader(value: unknown, source: string): PackHeader {
  const result = packHeader.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  throw schemaError("PACK_HEADER", result.error, source);
}
