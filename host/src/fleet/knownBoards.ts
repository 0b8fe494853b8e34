import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { atomicWrite } from "../files/atomicWrite.js";
import { makeFolder } from "../files/makeFolder.js";
import type { FleetBoard } from "./inventory.js";

/** A broker forgets what a board was when the board leaves it: its last will says no more than that. */
const FILE = z.object({
  version: z.literal(1),
  broker: z.string(),
  boards: z.array(
    z.object({
      id: z.string().regex(/^[a-z0-9]+$/),
      name: z.string().optional(),
      board: z.string().optional(),
      chip: z.string().optional(),
      firmware: z.string().optional(),
      simulated: z.boolean().optional(),
      groups: z.array(z.string()).optional(),
      model: z.object({ slot: z.string(), name: z.string(), sha256: z.string().optional() }).nullable().optional(),
      seenMs: z.number().optional(),
    }),
  ),
});

/** Where programs keep what they may lose: `XDG_STATE_HOME`, or `~/.local/state`. */
export function knownBoardsFile(broker: string, env: Readonly<Record<string, string | undefined>>): string {
  const state = env.XDG_STATE_HOME || join(env.HOME || homedir(), ".local", "state");
  const name = createHash("sha256").update(broker).digest("hex").slice(0, 16);
  return join(state, "synapse", `fleet-${name}.json`);
}

/** The boards that were seen on this broker before. A file that is missing or damaged says nothing. */
export async function readKnownBoards(file: string): Promise<FleetBoard[]> {
  try {
    const { boards } = FILE.parse(JSON.parse(await readFile(file, "utf8")));
    // Written while this machine's clock was ahead, it was not seen later than now.
    const now = Date.now();
    return boards.map(({ seenMs = 0, ...board }) => {
      const seen = seenMs > 0 ? { seenMs: Math.min(seenMs, now) } : {};
      return { ...board, ...seen, online: false } as FleetBoard;
    });
  } catch {
    return [];
  }
}

/** A board that was not seen for so long is not remembered any more. */
const REMEMBERED_MS = 90 * 86_400_000;

/** Remembers what is known now. A place that cannot be written is no reason to fail: the boards tell again. */
export async function writeKnownBoards(file: string, broker: string, boards: readonly FleetBoard[]): Promise<void> {
  const recent = boards.filter(({ seenMs = 0 }) => Date.now() - seenMs < REMEMBERED_MS);
  const kept = recent.map(
    ({ online: _online, telemetry: _telemetry, update: _update, safeMode: _mode, heard: _heard, ...of }) => of,
  );
  try {
    await makeFolder(join(file, ".."), 0o700);
    await atomicWrite(file, `${JSON.stringify({ version: 1, broker, boards: kept })}\n`);
  } catch {
    return;
  }
}
