import { z } from "zod";
import { schemaError } from "../files/schemaError.js";
import { limits } from "./limits.js";
import { type KeyMeaning, type OpName, type OpWith, opKeys, opNames, portKinds, regions } from "./ops.js";
import { activationTypeNames, scaleTypes, storageTypeNames } from "./types.js";

const u32 = z.int().min(0).max(0xffffffff);
const regionBytes = z.int().min(0).max(limits.region_bytes_max);
const index = z
  .int()
  .min(0)
  .max(limits.tensors_max - 1);
const text = (min: number, max: number) =>
  z.string().refine((value) => Buffer.byteLength(value) >= min && Buffer.byteLength(value) <= max, {
    error: `must have ${min} to ${max} bytes`,
  });
const name = text(1, limits.port_name_bytes_max);
const shape = z.array(z.int().min(1).max(limits.dimension_max)).min(1).max(limits.rank_max);
const tensorName = text(0, limits.tensor_name_bytes_max);

const constant = z.strictObject({
  name: tensorName,
  type: z.enum(storageTypeNames),
  shape,
  offset: u32,
  bytes: u32,
  scales: z.enum(scaleTypes).optional(),
});
const activation = z.strictObject({
  name: tensorName,
  type: z.enum(activationTypeNames),
  shape,
  offset: u32,
  region: z.enum(regions),
  stride: z.int().min(1).max(limits.dimension_max).optional(),
  dynamic: z.boolean().optional(),
});
export type ConstantHeader = z.infer<typeof constant>;
export type ActivationHeader = z.infer<typeof activation>;
export type TensorHeader = ConstantHeader | ActivationHeader;

/**
 * A tensor with a region is an activation. Choosing by the key keeps error messages about the keys of the right kind.
 */
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

const port = z.strictObject({ name, tensor: index, kind: z.enum(portKinds) });
export type PortHeader = z.infer<typeof port>;

const number = z.number();
/** What stands in the file under a key, by what it means. Operands are tensor numbers. */
const meanings: Readonly<Record<Exclude<KeyMeaning, "name">, z.ZodType>> = {
  activation: index,
  operand: index,
  weight: index,
  vector: index,
  out: index,
  scratch: index,
  count: z.int().min(1).max(limits.dimension_max),
  number,
  numbers: z.array(number).min(1).max(limits.channels_max),
  flag: z.boolean(),
};

/** An op as in the file: operands are tensor numbers. */
export type OpHeader = OpWith<
  OpName,
  {
    activation: number;
    operand: number;
    weight: number;
    vector: number;
    out: number;
    scratch: number;
    count: number;
    number: number;
    numbers: number[];
    flag: boolean;
  }
>;

function opSchema(name: OpName) {
  const keys = opKeys(name).map(([key, { is, one_of: names, optional }]): [string, z.ZodType] => {
    const value = is === "name" ? z.enum(names as readonly string[]) : meanings[is];
    return [key, optional ? value.optional() : value];
  });
  return z.strictObject({ op: z.literal(name), ...Object.fromEntries(keys) });
}

type OpSchema = ReturnType<typeof opSchema>;
const op = z.discriminatedUnion(
  "op",
  opNames.map(opSchema) as [OpSchema, ...OpSchema[]],
) as z.ZodType as z.ZodType<OpHeader>;

const entry = z.strictObject({
  name,
  rows_max: z.int().min(1).max(limits.dimension_max),
  inputs: z.array(port).max(limits.ports_max),
  outputs: z.array(port).max(limits.ports_max),
  ops: z.array(op).max(limits.ops_max),
});
export type EntryHeader = z.infer<typeof entry>;

const golden = z.strictObject({
  entry: name,
  rows: z.int().min(1).max(limits.dimension_max),
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
  tensors: z.array(tensor).max(limits.tensors_max),
  entries: z.array(entry).max(limits.entries_max),
  golden: z.array(golden).max(limits.goldens_max).optional(),
  meta: z.record(z.string(), z.unknown()).optional(),
});
export type PackHeader = z.infer<typeof packHeader>;

/** A header that fits the format, as it came. Throws InputError `PACK_HEADER` with the place of the first mistake. */
export function checkHeader(value: unknown, source: string): PackHeader {
  const result = packHeader.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  throw schemaError("PACK_HEADER", result.error, source, "docs/format.md");
}
