import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import mqtt from "mqtt";
import { SynapseMqttClient } from "synapse-client";
import { type BoardBroker, serveBroker } from "../boards/boardBroker.js";
import { findBoard } from "../boards/boards.js";
import { boardTimes } from "../boards/boardTimes.js";
import { type RunningBoard, startBoardSomewhere } from "../boards/startBoard.js";
import { type TrainedWalk, watchWalk } from "../boards/trainedWalk.js";
import { trainedPack } from "../compile/trainedPack.js";
import { sparkLines } from "../report/bars.js";
import { formatMilliseconds } from "../report/format.js";
import { type Field, renderFields } from "../report/table.js";
import { latentText } from "../report/text/latentText.js";
import { joinSections, section } from "../report/text/style.js";
import { boardText, untilInterrupted } from "./boardText.js";
import { listenCommand } from "./brokerText.js";
import { type CliContext, note, print } from "./context.js";
import { printError } from "./errors.js";
import { createProgress } from "./progress.js";

export interface DemoOptions {
  /** The repository. */
  readonly root: string;
  readonly port: number;
  /** Ends after the first answer, and serves this machine alone. */
  readonly once: boolean;
  /** As of `trainedPack`. */
  readonly buildKey: string;
}

const BOARD = "waveshare-esp32-p4-wifi6";
const PHOTO = ["samples", "cat.jpg"];
const TRAINED = ["models", "lewm-tworoom"];
const WALK = ["eval.zip", "test-00"];

/** What `POST /v1/encode` answers, as far as it is shown. */
interface EncodeAnswer {
  readonly latent: readonly number[];
  readonly timing: { readonly decode_us: number; readonly inference_us: number; readonly total_us: number };
}

/**
 * `npm start`: packs the trained model, starts a simulated board and its broker, sends the board a photo over HTTP and
 * again over MQTT, shows the answer and what the model makes of a walk in the world that it knows, and serves until
 * Ctrl-C.
 */
export async function runDemo(context: CliContext, options: DemoOptions): Promise<number> {
  try {
    await demo(context, options);
    return 0;
  } catch (error) {
    return printError(context, error, { verbose: Boolean(context.env.SYNAPSE_DEBUG), json: false, command: null });
  }
}

async function demo(context: CliContext, { root, port, once, buildKey }: DemoOptions): Promise<void> {
  const model = await packModel(context, root, buildKey);
  const walk = await watchWalk(await findBoard(BOARD), model, join(root, ...TRAINED, ...WALK));
  // The broker knows no users, so it is for this machine alone.
  const broker = await serveBroker("127.0.0.1", once ? 0 : undefined);
  try {
    await withBoard(context, { root, port, once, buildKey }, model, broker, walk);
  } finally {
    await broker.close();
  }
}

/** The pack that the demo runs; made once. */
async function packModel(context: CliContext, root: string, buildKey: string): Promise<string> {
  const progress = await createProgress(context, `packing ${TRAINED.join("/")}`);
  const request = {
    folder: join(root, ".toolchain", "demo"),
    board: BOARD,
    buildKey,
    signal: context.signal,
    onProgress: (done: number, total: number, label: string) => progress.update(done, total, label),
  };
  try {
    return await trainedPack(request, join(root, ...TRAINED));
  } finally {
    progress.stop();
  }
}

