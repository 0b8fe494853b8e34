import { inputError } from "../../../files/inputError.js";
import type { FleetBoard } from "../../../fleet/inventory.js";
import { newRollOut, requireSameRollOut, rollOut } from "../../../fleet/rollOut.js";
import {
  boardsLeft,
  countStandings,
  isAtEnd,
  type RollOutState,
  readRollOutState,
  replaceCanaries,
} from "../../../fleet/rollOutState.js";
import { addressForBoards, type ServedFile, serveFile } from "../../../fleet/serveFile.js";
import { lockState } from "../../../fleet/stateLock.js";
import { readFirmwareFile, readModelFile, runs, type UpdateFile } from "../../../fleet/updateFile.js";
import { rollOutText, wavesText } from "../../../report/text/rollOutText.js";
import { type CliContext, note, print, printJsonLine } from "../../context.js";
import { ExitRequest } from "../../errors.js";
import { EXIT } from "../../exitCodes.js";
import { chosenText, type OpenFleet, openFleet } from "./fleetOptions.js";
import type { PushOptions } from "./pushOptions.js";
import { namesOf, viewOf } from "./pushView.js";

const POLL_MS = 1_000;
/** As boards take it. */
const URL_BYTES_MAX = 512;

/** What every step of a roll-out needs. */
interface Push {
  readonly context: CliContext;
  readonly command: string;
  readonly fleet: OpenFleet;
  readonly file: UpdateFile;
  readonly stateFile: string;
  readonly options: PushOptions;
}

/** Rolls a file out, or goes on with a roll-out that was stopped. */
export async function push(
  context: CliContext,
  kind: "model" | "firmware",
  path: string,
  options: PushOptions,
): Promise<void> {
  requireUrl(options.url);
  const file = kind === "model" ? await readModelFile(path) : await readFirmwareFile(path);
  const stateFile = options.state || `synapse-rollout-${file.sha256.slice(0, 12)}.json`;
  const unlock = options.dryRun ? undefined : await lockState(stateFile);
  try {
    const fleet = await openFleet(context, options);
    try {
      await pushTo({ context, command: `fleet push-${kind}`, fleet, file, stateFile, options });
    } finally {
      await fleet.close();
    }
  } finally {
    await unlock?.();
  }
}

function requireUrl(url: string | undefined): void {
  if (url === undefined) return;
  const good = /^https?:\/\//.test(url) && URL.canParse(url) && Buffer.byteLength(url) <= URL_BYTES_MAX;
  if (good) return;
  throw inputError(
    "--url",
    "URL_INVALID",
    `${JSON.stringify(url.slice(0, 120))} is no address that boards fetch from`,
    {
      expected: `http:// or https://, at most ${URL_BYTES_MAX} bytes`,
    },
  );
}

async function pushTo(push: Push): Promise<void> {
  const { context, fleet, file, options } = push;
  const state = await stateOf(push);
  const left = boardsLeft(state);
  if (options.dryRun) return show(push, state, left);
  // Those that failed keep it from its end, but are not tried again unasked.
  const begun = left.length > 0 || state.waves.some((_ids, wave) => !state.watched.includes(wave));
  if (begun) return run(push, state);
  const { failed } = countStandings(state);
  if (options.json) printJsonLine(context, documentOf(push, state, { finished: failed === 0 }));
  else if (failed > 0) note(context, `${failed} boards failed before; --retry-failed tries them again`);
  else note(context, `nothing to do: ${alreadyText(fleet.boards(), file)}`);
  if (failed > 0) throw new ExitRequest(EXIT.failure);
}

