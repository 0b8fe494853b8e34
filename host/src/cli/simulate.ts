import type { BoardEngine, TlsIdentity } from "synapse-sim";
import type { Board } from "synapse-sim/boards";
import type { BoardBroker } from "../boards/boardBroker.js";
import { findBoard } from "../boards/boards.js";
import { boardTimes } from "../boards/boardTimes.js";
import { readBrokerTls, readTlsIdentity } from "../boards/readTls.js";
import type { RunningBoard } from "../boards/startBoard.js";
import { deviceIdOf, startBoards } from "../boards/startBoards.js";
import { startTab } from "../boards/startTab.js";
import type { BoardTime } from "../report/boardEstimate.js";
import { type SlotFit, updatableInPlace } from "../report/slotFit.js";
import { joinSections } from "../report/text/style.js";
import { boardText, untilInterrupted } from "./boardText.js";
import { brokerFields } from "./brokerText.js";
import { type CliContext, note, print, printJson } from "./context.js";
import { brokerOf, modelOf, type SimOptions } from "./simOptions.js";
import { simSerial } from "./simSerial.js";
import { tabText } from "./tabText.js";

/** Starts what was asked for, says where it is, and ends it when it is interrupted. */
export async function simulate(context: CliContext, options: SimOptions): Promise<void> {
  const board = await findBoard(options.board);
  const tls = await readTlsIdentity({ certificate: options.tlsCert, key: options.tlsKey }, "--tls-cert and --tls-key");
  const { brokerCa: authorities, brokerCert: certificate, brokerKey: key } = options;
  const brokerTls = await readBrokerTls({ authorities, certificate, key });
  if (options.serial !== undefined) return simSerial(context, board, options, { tls, brokerTls });
  const model = modelOf(options);
  if (options.browser) return simInBrowser(context, board, { ...options, model }, tls);
  const { engine, host, port, mdns, count } = options;
  const said = new Set<string>();
  const log = (level: string, text: string) => {
    // Many boards at once would say little with much.
    if (count > 1) {
      if (level === "info" || said.has(text)) return;
      said.add(text);
    }
    note(context, context.paintError.dim(`board ${level}: ${text}`));
  };
  const broker = await brokerOf(options);
  let boards: RunningBoard[] = [];
  try {
    const on = {
      ...(broker === undefined ? {} : { brokerUrl: broker.boardUrl }),
      ...(options.updateKey === undefined ? {} : { updateKeys: options.updateKey }),
    };
    boards = await startBoards(
      {
        board,
        model,
        engine,
        host,
        port,
        access: options.open ? "open" : "unclaimed",
        mdns,
        log,
        tls,
        brokerTls,
        ...on,
      },
      count,
    );
    const [running] = boards as [RunningBoard, ...RunningBoard[]];
    const times = await boardTimes(model, board);
    if (options.json)
      printJson(context, { ...document(boards, board.id, running.engine, broker), boardEstimates: estimates(times) });
    else {
      const lines = broker && (await brokerFields(context, broker, boards));
      const text = joinSections([
        await boardText(context, running, times, options.qr && count === 1, lines),
        others(boards),
      ]);
      print(context, `${text}\n\n${context.paint.dim("Ctrl-C stops it.")}`);
    }
    await untilInterrupted(context.signal);
  } finally {
    await Promise.all(boards.map((each) => each.close()));
    await broker?.close();
  }
}

async function simInBrowser(
  context: CliContext,
  board: Board,
  { model, host, port, qr, json }: SimOptions & { readonly model: string },
  tls: TlsIdentity | undefined,
): Promise<void> {
  const tab = await startTab({ board, model, host, port, tls });
  try {
    const times = await boardTimes(model, board);
    if (json) {
      const { url, lanUrl = null } = tab;
      const about = {
        command: "sim",
        browser: true,
        board: board.id,
        model: tab.model,
        engine: "wasm",
        url,
        lanUrl,
        ...slotsDocument(tab.slots),
      };
      printJson(context, { ...about, boardEstimates: estimates(times) });
    } else {
      print(context, `${await tabText(context, tab, times, qr)}\n\n${context.paint.dim("Ctrl-C stops it.")}`);
    }
    await untilInterrupted(context.signal);
  } finally {
    await tab.close();
  }
}

/** What `--json` prints: the first board, all of them when there are more, and the broker when there is one. */
function document(
  boards: readonly RunningBoard[],
  board: string,
  engine: BoardEngine,
  broker: BoardBroker | undefined,
): object {
  const addresses = boards.map(({ url, lanUrl, token, topic }, i) => ({
    id: deviceIdOf(i),
    url,
    lanUrl: lanUrl ?? null,
    token: token ?? null,
    topic,
  }));
  const { id: _, ...first } = addresses[0] as (typeof addresses)[0];
  const all = addresses.length > 1 ? { boards: addresses } : {};
  const on = broker && { url: broker.url, lanUrl: broker.lanUrl ?? null, embedded: broker.embedded };
  return {
    command: "sim",
    board,
    model: boards[0]?.model,
    engine,
    ...first,
    ...slotsDocument(boards[0]?.slots ?? []),
    broker: on ?? null,
    ...all,
  };
}

const slotsDocument = (slots: readonly SlotFit[]) => ({ slots, updatableInPlace: updatableInPlace(slots) });

const estimates = (times: readonly BoardTime[]) => times.map(({ entry, estimate }) => ({ entry, ...estimate }));

function others(boards: readonly RunningBoard[]): string | undefined {
  return boards.length === 1
    ? undefined
    : `${boards.length} boards, the last at ${boards.at(-1)?.url}/ (--json lists them all)`;
}
