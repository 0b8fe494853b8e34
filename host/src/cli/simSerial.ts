import type { TlsIdentity, TlsOptions } from "synapse-sim";
import type { Board } from "synapse-sim/boards";
import { startChip } from "../boards/startChip.js";
import { renderFields } from "../report/table.js";
import { headline, joinSections } from "../report/text/style.js";
import { untilInterrupted } from "./boardText.js";
import { type CliContext, note, print, printJson } from "./context.js";
import { brokerOf, type SimOptions } from "./simOptions.js";

/** Starts a chip behind a serial line, says where it is, shows what it prints, and ends it when it is interrupted. */
export async function simSerial(
  context: CliContext,
  board: Board,
  options: SimOptions,
  { tls, brokerTls }: { readonly tls: TlsIdentity | undefined; readonly brokerTls: TlsOptions | undefined },
): Promise<void> {
  const { engine, host, port, mdns, flashFile, faults, serial } = options;
  const broker = await brokerOf(options);
  const lines = new Lines((line) => note(context, context.paintError.dim(line)));
  const chip = await startChip({
    board,
    engine,
    host,
    port,
    mdns,
    tls,
    brokerTls,
    ...(broker === undefined ? {} : { brokerUrl: broker.boardUrl }),
    flashFile,
    faults,
    serialPort: serial === true ? undefined : serial,
    print: (text) => lines.add(text),
    running: (url) => note(context, `the board runs: ${url}/`),
    log: () => undefined,
  });
  try {
    const { paint } = context;
    const signals = chip.url.replace("socket:", "rfc2217:");
    if (options.json) {
      const revision = `${board.chipRevision.major}.${board.chipRevision.minor}`;
      const about = {
        command: "sim",
        serial: chip.url,
        rfc2217: signals,
        pty: chip.pty ?? null,
        board: board.id,
        chipRevision: revision,
      };
      printJson(context, { ...about, broker: broker?.url ?? null });
    } else {
      const fields = renderFields(
        [
          ["serial", `${paint.cyan(chip.url)}  ${paint.dim("(bytes alone: a SYNC starts the loader)")}`],
          ["", `${paint.cyan(signals)}  ${paint.dim("(with DTR and RTS, by RFC 2217)")}`],
          ["", chip.pty && `${paint.cyan(chip.pty)}  ${paint.dim("(a terminal: bytes and a rate)")}`],
          ["broker", broker && paint.cyan(broker.url)],
          ["try", paint.cyan(`synapse-host flash --sim ${chip.url} --board ${board.id} --model lewm.syn`)],
          ["", paint.cyan(`esptool --port ${chip.url} flash-id`)],
        ],
        paint.dim,
      );
      const chipText = `ESP32-P4 v${board.chipRevision.major}.${board.chipRevision.minor}`;
      const parts = [`simulated ${board.name}`, chipText, `${board.flash.bytes >> 20} MiB of flash`];
      print(context, `${joinSections([headline(context, parts, false), fields])}\n\n${paint.dim("Ctrl-C stops it.")}`);
    }
    await untilInterrupted(context.signal);
  } finally {
    await chip.close();
    await broker?.close();
  }
}

/** Text as it comes, line by line. */
class Lines {
  #rest = "";
  #show: (line: string) => void;

  constructor(show: (line: string) => void) {
    this.#show = show;
  }

  add(text: string): void {
    const lines = (this.#rest + text).split(/\r?\n/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#show(line);
  }
}
