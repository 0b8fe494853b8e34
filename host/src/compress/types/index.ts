import type { StorageTypeName } from "../../format/types.js";
import { f16, f32 } from "./float.js";
import { i2 } from "./i2.js";
import { i3 } from "./i3.js";
import { i4 } from "./i4.js";
import { i5 } from "./i5.js";
import { i6 } from "./i6.js";
import { i8 } from "./i8.js";
import { q4_0 } from "./q4_0.js";
import { q4_k } from "./q4_k.js";
import { q6_k } from "./q6_k.js";
import { q8_0 } from "./q8_0.js";
import type { StorageType } from "./storageType.js";

/** All storage types by name. */
export const storageTypes: Readonly<Record<StorageTypeName, StorageType>> = {
  f32,
  f16,
  i8,
  q8_0,
  q4_0,
  q4_k,
  q6_k,
  i4,
  i3,
  i2,
  i5,
  i6,
};
