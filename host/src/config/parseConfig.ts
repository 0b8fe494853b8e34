import { schemaError } from "../files/schemaError.js";
import { type ModelConfig, modelConfig } from "./configSchema.js";

/**
 * Checks a parsed JSON value against the config schema. Throws `CONFIG_SCHEMA` with the JSON path of the first mistake
 * and what would be right.
 */
export function parseConfig(value: unknown, source: string): ModelConfig {
  const result = modelConfig.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  throw schemaError("CONFIG_SCHEMA", result.error, source);
}
