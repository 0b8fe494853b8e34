import type { CliContext } from "./context.js";

/** A progress bar on stderr. Does nothing when stderr is not a terminal, so that logs stay clean. */
export interface Progress {
  update(done: number, total: number, label: string): void;
  /** Removes the bar; may be called twice. */
  stop(): void;
}

const SILENT: Progress = { update() {}, stop() {} };

export async function createProgress(context: CliContext, title: string): Promise<Progress> {
  if (context.stderr.isTTY !== true || context.env.TERM === "dumb") return SILENT;
  const { default: cliProgress } = await import("cli-progress");
  const { paintError } = context;
  const bar = new cliProgress.SingleBar({
    stream: context.stderr as unknown as NodeJS.WritableStream,
    format: `${title} ${paintError.cyan("{bar}")} {percentage} % {label}`,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 28,
    hideCursor: true,
    clearOnComplete: true,
    linewrap: false,
    gracefulExit: false,
    fps: 15,
  });
  let running = false;
  return {
    update(done, total, label) {
      const shown = label.length > 40 ? `…${label.slice(-39)}` : label;
      if (!running) {
        bar.start(Math.max(total, 1), done, { label: shown });
        running = true;
      } else {
        bar.setTotal(Math.max(total, 1));
        bar.update(done, { label: shown });
      }
    },
    stop() {
      if (running) bar.stop();
      running = false;
    },
  };
}
