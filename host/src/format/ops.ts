import { format } from "./table.js";

export const activationFunctions = format.activation_functions;
export type ActivationFunction = (typeof activationFunctions)[number];
/** How attention multiplies and sums. */
export const attentionComputes = format.ops.attention.keys.compute.one_of;
export type AttentionCompute = (typeof attentionComputes)[number];
export const portKinds = format.port_kinds;
export type PortKind = (typeof portKinds)[number];
export const { regions } = format;
export type Region = (typeof regions)[number];

type Ops = typeof format.ops;
export type OpName = keyof Ops;

/** How an op uses a tensor that one of its keys names (kernels/src/ops/key.zig). */
export type OperandUse = "activation" | "operand" | "weight" | "vector" | "out" | "scratch";

/** What stands under a key of an op. */
export type KeyMeaning = OperandUse | "count" | "number" | "numbers" | "flag" | "name";

interface KeyTraits {
  readonly is: KeyMeaning;
  /** The names, where it is one. */
  readonly one_of?: readonly string[];
  readonly optional?: boolean;
}

/** An op with a value of `Values[meaning]` under each of its keys. */
export type OpWith<
  Name extends OpName,
  Values extends Record<Exclude<KeyMeaning, "name">, unknown>,
> = Name extends OpName
  ? { readonly op: Name } & { readonly [Key in RequiredKeys<Name>]: Value<Ops[Name]["keys"][Key], Values> } & {
      readonly [Key in OptionalKeys<Name>]?: Value<Ops[Name]["keys"][Key], Values>;
    }
  : never;

type OptionalKeys<Name extends OpName> = {
  [Key in keyof Ops[Name]["keys"]]: Ops[Name]["keys"][Key] extends { readonly optional: true } ? Key : never;
}[keyof Ops[Name]["keys"]];
type RequiredKeys<Name extends OpName> = Exclude<keyof Ops[Name]["keys"], OptionalKeys<Name>>;

type Value<Key, Values> = Key extends { readonly one_of: readonly (infer Each)[] }
  ? Each
  : Key extends { readonly is: infer Meaning extends keyof Values }
    ? Values[Meaning]
    : never;

export const opNames = Object.keys(format.ops) as OpName[];

/** The keys of an op in the file's order. */
export function opKeys(name: OpName): [key: string, traits: KeyTraits][] {
  return Object.entries<KeyTraits>(format.ops[name].keys);
}

const NO_TENSOR: ReadonlySet<KeyMeaning> = new Set(["count", "number", "numbers", "flag", "name"]);

/** The keys of an op that name tensors, those that it reads first, and how it uses them. */
export function operandKeys(name: OpName): [key: string, use: OperandUse][] {
  const order = (use: OperandUse) => ["out", "scratch"].indexOf(use);
  const keys = opKeys(name).flatMap(([key, { is }]): [string, OperandUse][] =>
    NO_TENSOR.has(is) ? [] : [[key, is as OperandUse]],
  );
  return keys.sort(([, a], [, b]) => order(a) - order(b));
}

/** The operand whose bytes `out` may take over (docs/format.md, "in place"). */
export function inPlaceKey(name: OpName): string | undefined {
  const traits = format.ops[name];
  return "in_place" in traits ? traits.in_place : undefined;
}
