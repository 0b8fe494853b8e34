import { Command, Option } from "commander";
import type { BoardEngine } from "synapse-sim";
import { findBoard } from "../../engine/boards.js";
import { startBoard } from "../../engine/startBoard.js";
import { boardText, untilInterrupted } from "../boardText.js";
import { type CliContext, note, print, printJson } from "../context.js";
import { addCommonOptions, type CommonOptions, integerOption } from "../options.js";

interface SimOptions extends CommonOptions {
  readonly board: string;
  readonly model: string;
  readonly port: number;
  readonly host: string;
  readonly engine: BoardEngine;
  readonly qr: boolean;
  readonly open: boolean;
}

const NOTES = `
The board waits to be claimed: open its page, or
  curl -s -H 'content-type: application/json' -d '{}' http://127.0.0.1:8080/v1/claim
and send the token with every request, -H "authorization: Bearer $TOKEN". With --open, reading and inference need none:
  curl -s --data-binary @photo.jpg -H 'content-type: image/jpeg' http://127.0.0.1:8080/v1/encode

Ctrl-C stops it with exit code 0.`;

export function simCommand(context: CliContext): Command {
  const command = new Command("sim")
    .summary("start a simulated board and serve its page")
    .description("Start a simulated board: the firmware's device core and runtime behind HTTP, within the memories of a board file.")
    .requiredOption("--board <file>", "board to simulate: a file, or its name in boards/")
    .requiredOption("--model <file>", "packed model (.syn)")
    .option("--port <n>", "port to listen on; 0 takes any", integerOption(0, 65535), 8080)
    .option("--host <address>", "address to listen on; 127.0.0.1 for this machine only", "0.0.0.0")
    .addOption(new Option("--engine <name>", "build of core and runtime").choices(["native", "wasm"]).default("native"))
    .option("--open", "the board has an owner and lets everybody read and infer; without it, the board waits to be claimed", false)
    .option("--no-qr", "no QR code")
    .addHelpText("after", NOTES);
  return addCommonOptions(command).action(async (options: SimOptions) => {
    const board = await findBoard(options.board);
    const { model, engine, host, port } = options;
    const running = await startBoard({
      board,
      model,
      engine,
      host,
      port,
      access: options.open ? "open" : "unclaimed",
      log: (level, text) => note(context, context.paintError.dim(`board ${level}: ${text}`)),
    });
    try {
      const { url, lanUrl } = running;
      const token = running.token ?? null;
      if (options.json)
        printJson(context, { command: "sim", url, lanUrl: lanUrl ?? null, board: board.id, model: running.model, engine, token });
      else print(context, `${await boardText(context, running, options.qr)}\n\n${context.paint.dim("Ctrl-C stops it.")}`);
      await untilInterrupted(context.signal);
    } finally {
      await running.close();
    }
  });
}
