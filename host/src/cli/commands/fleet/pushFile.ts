import { inputError } from "../../../files/inputError.js";
import type { FleetBoard } from "../../../fleet/inventory.js";
import { newRollOut, type RollOutChange, requireSameRollOut, rollOut } from "../../../fleet/rollOut.js";
import { countStandings, type RollOutState, readRollOutState } from "../../../fleet/rollOutState.js";
import { type ServedFile, serveFile } from "../../../fleet/serveFile.js";
import { readFirmwareFile, readModelFile, runs, type UpdateFile } from "../../../fleet/updateFile.js";
import { rollOutText, wavesText } from "../../../report/text/rollOutText.js";
import { type CliContext, note, print, printJson } from "../../context.js";
import { ExitRequest } from "../../errors.js";
import { EXIT } from "../../exitCodes.js";
import { liveText } from "../../liveText.js";
import { type OpenFleet, openFleet } from "./fleetOptions.js";
import type { PushOptions } from "./pushOptions.js";

const POLL_MS = 1_000;

/** Rolls a file out, or goes on with a roll-out that was stopped. */
export async function push(
  context: CliContext,
  kind: "model" | "firmware",
  path: string,
  options: PushOptions,
): Promise<void> {
  const file = kind === "model" ? await readModelFile(path) : await readFirmwareFile(path);
  const stateFile = options.state ?? `synapse-rollout-${file.sha256.slice(0, 12)}.json`;
  const fleet = await openFleet(context, options);
  try {
    const { state, left } = await stateOf(fleet, file, stateFile, options);
    const command = `fleet push-${kind}`;
    if (options.dryRun) return show(context, command, fleet, state, left, options);
    if (left.length === 0) {
      if (options.json) printJson(context, documentOf(command, fleet, state, { finished: true }));
      else note(context, `nothing to do: ${alreadyText(state, fleet.boards(), file)}`);
      return;
    }
    await run(context, command, fleet, file, state, stateFile, options);
  } finally {
    await fleet.close();
  }
}

/** The roll-out that the file tells of, or a new one; and the boards that are still to be updated. */
async function stateOf(
  fleet: OpenFleet,
  file: UpdateFile,
  stateFile: string,
  options: PushOptions,
): Promise<{ state: RollOutState; left: string[] }> {
  const url = fleet.connection.url;
  const before = await readRollOutState(stateFile);
  const unfinished = before !== undefined && countStandings(before).updated < Object.keys(before.boards).length;
  if (before !== undefined && (unfinished || before.sha256 !== file.sha256)) {
    requireSameRollOut(before, file, url, stateFile);
    if (options.retryFailed)
      for (const [id, { standing }] of Object.entries(before.boards))
        if (standing === "failed") before.boards[id] = { standing: "waiting" };
    const left = Object.keys(before.boards).filter(
      (id) => !["updated", "failed"].includes(before.boards[id]?.standing ?? ""),
    );
    return { state: before, left };
  }
  const boards = fleet.boards();
  if (boards.length === 0)
    throw inputError(url, "NO_BOARDS", "no board of this broker is chosen", {
      expected: "--id, --name, --group and --kind of boards that `synapse-host fleet list` shows",
    });
  // Boards that are there come first: a canary that is away says nothing.
  const wanted = boards
    .filter((board) => options.all || !runs(board, file))
    .sort((a, b) => Number(b.online) - Number(a.online));
  const ids = wanted.map(({ id }) => id);
  const plan = { canaries: options.canaries, percentages: options.waves };
  return { state: newRollOut(file, url, ids, plan), left: ids };
}

