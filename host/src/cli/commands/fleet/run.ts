import { Argument, Command } from "commander";
import type { SynapseMqttClient } from "synapse-client";
import { inputError } from "../../../files/inputError.js";
import type { CliContext } from "../../context.js";
import { integerOption, numberOption } from "../../options.js";
import { type AskFleetOptions, askFleet } from "./askFleet.js";
import { addFleetOptions } from "./fleetOptions.js";

type Call = { readonly signal: AbortSignal };

interface FleetCommand {
  readonly ask: (board: SynapseMqttClient, call: Call) => Promise<unknown>;
  /** In one line. */
  readonly said: (answer: never) => string;
}

const COMMANDS = {
  selftest: {
    ask: (board, call) => board.selftest(call),
    said: ({ passed, vectors }: { passed: boolean; vectors: readonly unknown[] }) =>
      `${passed ? "passed" : "FAILED"}: ${vectors.length} test vector${vectors.length === 1 ? "" : "s"}`,
  },
  device: {
    ask: (board, call) => board.device(call),
    said: ({ uptime_us, reset }: { uptime_us: number; reset: { reason: string; count: number } }) =>
      `up ${Math.round(uptime_us / 1e6)} s, ${reset.count} resets, the last: ${reset.reason}`,
  },
  models: {
    ask: (board, call) => board.models(call),
    said: ({ slots }: { slots: readonly { slot: string; state: string; name?: string; active: boolean }[] }) =>
      slots.map((slot) => `${slot.slot} ${slot.name ?? slot.state}${slot.active ? " (runs)" : ""}`).join(", "),
  },
  log: {
    ask: (board, call) => board.log({ level: "warn" }, call),
    said: ({ entries }: { entries: readonly { text?: string; message?: string }[] }) => {
      const last = entries.at(-1);
      return last === undefined ? "no warning" : `${entries.length} warnings, the last: ${last.text ?? last.message}`;
    },
  },
  updates: {
    ask: (board, call) => board.update(call),
    said: ({ state, code, detail }: { state: string; code?: string; detail?: string }) =>
      [state, code, detail].filter((part) => part !== undefined).join(": "),
  },
  "stop-update": { ask: (board, call) => board.cancelUpdate(call), said: () => "its update has been taken back" },
  "stop-strangers": {
    ask: async (board, call) => ({ stopped: await board.stopStrangers(call) }),
    said: ({ stopped }: { stopped: number }) => `${stopped} requests ended`,
  },
  reboot: { ask: async (board, call) => void (await board.reboot(call)), said: () => "restarts" },
} satisfies Record<string, FleetCommand>;

export function runCommand(context: CliContext): Command {
  const command = new Command("run")
    .summary("have boards do something, and see what each answers")
    .description("Have boards do something, and see what each answers. Exit code 1 when one of them did not.")
    .addArgument(new Argument("<command>", "what to do").choices(Object.keys(COMMANDS)))
    .option("--parallel <n>", "boards that are asked at once", integerOption(1, 256), 16)
    .option("--timeout <s>", "the longest that a board may take to answer", numberOption(1, 600), 30);
  return addFleetOptions(command).action(async (name: keyof typeof COMMANDS, options: AskFleetOptions) => {
    const { ask, said }: FleetCommand = COMMANDS[name];
    const failing = async (board: SynapseMqttClient, call: Call): Promise<unknown> => {
      const answer = await ask(board, call);
      if (name === "selftest" && !(answer as { passed: boolean }).passed)
        throw inputError("selftest", "SELFTEST_FAILED", "the model's test vectors give other results");
      return answer;
    };
    await askFleet(context, `fleet run ${name}`, options, failing, said as (answer: unknown) => string);
  });
}
