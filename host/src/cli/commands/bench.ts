import { Command } from "commander";
import type { BoardSpeed } from "../../report/boardEstimate.js";
import { type CliContext, print, printJson } from "../context.js";
import { addCommonOptions, addEngineOptions, collect, type EngineOptions, integerOption } from "../options.js";
import { createProgress } from "../progress.js";

interface BenchOptions extends EngineOptions {
  readonly entry?: readonly string[];
  readonly profile?: boolean;
  readonly runs: number;
  readonly warmups: number;
  readonly seed: number;
  readonly board?: string;
}

const NOTES = `
Inputs are seeded, of every entry's largest size. Board times are estimates: what the library as built
costs, from counted instructions, and apart from it what vector kernels at the speed that others
published would give; what that model misses their figures by is printed beside it.
On --engine rv32 the profile counts instructions, not time.`;

export function benchCommand(context: CliContext): Command {
  const command = new Command("bench")
    .summary("measure latency, per op if asked")
    .description("Measure how long every entry point takes here, what each op costs, and estimate the time on a board.")
    .argument("<model>", "packed model (.syn)")
    .option("--entry <name>", "only this entry point; may be repeated", collect)
    .option("--profile", "show what each op costs")
    .option("--runs <n>", "measured runs of each entry", integerOption(1, 100_000), 10)
    .option("--warmups <n>", "runs before that", integerOption(0, 1000), 2)
    .option("--seed <n>", "seed of the inputs", integerOption(1, 2 ** 32 - 1), 1)
    .option("--board <file>", "board to estimate for: a file, or its name in boards/ (default: 360 MHz, two cores)")
    .addHelpText("after", NOTES);
  addCommonOptions(addEngineOptions(command));
  return command.action(async (model: string, options: BenchOptions) => {
    const [{ benchPack }, { benchText }] = await Promise.all([
      import("../../run/benchPack.js"),
      import("../../report/text/benchText.js"),
    ]);
    const board = await speedOf(options.board);
    const progress = await createProgress(context, "bench");
    const report = await benchPack(model, {
      ...options,
      board,
      signal: context.signal,
      onProgress: (done, total, label) => progress.update(done, total, label),
    }).finally(progress.stop);
    return options.json
      ? printJson(context, report)
      : print(context, benchText(context, report, options.profile ?? false));
  });
}

async function speedOf(board: string | undefined): Promise<{ name: string; speed: BoardSpeed }> {
  if (board === undefined) {
    const { REFERENCE_BOARD } = await import("../../report/boardEstimate.js");
    return { name: "an ESP32-P4 at 360 MHz with two cores", speed: { ...REFERENCE_BOARD, cores: 2 } };
  }
  const { boardSpeed, findBoard } = await import("../../boards/boards.js");
  const found = await findBoard(board);
  return { name: found.name, speed: boardSpeed(found) };
}
