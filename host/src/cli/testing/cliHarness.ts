import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LEWM_SMALL } from "../../parity/lewmShapes.js";
import { writeSeededCheckpoint } from "../../parity/seededCheckpoint.js";
import { createContext } from "../context.js";
import { main } from "../main.js";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
export const COMMANDS = [
  "pack",
  "compress",
  "inspect",
  "run",
  "compare",
  "verify-model",
  "bench",
  "sim",
  "discover",
  "ports",
  "flash",
  "flash-page",
  "monitor",
  "provision",
  "claim",
  "selftest",
  "fleet",
  "keygen",
  "sign",
  "verify",
  "engines",
];

const PROGRAM = join(ROOT, "host", "bin", "synapse-host.js");

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Path of a file of this repository. */
export function repoPath(...parts: readonly string[]): string {
  return join(ROOT, ...parts);
}

/** Runs the installed program as its own process, in `cwd`. It runs what `npm run build` has compiled. */
export function runProgram(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<CliResult> {
  if (!existsSync(repoPath("host", "dist", "cli", "main.js")))
    throw new Error("host/dist is missing: run `npm run build` first");
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM, ...args], { cwd, env: { PATH: process.env.PATH, ...env } });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", reject).on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/**
 * Starts the program with --json and waits for its document; for commands that run until they are stopped. `stop`
 * presses Ctrl-C and answers the exit code.
 */
export async function startProgram(
  args: readonly string[],
  cwd: string,
): Promise<{ document: Record<string, unknown>; stop: () => Promise<number | null> }> {
  const child: ChildProcess = spawn(process.execPath, [PROGRAM, ...args, "--json"], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const document = await new Promise<Record<string, unknown>>((resolve, reject) => {
    let text = "";
    let errors = "";
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => (errors += chunk));
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      if (text.endsWith("}\n")) resolve(JSON.parse(text));
    });
    child.on("close", (code) => reject(new Error(`the program ended with ${code}: ${errors}`)));
  });
  const stop = () => {
    child.kill("SIGINT");
    return ended;
  };
  return { document, stop };
}

export interface InsideOptions {
  /** Both streams are terminals. */
  readonly tty?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** Presses Ctrl-C as soon as anything is written to stderr, e.g. the first of a progress bar. */
  readonly interruptOnStderr?: boolean;
}

/** Runs one command line inside this process. */
export async function runInside(args: readonly string[], options: InsideOptions = {}): Promise<CliResult> {
  const out: string[] = [];
  const err: string[] = [];
  const abort = new AbortController();
  const stream = (write: (text: string) => void) => ({ write, isTTY: options.tty ?? false, columns: 100 });
  const stderr = stream((text) => {
    err.push(text);
    if (options.interruptOnStderr) abort.abort(new Error("interrupted"));
  });
  const stdout = stream((text) => void out.push(text));
  const code = await main(args, createContext(stdout, stderr, options.env ?? {}, abort.signal));
  return { code, stdout: out.join(""), stderr: err.join("") };
}

/** A folder with a small seeded checkpoint; `remove` when done. */
export async function smallCheckpoint(): Promise<{
  folder: string;
  checkpoint: string;
  config: string;
  remove: () => Promise<void>;
}> {
  const folder = await mkdtemp(join(tmpdir(), "synapse-cli-"));
  const checkpoint = join(folder, "small.safetensors");
  await writeSeededCheckpoint(checkpoint, LEWM_SMALL, 1);
  return {
    folder,
    checkpoint,
    config: repoPath("configs", "lewm-test.json"),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
