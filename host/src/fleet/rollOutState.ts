import { z } from "zod";
import { atomicWrite } from "../files/atomicWrite.js";
import { inputError } from "../files/inputError.js";
import { readInput } from "../files/readInput.js";

/** Where a board stands. `unreached` ones were not there; a later run tries them again. */
export const STANDINGS = ["waiting", "updating", "updated", "failed", "unreached"] as const;
export type Standing = (typeof STANDINGS)[number];

const VERSION = 1;
/** Of some ten thousand boards. */
const BYTES_MAX = 16 << 20;
const ID = z.string().regex(/^[a-z0-9]+$/);

const FILE = z
  .object({
    version: z.literal(VERSION),
    kind: z.enum(["model", "firmware"]),
    broker: z.string(),
    file: z.string(),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    title: z.string(),
    /** Which boards were chosen, in words; empty: all. */
    chosen: z.string().default(""),
    waves: z.array(z.array(ID)),
    /** Numbers of the waves that have been watched to their end. */
    watched: z.array(z.number().int().min(0)).default([]),
    boards: z.record(
      ID,
      z.object({
        standing: z.enum(STANDINGS),
        code: z.string().optional(),
        detail: z.string().optional(),
      }),
    ),
  })
  .refine(({ waves, boards }) => {
    const ids = waves.flat();
    return (
      new Set(ids).size === ids.length && ids.length === Object.keys(boards).length && ids.every((id) => boards[id])
    );
  });

/** A roll-out as it stands, whoever goes on with it. */
export type RollOutState = z.infer<typeof FILE>;
export type BoardStanding = RollOutState["boards"][string];

/** Undefined where there is none. Throws an InputError `STATE_INVALID` for a file that is none of a roll-out. */
export async function readRollOutState(path: string): Promise<RollOutState | undefined> {
  const what = "a file that an earlier roll-out wrote, or a name that is free (--state)";
  let told: unknown;
  try {
    told = JSON.parse(new TextDecoder().decode(await readInput(path, what, BYTES_MAX)));
  } catch (error) {
    if ((error as { code?: unknown }).code === "FILE_ENOENT") return undefined;
    if (!(error instanceof SyntaxError)) throw error;
    throw inputError(path, "STATE_INVALID", "this is no state of a roll-out", { expected: what });
  }
  const version = (told as { version?: unknown } | null)?.version;
  if (typeof version === "number" && version > VERSION)
    throw inputError(path, "STATE_VERSION", `a newer synapse-host wrote this state (version ${version})`, {
      expected: "that version, or another --state",
    });
  const { success, data } = FILE.safeParse(told);
  if (success) return data;
  throw inputError(path, "STATE_INVALID", "this is no state of a roll-out", { expected: what });
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

/** Boards that are still to be updated, in the order of their waves; those that failed are not. */
export function boardsLeft(state: RollOutState): string[] {
  return state.waves.flat().filter((id) => !["updated", "failed"].includes(state.boards[id]?.standing ?? ""));
}

/** Whether nothing is left to be done: every board runs the file, and every wave has been watched. */
export function isAtEnd(state: RollOutState): boolean {
  return (
    Object.values(state.boards).every(({ standing }) => standing === "updated") &&
    state.waves.every((_ids, wave) => state.watched.includes(wave))
  );
}

/**
 * Canaries that are away say nothing. Where none of them has been updated, boards of the last wave that are there take
 * the places of those that are away.
 */
export function replaceCanaries(state: RollOutState, isThere: (id: string) => boolean): void {
  const [canaries, ...others] = state.waves;
  if (canaries === undefined || others.length === 0) return;
  if (canaries.some((id) => state.boards[id]?.standing === "updated")) return;
  for (const [at, id] of canaries.entries()) {
    if (state.boards[id]?.standing === "failed" || isThere(id)) continue;
    for (const wave of [...others].reverse()) {
      const other = wave.findIndex((each) => state.boards[each]?.standing === "waiting" && isThere(each));
      if (other < 0) continue;
      canaries[at] = wave[other] as string;
      wave[other] = id;
      break;
    }
  }
}
