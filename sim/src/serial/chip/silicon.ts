/**
 * The two families of ESP32-P4 silicon. Images and flasher stubs are made for one of them and do not run on the other.
 */
export type SiliconFamily = "v1" | "v3";

export interface Silicon {
  /** major * 100 + minor */
  readonly revision: number;
  /** Six bytes, colons between them. */
  readonly mac: string;
  readonly flashBytes: number;
}

export const CHIP_ID = 18;

export const familyOf = (revision: number): SiliconFamily => (revision < 300 ? "v1" : "v3");
