import { readFileSync } from "node:fs";

/** The version that this tree's device core says of itself: that of the project. */
export const FIRMWARE_VERSION: string = JSON.parse(
  readFileSync(new URL("../../../package.json", import.meta.url), "utf8"),
).version;