async function withBoard(
  context: CliContext,
  { root, port, once }: DemoOptions,
  model: string,
  broker: BoardBroker,
  walk: TrainedWalk,
): Promise<void> {
  const running = await startBoardSomewhere({
    board: await findBoard(BOARD),
    model,
    engine: "native",
    access: "open",
    host: once ? "127.0.0.1" : "0.0.0.0",
    port: once ? 0 : port,
    brokerUrl: broker.boardUrl,
    log: (level, text) => {
      if (level !== "info") note(context, `board ${level}: ${text}`);
    },
  });
  try {
    const photo = join(root, ...PHOTO);
    const answer = await encodePhoto(`${running.url}/v1/encode`, photo, context.signal);
    const again = await encodeOverMqtt(broker, running, photo, context.signal);
    const times = await boardTimes(model, running.board);
    const lines: Field[] = [
      ["broker", `${context.paint.cyan(broker.url)}  ${context.paint.dim(`(topics ${running.topic}/…)`)}`],
      ["try", once ? undefined : context.paint.cyan((await listenCommand(context, broker)) ?? fleetCommand(broker))],
    ];
    const board = await boardText(context, running, times, !once, lines);
    print(context, joinSections([board, answerText(context, photo, answer, again), walkText(context, walk)]));
    if (once) return;
    print(context, `\nOpen the page and send it a photo of your own. ${context.paint.dim("Ctrl-C stops it.")}`);
    await untilInterrupted(context.signal);
  } finally {
    await running.close();
  }
}

/** Works without any program that is not here. */
const fleetCommand = ({ url }: BoardBroker): string => `node examples/mqtt-fleet/index.mjs ${url} ${PHOTO.join("/")}`;

async function encodePhoto(
  url: string,
  photo: string,
  signal: AbortSignal,
): Promise<EncodeAnswer & { httpMs: number }> {
  const body = await readFile(photo);
  const start = performance.now();
  const response = await fetch(url, { method: "POST", headers: { "content-type": "image/jpeg" }, body, signal });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`);
  return { ...(JSON.parse(text) as EncodeAnswer), httpMs: performance.now() - start };
}

/** What the board answers to the same photo as a command on its broker. */
async function encodeOverMqtt(
  broker: BoardBroker,
  running: RunningBoard,
  photo: string,
  signal: AbortSignal,
): Promise<Float32Array> {
  const connection = await mqtt.connectAsync(broker.boardUrl);
  try {
    const client = new SynapseMqttClient({ connection, device: running.topic.slice("synapse/".length) });
    // Once it has said that it is there it takes commands.
    for await (const { kind } of client.messages({ signal })) if (kind === "status") break;
    return (await client.encode({ bytes: await readFile(photo), type: "image/jpeg" }, { signal })).latent;
  } finally {
    await connection.endAsync(true);
  }
}

function answerText(
  context: CliContext,
  photo: string,
  { latent, timing, httpMs }: EncodeAnswer & { httpMs: number },
  again: Float32Array,
): string {
  const ms = (us: number) => formatMilliseconds(us / 1000);
  const times =
    `inference ${ms(timing.inference_us)}, decoding the picture ${ms(timing.decode_us)}, whole request ` +
    `${formatMilliseconds(httpMs)} (this machine, not a board)`;
  const values = Float32Array.from(latent);
  const same = values.length === again.length && values.every((value, i) => value === again[i]);
  if (!same) throw new Error("the board answered other values over MQTT than over HTTP");
  const fields: Field[] = [
    ["took", times],
    ["mqtt", `the same ${again.length} values, asked for by a command on the broker`],
    ["note", "the model has seen a dot in two rooms and never a photo: the walk below shows what it knows"],
  ];
  const body = `${latentText(context, "latent", values)}\n${renderFields(fields, context.paint.dim)}`;
  return section(context, `POST /v1/encode with ${PHOTO.slice(0, -1).join("/")}/${basename(photo)}`, body);
}

function walkText(context: CliContext, { surprises, jump, jumpDeviations }: TrainedWalk): string {
  const [strip = ""] = sparkLines([...surprises, jump], surprises.length + 1, 1, (glyph, value) =>
    value === jump ? context.paint.red(glyph) : glyph,
  );
  const [least, most] = [Math.min(...surprises), Math.max(...surprises)].map((value) => value.toFixed(2));
  const fields: Field[] = [
    ["surprise", `${strip}  ${least} to ${most} on ${surprises.length} steps that it has never seen`],
    ["", `${jump.toFixed(2)} when the dot jumps back: ${Math.round(jumpDeviations)} deviations above the mean`],
  ];
  const title = `POST /v1/observe with a walk of ${TRAINED.join("/")}/${WALK.join("/")}`;
  return section(context, title, renderFields(fields, context.paint.dim));
}
