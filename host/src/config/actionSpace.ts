import { z } from "zod";
import { configError } from "./configError.js";
import { type ActionSpace, actionSpaceSchema, type ModelConfig, type Statistics } from "./configSchema.js";

/**
 * `meta.actions` of a pack: what the config says, and the distribution of the actions that the model was trained on.
 */
export interface PackActions extends ActionSpace, Partial<Statistics> {}

/** Name of the statistics that belong to actions. */
export const ACTION_STATISTICS = "action";

/**
 * What a pack says of its actions: `given` (of `--action-stats`) before the config's; undefined where neither says
 * anything. Bounds have one number for each value of an environment action, and rows of the model's action inputs
 * repeat them. Throws `CONFIG_ACTIONS` where they do not fit.
 */
export function packActions(
  config: ModelConfig,
  configSource: string,
  given: ActionSpace | undefined,
  statistics: Statistics | null | undefined,
): PackActions | undefined {
  const space: ActionSpace = { ...plain(config.actions), ...plain(given) };
  if (space.units === undefined && space.bounds === undefined) return undefined;
  const fail = (where: string, message: string, expected: string) =>
    configError({ configSource }, "CONFIG_ACTIONS", where, message, expected);
  const widths = Object.values(config.entries).flatMap(({ inputs }) =>
    Object.values(inputs).flatMap((input) => (input.kind === "action" ? [input.width] : [])),
  );
  if (widths.length === 0)
    throw fail("actions", "no entry takes actions", 'an input of kind "action", or no "actions"');
  const count = space.bounds?.min.length ?? 1;
  const odd = widths.find((width) => width % count !== 0);
  if (odd !== undefined) {
    throw fail(
      "actions.bounds",
      `bounds of ${count} values do not repeat to rows of ${odd}`,
      `a number of values that divides ${odd}`,
    );
  }
  return { ...space, ...(statistics ? { mean: [...statistics.mean], std: [...statistics.std] } : {}) };
}

/** All of it, read: what replaces a key of the config gives that key an effect too. */
function plain({ units, bounds }: ActionSpace = {}): ActionSpace {
  return {
    ...(units === undefined ? {} : { units }),
    ...(bounds === undefined ? {} : { bounds: { min: [...bounds.min], max: [...bounds.max] } }),
  };
}

/** Bounds of the actions of a pack by its `meta`; undefined where it has none, or none that can be. */
export function boundsOf(meta: Readonly<Record<string, unknown>> | undefined): ActionSpace | undefined {
  const result = z.looseObject({ actions: z.looseObject(actionSpaceSchema.shape) }).safeParse(meta);
  return result.success ? { units: result.data.actions.units, bounds: result.data.actions.bounds } : undefined;
}