async function run(
  context: CliContext,
  command: string,
  fleet: OpenFleet,
  file: UpdateFile,
  state: RollOutState,
  stateFile: string,
  options: PushOptions,
): Promise<void> {
  const served: ServedFile =
    options.url === undefined
      ? await serveFile(file.bytes, file.name, {
          port: options.servePort,
          host: options.serveHost,
          brokerHost: new URL(fleet.connection.url).hostname,
        })
      : { url: options.url, close: async () => undefined };
  const view = viewOf(context, fleet, state, options.json === true);
  try {
    const end = await rollOut({
      client: fleet.connection.client,
      inventory: fleet.inventory,
      file,
      url: served.url,
      state,
      stateFile,
      options: {
        parallel: options.parallel,
        failuresPercentMax: options.maxFailures,
        soakMs: options.soak * 1000,
        boardTimeoutMs: options.boardTimeout * 1000,
        offlineMs: options.waitOffline * 1000,
        force: options.all,
        pollMs: POLL_MS,
      },
      signal: context.signal,
      changed: view.changed,
    });
    view.close();
    const { failed, unreached } = countStandings(state);
    if (options.json) context.stdout.write(`${JSON.stringify(documentOf(command, fleet, state, end))}\n`);
    else print(context, rollOutText(context, state, namesOf(fleet), end.stopped, stateFile));
    if (!end.finished || failed + unreached > 0) throw new ExitRequest(EXIT.failure);
  } catch (error) {
    if (context.signal.aborted && !options.json)
      note(context, `stopped; the same command goes on (state: ${stateFile})`);
    throw error;
  } finally {
    view.close();
    await served.close();
  }
}

/** On a terminal a table that follows the roll-out, with `--json` a line for each change, else a line for each end. */
function viewOf(context: CliContext, fleet: OpenFleet, state: RollOutState, json: boolean) {
  if (json) {
    const changed = (change: RollOutChange): void => {
      context.stdout.write(`${JSON.stringify(change)}\n`);
    };
    return { changed, close: () => undefined };
  }
  if (context.stderr.isTTY !== true) {
    const changed = (change: RollOutChange): void => {
      if (change.kind === "wave") note(context, `wave ${change.wave + 1}: ${change.boards.length} boards`);
      if (change.kind === "soak") note(context, `watching the wave for ${change.seconds} s`);
      if (change.kind === "board" && change.board.standing !== "updating")
        note(context, [change.id, change.board.standing, change.board.code].filter((part) => part).join(" "));
    };
    return { changed, close: () => undefined };
  }
  const live = liveText(context.stderr);
  const draw = (): void => live.draw(wavesText(context, state, namesOf(fleet), fleet.inventory));
  const timer = setInterval(draw, 250);
  return {
    changed: draw,
    close: () => {
      clearInterval(timer);
    },
  };
}

const namesOf =
  (fleet: OpenFleet) =>
  (id: string): string =>
    fleet.inventory.get(id)?.name ?? "";

function show(
  context: CliContext,
  command: string,
  fleet: OpenFleet,
  state: RollOutState,
  left: readonly string[],
  { json }: PushOptions,
): void {
  const document = documentOf(command, fleet, state, { finished: false });
  if (json) return void printJson(context, { ...document, dryRun: true, left });
  print(context, wavesText(context, state, namesOf(fleet), fleet.inventory));
  print(context, context.paint.dim(`${left.length} boards would be updated; nothing was changed`));
}

function documentOf(
  command: string,
  fleet: OpenFleet,
  state: RollOutState,
  end: { readonly finished: boolean; readonly stopped?: string },
) {
  const { kind, file, sha256, title, waves, boards } = state;
  return {
    command,
    broker: fleet.connection.url,
    kind,
    file,
    sha256,
    title,
    ...end,
    counts: countStandings(state),
    waves,
    boards,
  };
}

function alreadyText(state: RollOutState, boards: readonly FleetBoard[], file: UpdateFile): string {
  const { failed } = countStandings(state);
  if (failed > 0) return `${failed} boards failed before; --retry-failed tries them again`;
  const running = boards.filter((board) => runs(board, file)).length;
  return `${running} of ${boards.length} boards run ${file.title}`;
}