/** The roll-out that the state file tells of, or a new one. */
async function stateOf({ fleet, file, stateFile, options }: Push): Promise<RollOutState> {
  const url = fleet.connection.url;
  const chosen = chosenText(options);
  const before = await readRollOutState(stateFile);
  if (before !== undefined && !isAtEnd(before)) {
    requireSameRollOut(before, file, url, chosen, stateFile);
    if (options.retryFailed)
      for (const [id, { standing }] of Object.entries(before.boards))
        if (standing === "failed") before.boards[id] = { standing: "waiting" };
    replaceCanaries(before, (id) => fleet.inventory.get(id)?.online === true);
    return before;
  }
  const boards = fleet.boards();
  if (boards.length === 0)
    throw inputError(url, "NO_BOARDS", "no board of this broker is chosen", {
      expected: "--id, --name, --group and --kind of boards that `synapse-host fleet list` shows",
    });
  // Boards that are there come first: a canary that is away says nothing.
  const ids = boards
    .filter((board) => options.all || !runs(board, file))
    .sort((a, b) => Number(b.online) - Number(a.online))
    .map(({ id }) => id);
  return newRollOut(file, url, ids, { canaries: options.canaries, percentages: options.waves }, chosen);
}

async function run(push: Push, state: RollOutState): Promise<void> {
  const { context, fleet, file, stateFile, options } = push;
  const { client, broker } = fleet.connection;
  const served = await serve(push, state);
  const view = viewOf(context, fleet, state, options.json === true);
  try {
    const end = await rollOut({
      client,
      broker,
      inventory: fleet.inventory,
      file,
      url: served.url,
      urlEnds: options.url === undefined,
      state,
      stateFile,
      options: {
        parallel: options.parallel,
        failuresPercentMax: options.maxFailures,
        soakMs: options.soak * 1000,
        boardTimeoutMs: options.boardTimeout * 1000,
        brokerTimeoutMs: options.brokerTimeout * 1000,
        offlineMs: options.waitOffline * 1000,
        force: options.all,
        pollMs: POLL_MS,
      },
      signal: context.signal,
      changed: view.changed,
    });
    view.close();
    const { failed, unreached } = countStandings(state);
    if (options.json) printJsonLine(context, documentOf(push, state, end));
    else print(context, rollOutText(context, state, namesOf(fleet), end.stopped, stateFile));
    if (!end.finished || failed + unreached > 0) throw new ExitRequest(EXIT.failure);
  } catch (error) {
    view.close();
    if (!(error instanceof ExitRequest) && !options.json)
      note(context, `${doneText(state)}; the same command goes on (state: ${stateFile})`);
    throw error;
  } finally {
    await served.close();
  }
}

/** Serves the file from here, unless boards fetch it elsewhere; says where. */
async function serve({ context, fleet, file, options }: Push, state: RollOutState): Promise<ServedFile> {
  if (options.url !== undefined) return { url: options.url, close: async () => undefined };
  const boards = Object.keys(state.boards).map((id) => fleet.inventory.get(id));
  const place = {
    host: options.serveHost,
    brokerHost: new URL(fleet.connection.url).hostname,
    localAddress: fleet.connection.localAddress,
    boardsAreLocal: boards.every((board) => board?.simulated !== false),
  };
  const served = await serveFile(file.bytes, file.name, { port: options.servePort, ...place });
  if (!options.json)
    note(context, `boards fetch it from ${addressForBoards(place)}, port ${new URL(served.url).port || "80"}`);
  return served;
}

function show(push: Push, state: RollOutState, left: readonly string[]): void {
  const { context, fleet, options } = push;
  if (options.json)
    return void printJsonLine(context, { ...documentOf(push, state, { finished: false }), dryRun: true, left });
  print(context, wavesText(context, state, namesOf(fleet), fleet.inventory));
  print(context, context.paint.dim(`${left.length} boards would be updated; nothing was changed`));
}

function documentOf(
  { command, fleet }: Push,
  state: RollOutState,
  end: { readonly finished: boolean; readonly stopped?: string },
) {
  const { kind, file, sha256, title, waves, boards } = state;
  const broker = fleet.connection.url;
  return { command, broker, kind, file, sha256, title, ...end, counts: countStandings(state), waves, boards };
}

function alreadyText(boards: readonly FleetBoard[], file: UpdateFile): string {
  const running = boards.filter((board) => runs(board, file)).length;
  const other = file.kind === "firmware" ? " (another build of this version: --all)" : "";
  return `${running} of ${boards.length} boards run ${file.title}${other}`;
}

function doneText(state: RollOutState): string {
  const { updated, updating } = countStandings(state);
  const underWay = updating > 0 ? `, ${updating} under way` : "";
  return `${updated} of ${Object.keys(state.boards).length} boards done${underWay}`;
}
