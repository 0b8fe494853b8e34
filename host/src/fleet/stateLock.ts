import { readFile, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { z } from "zod";
import { inputError } from "../files/inputError.js";
import { writeFailed } from "../files/writeFailed.js";

const LOCK = z.object({ pid: z.number().int().positive(), host: z.string() });
const TRIES_MAX = 3;

/**
 * Keeps other roll-outs from a state file for as long as this one works with it; answers what gives it free. A lock
 * whose process is gone is taken over. Throws an InputError `STATE_IN_USE`, or `WRITE_FAILED`.
 */
export async function lockState(stateFile: string): Promise<() => Promise<void>> {
  const path = `${stateFile}.lock`;
  for (let tried = 1; ; tried++) {
    if (await create(path)) return () => rm(path, { force: true });
    const holder = await holderOf(path);
    if (holder !== undefined || tried === TRIES_MAX)
      throw inputError(stateFile, "STATE_IN_USE", `another roll-out works with it${holder ?? ""}`, {
        expected: `to wait for that one, or another --state; where none runs, remove ${path}`,
      });
    await rm(path, { force: true });
  }
}

async function create(path: string): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify({ pid: process.pid, host: hostname() }), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    // A full disk leaves an empty one.
    await rm(path, { force: true }).catch(() => undefined);
    throw writeFailed(path, error);
  }
}

/** Who has the lock, in words; undefined where nobody has it any more. */
async function holderOf(path: string): Promise<string | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const { pid, host } = LOCK.parse(JSON.parse(text));
    if (host !== hostname()) return ` (process ${pid} on ${JSON.stringify(host)})`;
    return runs(pid) ? ` (process ${pid})` : undefined;
  } catch {
    // Written by one that has not got further, or was stopped there: only the operator knows which.
    return " (its lock says no more)";
  }
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
