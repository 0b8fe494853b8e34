import type { SynapseMqttClient } from "synapse-client";
import { inputError } from "../../../files/inputError.js";
import { type CliContext, print, printJson } from "../../context.js";
import { ExitRequest } from "../../errors.js";
import { EXIT } from "../../exitCodes.js";
import { createProgress } from "../../progress.js";
import { type FleetOptions, openFleet } from "./fleetOptions.js";

export interface AskFleetOptions extends FleetOptions {
  readonly parallel: number;
  readonly timeout: number;
}

type Ask = (board: SynapseMqttClient, options: { readonly signal: AbortSignal }) => Promise<unknown>;

/**
 * Asks all boards that the options choose and prints what each made of it. Leaves with exit code 1 where one of them
 * did not do it. Throws an InputError `NO_BOARDS` where none was chosen.
 */
export async function askFleet(
  context: CliContext,
  command: string,
  options: AskFleetOptions,
  ask: Ask,
  said: (answer: unknown) => string,
): Promise<void> {
  const [{ askBoards }, { fleetAnswersText }] = await Promise.all([
    import("../../../fleet/askBoards.js"),
    import("../../../report/text/fleetAnswersText.js"),
  ]);
  const fleet = await openFleet(context, options);
  const progress = await createProgress(context, command);
  try {
    const boards = fleet.boards();
    if (boards.length === 0)
      throw inputError(fleet.connection.url, "NO_BOARDS", "no board of this broker is chosen", {
        expected: "--id, --name, --group and --kind of boards that `synapse-host fleet list` shows",
      });
    const answers = await askBoards(fleet.connection.client, boards, ask, {
      parallel: options.parallel,
      timeoutMs: options.timeout * 1000,
      signal: context.signal,
      answered: (done) => progress.update(done, boards.length, `${done} of ${boards.length} boards`),
    });
    progress.stop();
    if (options.json) printJson(context, { command, broker: fleet.connection.url, boards: answers });
    else print(context, fleetAnswersText(context, answers, said));
    if (answers.some(({ ok }) => !ok)) throw new ExitRequest(EXIT.failure);
  } finally {
    progress.stop();
    await fleet.close();
  }
}
