import { Command, Option } from "commander";
import type { BoardEngine, TlsIdentity } from "synapse-sim";
import type { Board } from "synapse-sim/boards";
import { type BoardBroker, brokerAt, serveBroker } from "../../engine/boardBroker.js";
import { findBoard } from "../../engine/boards.js";
import { type BoardTime, boardTimes } from "../../engine/boardTimes.js";
import { readBrokerTls, readTlsIdentity } from "../../engine/readTls.js";
import type { RunningBoard } from "../../engine/startBoard.js";
import { deviceIdOf, startBoards } from "../../engine/startBoards.js";
import { startTab } from "../../engine/startTab.js";
import { type SlotFit, updatableInPlace } from "../../report/slotFit.js";
import { joinSections } from "../../report/text/style.js";
import { boardText, untilInterrupted } from "../boardText.js";
import { brokerFields } from "../brokerText.js";
import { type CliContext, note, print, printJson } from "../context.js";
import { addCommonOptions, type CommonOptions, collect, integerOption } from "../options.js";
import { tabText } from "../tabText.js";

interface SimOptions extends CommonOptions {
  readonly board: string;
  readonly model: string;
  readonly port: number;
  readonly host: string;
  readonly engine: BoardEngine;
  readonly qr: boolean;
  readonly open: boolean;
  readonly count: number;
  readonly browser: boolean;
  readonly mdns: boolean;
  readonly updateKey?: readonly string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly broker?: string;
  readonly brokerCa?: string;
  readonly brokerCert?: string;
  readonly brokerKey?: string;
  /** A port, or true where none was given. */
  readonly serveBroker?: number | true;
}

const BOARDS_MAX = 1000;

const NOTES = `
The board waits to be claimed: open its page, or
  curl -s -H 'content-type: application/json' -d '{}' http://127.0.0.1:8080/v1/claim
and send the token with every request, -H "authorization: Bearer $TOKEN". With --open, reading and inference need none:
  curl -s --data-binary @photo.jpg -H 'content-type: image/jpeg' http://127.0.0.1:8080/v1/encode

With --tls-cert and --tls-key the board answers over HTTPS (mkcert makes such files for a LAN): browsers then let its page use the live camera, and
keep a --browser page for offline use, at addresses other than this machine's too.

With --browser the page is the board: core, runtime and model run in the tab, which asks nobody for anything once it is loaded, and works
offline from its second visit on. It is open, and its flash goes with the tab: a reload is a fresh board from the factory.

With --broker or --serve-broker the boards are on a broker too, unless their owners set another one; docs/mqtt.md has topics and commands:
  mosquitto_sub -h 127.0.0.1 -p 1883 -v -t 'synapse/#' -T 'synapse/+/cmd/#'
  mosquitto_pub -h 127.0.0.1 -p 1883 -t 'synapse/020000000001/cmd/encode/1?accept=application/json' -f photo.jpg
A board without an owner refuses every command (403 UNCLAIMED): claim it over HTTP, or use --open. Whoever may publish on the broker commands the
boards, without a token. The broker of --serve-broker knows no users and listens where --host says; use --host 127.0.0.1 to keep it to this machine.
Boards of one broker need identities of their own: start several with --count, not with several commands.

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
    .option("--count <n>", "boards in this process, on as many ports one after the other", integerOption(1, BOARDS_MAX), 1)
    .addOption(
      new Option("--browser", "serve a page in whose tab the board itself runs")
        .default(false)
        .conflicts(["engine", "open", "count", "broker", "serveBroker", "updateKey", "brokerCa", "brokerCert", "brokerKey"]),
    )
    .option("--tls-cert <file>", "serve HTTPS, with this certificate (PEM)")
    .option("--tls-key <file>", "the certificate's key (PEM)")
    .addOption(
      new Option("--broker <url>", "MQTT broker that the boards connect to: mqtt://host:port, or mqtts://").conflicts("serveBroker"),
    )
    .option("--broker-ca <file>", "who may vouch for brokers (PEM), instead of the authorities that this machine knows")
    .option("--broker-cert <file>", "the boards' certificate (PEM), for brokers that ask for one")
    .option("--broker-key <file>", "that certificate's key (PEM)")
    .option(
      "--serve-broker [port]",
      "start a broker (MQTT 3.1.1) in this process and connect the boards to it; at 1883, or the next free port",
      integerOption(0, 65535),
    )
    .option("--update-key <file>", "take only models that this public key (PEM) signed; may be given up to 4 times", collect)
    .option("--no-mdns", "do not announce the board in the local network")
    .option("--no-qr", "no QR code")
    .addHelpText("after", NOTES);
  return addCommonOptions(command).action((options: SimOptions) => simulate(context, options));
}

/** Starts what was asked for, says where it is, and ends it when it is interrupted. */
async function simulate(context: CliContext, options: SimOptions): Promise<void> {
  const board = await findBoard(options.board);
  const tls = await readTlsIdentity({ certificate: options.tlsCert, key: options.tlsKey }, "--tls-cert and --tls-key");
  if (options.browser) return simInBrowser(context, board, options, tls);
  const { brokerCa: authorities, brokerCert: certificate, brokerKey: key } = options;
  const brokerTls = await readBrokerTls({ authorities, certificate, key });
  const { model, engine, host, port, mdns, count } = options;
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
      { board, model, engine, host, port, access: options.open ? "open" : "unclaimed", mdns, log, tls, brokerTls, ...on },
      count,
    );
    const [running] = boards as [RunningBoard, ...RunningBoard[]];
    const times = await boardTimes(model, board);
    if (options.json) printJson(context, { ...document(boards, board.id, engine, broker), boardEstimates: estimates(times) });
    else {
      const lines = broker && (await brokerFields(context, broker, boards));
      const text = joinSections([await boardText(context, running, times, options.qr && count === 1, lines), others(boards)]);
      print(context, `${text}\n\n${context.paint.dim("Ctrl-C stops it.")}`);
    }
    await untilInterrupted(context.signal);
  } finally {
    await Promise.all(boards.map((each) => each.close()));
    await broker?.close();
  }
}

async function brokerOf({ broker, serveBroker: port, host }: SimOptions): Promise<BoardBroker | undefined> {
  if (broker !== undefined) return brokerAt(broker);
  return port === undefined ? undefined : serveBroker(host, port === true ? undefined : port);
}

async function simInBrowser(
  context: CliContext,
  board: Board,
  { model, host, port, qr, json }: SimOptions,
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
function document(boards: readonly RunningBoard[], board: string, engine: BoardEngine, broker: BoardBroker | undefined): object {
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
  return boards.length === 1 ? undefined : `${boards.length} boards, the last at ${boards.at(-1)?.url}/ (--json lists them all)`;
}
