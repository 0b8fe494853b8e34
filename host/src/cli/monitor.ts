import { createWriteStream } from "node:fs";
import { readInput } from "../files/readInput.js";
import { writeFailed } from "../files/writeFailed.js";
import type { FlashPort } from "../flash/espChip.js";
import { ElfSymbols } from "../serial/elfSymbols.js";
import { isPanic, levelOf, namesOf } from "../serial/logLine.js";
import { monitorPort, resetChip } from "../serial/monitorPort.js";
import { findPort } from "../serial/openPort.js";
import { type CliContext, note, print } from "./context.js";
import type { CommonOptions } from "./options.js";

export interface MonitorCommandOptions extends CommonOptions {
  readonly port: string;
  readonly baud: number;
  readonly elf?: string;
  readonly log?: string;
}

const ELF_BYTES_MAX = 256 << 20;

/** Shows a board's console until Ctrl-C. Rejects with an InputError. */
export async function monitor(context: CliContext, options: MonitorCommandOptions): Promise<void> {
  const symbols = options.elf === undefined ? undefined : await readSymbols(options.elf);
  const log = options.log === undefined ? undefined : await openLog(options.log);
  const stop = new AbortController();
  context.signal.addEventListener("abort", () => stop.abort(), { once: true });
  if (context.signal.aborted) stop.abort();
  let current: FlashPort | undefined;
  const release = readKeys(context, {
    r: () => void (current && resetChip(current).catch(() => undefined)),
    q: () => stop.abort(),
  });
  try {
    await monitorPort(
      async () => {
        current = (await findPort(options.port)).port;
        return current;
      },
      {
        baudRate: options.baud,
        signal: stop.signal,
        line: (text) => {
          const names = symbols === undefined ? [] : namesOf(text, symbols);
          for (const each of [text, ...names.map((name) => `  ${name}`)]) {
            show(context, options, each);
            log?.write(`${new Date().toISOString()} ${each}\n`);
          }
        },
        link: (up) => note(context, context.paintError.dim(up ? `-- ${options.port}` : "-- waiting for the board")),
      },
    );
  } finally {
    release();
    log?.end();
  }
}

function show(context: CliContext, { json }: CommonOptions, text: string): void {
  const level = levelOf(text);
  const time = new Date();
  if (json) {
    print(context, JSON.stringify({ time: time.toISOString(), level: level ?? null, text }));
    return;
  }
  const { paint } = context;
  const painted = { error: paint.red, warn: paint.yellow, info: paint.green, debug: paint.dim, verbose: paint.dim };
  const paintLine = isPanic(text) ? paint.red : level === undefined ? String : painted[level];
  print(context, `${paint.dim(clock(time))} ${paintLine(text)}`);
}

/** `14:03:09.120`. */
const clock = (time: Date): string => {
  const two = (value: number) => String(value).padStart(2, "0");
  const seconds = `${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, "0")}`;
  return `${two(time.getHours())}:${two(time.getMinutes())}:${seconds}`;
};

async function readSymbols(path: string): Promise<ElfSymbols> {
  return new ElfSymbols(await readInput(path, "the .elf of the firmware", ELF_BYTES_MAX), path);
}

async function openLog(path: string): Promise<{ write(text: string): unknown; end(): unknown }> {
  const stream = createWriteStream(path, { flags: "a" });
  await new Promise<void>((resolve, reject) => {
    stream.once("open", () => resolve());
    stream.once("error", (error) => reject(writeFailed(path, error)));
  });
  // A disk that fills up later ends the log and not what is shown.
  stream.on("error", () => undefined);
  return stream;
}

/** Calls what belongs to a key while this is a terminal; Ctrl-C stays what it is. Answers how to stop that. */
function readKeys(context: CliContext, keys: Readonly<Record<string, () => void>>): () => void {
  const { stdin } = process;
  if (!stdin.isTTY || context.stdout.isTTY !== true) return () => undefined;
  stdin.setRawMode(true);
  const press = (typed: Buffer) => {
    const key = typed.toString();
    if (key === "\u0003") process.kill(process.pid, "SIGINT");
    keys[key]?.();
  };
  stdin.on("data", press);
  return () => {
    stdin.off("data", press).setRawMode(false);
    stdin.pause();
  };
}
