import { readFile } from "node:fs/promises";
import { z } from "zod";
import { atomicWrite } from "../files/atomicWrite.js";
import { inputError } from "../files/inputError.js";

/** Where a board stands. `unreached` ones were not there; a later run tries them again. */
export const STANDINGS = ["waiting", "updating", "updated", "failed", "unreached"] as const;
export type Standing = (typeof STANDINGS)[number];

const FILE = z.object({
  version: z.literal(1),
  kind: z.enum(["model", "firmware"]),
  broker: z.string(),
  file: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  title: z.string(),
  waves: z.array(z.array(z.string())),
  boards: z.record(
    z.string(),
    z.object({
      standing: z.enum(STANDINGS),
      code: z.string().optional(),
      detail: z.string().optional(),
    }),
  ),
});

/** A roll-out as it stands, whoever goes on with it. */
export type RollOutState = z.infer<typeof FILE>;
export type BoardStanding = RollOutState["boards"][string];

/** Undefined where there is none. Throws an InputError `STATE_INVALID` for a file that is none of a roll-out. */
export async function readRollOutState(path: string): Promise<RollOutState | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw invalid(path, (error as Error).message);
  }
  try {
    return FILE.parse(JSON.parse(text));
  } catch {
    throw invalid(path, "this is no state of a roll-out");
  }
}

function invalid(path: string, message: string) {
  return inputError(path, "STATE_INVALID", message, {
    expected: "a file that an earlier roll-out wrote, or a name that is free (--state)",
  });
}

export function writeRollOutState(path: string, state: RollOutState): Promise<void> {
  return atomicWrite(path, `${JSON.stringify(state, null, 1)}\n`);
}

/** How many boards stand where. */
export function countStandings(state: RollOutState): Record<Standing, number> {
  const counts = Object.fromEntries(STANDINGS.map((standing) => [standing, 0])) as Record<Standing, number>;
  for (const { standing } of Object.values(state.boards)) counts[standing]++;
  return counts;
}
