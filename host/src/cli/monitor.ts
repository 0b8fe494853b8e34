import { createWriteStream } from "node:fs";
import { writeFailed } from "../files/writeFailed.js";
import type { FlashPort } from "../flash/espChip.js";
import { printable } from "../report/text/printable.js";
import { isPanic, levelOf } from "../serial/logLine.js";
import { monitorPort, resetChip } from "../serial/monitorPort.js";
import { findPort } from "../serial/openPort.js";
import { PanicDecoder } from "../serial/panicDecoder.js";
import { type CliContext, note, print } from "./context.js";
import type { CommonOptions } from "./options.js";

export interface MonitorCommandOptions extends CommonOptions {
  readonly port: string;
  readonly baud: number;
  readonly elf?: string;
  readonly log?: string;
}

/** Shows a board's console until Ctrl-C. Rejects with an InputError. */
export async function monitor(context: CliContext, options: MonitorCommandOptions): Promise<void> {
  const { elf, log: logPath, port, baud } = options;
  const remark = (text: string) => note(context, context.paintError.dim(`-- ${text}`));
  const decoder = elf === undefined ? undefined : await PanicDecoder.open(elf, context.env);
  if (decoder !== undefined) remark(`${elf}: ${decoder.about}`);
  const log = logPath === undefined ? undefined : await openLog(context, logPath);
  const stop = new AbortController();
  context.signal.addEventListener("abort", () => stop.abort(), { once: true });
  if (context.signal.aborted) stop.abort();
  let current: FlashPort | undefined;
  const release = readKeys(context, {
    r: () => void (current && resetChip(current).catch(() => undefined)),
    q: () => stop.abort(),
  });
  const tell = (text: string) => {
    show(context, options, text);
    log?.write(`${new Date().toISOString()} ${text}\n`);
  };
  // One after the other, so that names stand below the line whose addresses they are of.
  let told = Promise.resolve();
  const line = (text: string) => {
    if (decoder === undefined) return tell(text);
    told = told.then(async () => {
      tell(text);
      for (const name of await decoder.namesOf(text)) tell(`  ${printable(name)}`);
    });
  };
  try {
    await monitorPort(
      async () => {
        current = (await findPort(port)).port;
        return current;
      },
      { baudRate: baud, signal: stop.signal, line, link: (up) => remark(up ? port : "waiting for the board") },
    );
  } finally {
    release();
    await told;
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

async function openLog(context: CliContext, path: string): Promise<{ write(text: string): unknown; end(): unknown }> {
  const stream = createWriteStream(path, { flags: "a" });
  await new Promise<void>((resolve, reject) => {
    stream.once("open", () => resolve());
    stream.once("error", (error) => reject(writeFailed(path, error)));
  });
  // A disk that fills up later ends the log and not what is shown.
  stream.once("error", (error) => {
    stream.on("error", () => undefined);
    const { message } = writeFailed(path, error) as Error;
    note(context, `${context.paintError.yellow("warning:")} ${message}; the log ends here`);
  });
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
