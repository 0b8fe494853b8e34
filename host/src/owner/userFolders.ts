import { homedir } from "node:os";
import { join } from "node:path";

type Env = Readonly<Record<string, string | undefined>>;

const NAME = "synapse";

/** Where this user's own files of ours are: tokens (freedesktop.org's base directories; `%APPDATA%` on Windows). */
export function configFolder(env: Env): string {
  if (env.XDG_CONFIG_HOME) return join(env.XDG_CONFIG_HOME, NAME);
  if (process.platform === "win32" && env.APPDATA) return join(env.APPDATA, NAME);
  return join(env.HOME ?? homedir(), ".config", NAME);
}

/** Where we note how far we came with something. */
export function stateFolder(env: Env): string {
  if (env.XDG_STATE_HOME) return join(env.XDG_STATE_HOME, NAME);
  if (process.platform === "win32" && env.LOCALAPPDATA) return join(env.LOCALAPPDATA, NAME);
  return join(env.HOME ?? homedir(), ".local", "state", NAME);
}
