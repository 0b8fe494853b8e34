import { format } from "./table.js";

/** Every bound of the format (kernels/src/limits.zig). */
export const { limits } = format;
