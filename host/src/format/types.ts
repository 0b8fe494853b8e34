import { roundUp } from "./roundUp.js";
import { format } from "./table.js";

type Types = typeof format.types;
type Having<Trait> = { [Name in keyof Types]: Types[Name] extends Trait ? Name : never }[keyof Types];

/** Types that a constant may have. */
export type StorageTypeName = Having<{ readonly products: string }>;
/** Types that an activation may have. */
export type ActivationTypeName = Having<{ readonly activation_bytes: number }>;

/** What stands in a panel once for every `columns` of K. */
export interface PanelPiece {
  readonly columns: number;
  readonly bytes: number;
  readonly fields: readonly PanelField[];
}

/** Rows of sixteen elements, one for each output. */
export interface PanelField {
  readonly name: string;
  readonly rows: number;
  readonly element: string;
  readonly element_bytes: number;
}

/** What the format says of a type of constants (kernels/src/storage/traits.zig). */
export interface WeightTraits {
  /** The minor version of the format that it came with. */
  readonly version_minor: number;
  readonly products: "floats" | "integers";
  readonly k_multiple: number;
  readonly row_scales: boolean;
  readonly factor_length: number;
  readonly minimum: boolean;
  readonly panel: readonly PanelPiece[];
}

const names = Object.keys(format.types) as (keyof Types)[];
export const storageTypeNames = names.filter((name): name is StorageTypeName => "products" in format.types[name]);
export const activationTypeNames = names.filter(
  (name): name is ActivationTypeName => "activation_bytes" in format.types[name],
);

/** Outputs that lie side by side in a panel. */
export const PANEL = format.panel_width;

export function weightTraits(name: StorageTypeName): WeightTraits {
  return format.types[name];
}

/** Bytes of one element of an activation. */
export function activationBytes(name: ActivationTypeName): number {
  return format.types[name].activation_bytes;
}

/** K filled up to whole blocks of a type: as many weights of an output are stored. */
export function wholeBlocks(name: StorageTypeName, k: number): number {
  return roundUp(k, weightTraits(name).k_multiple);
}

/** The length of a row as the inner loop reads it: whole blocks, and whole vectors of int8 activations. */
export function paddedLength(name: StorageTypeName, k: number): number {
  return weightTraits(name).products === "integers" ? roundUp(wholeBlocks(name, k), PANEL) : k;
}

/** Bytes of one panel: sixteen outputs over the whole of K. */
export function panelBytes(name: StorageTypeName, k: number): number {
  return weightTraits(name).panel.reduce((sum, { columns, bytes }) => sum + Math.ceil(k / columns) * bytes, 0);
}

/** How the scales of rows are stored, in the types that have them. */
export const scaleTypes = ["f32", "f16"] as const;
export type ScaleType = (typeof scaleTypes)[number];

export function scaleBytes(scales: ScaleType): number {
  return scales === "f16" ? 2 : 4;
}

/** Bytes of the scales, one an output, that follow the panels of some types. */
export function rowScaleBytes(n: number, scales: ScaleType = "f32"): number {
  return roundUp(n, PANEL) * scaleBytes(scales);
}

/** Bytes of a linear weight `[n, k]`. */
export function weightBytes(name: StorageTypeName, n: number, k: number, scales: ScaleType = "f32"): number {
  const panels = (roundUp(n, PANEL) / PANEL) * panelBytes(name, k);
  return panels + (weightTraits(name).row_scales ? rowScaleBytes(n, scales) : 0);
}
