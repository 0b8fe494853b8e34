import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import mqtt from "mqtt";
import type { Board } from "../board/boardSchema.js";
import { startBroker } from "../mqtt/embeddedBroker.js";
import { FileServer } from "./fileServer.js";
import { Listener } from "./listener.js";
import { PortBoard } from "./portBoard.js";
import { newUpdateKey, pointOf, signedByHand, type UpdateKey } from "./updateKeys.js";

export interface StackMark {
  readonly task: string;
  readonly used_bytes: number;
  /** What the firmware asks for. */
  readonly of_bytes: number;
}

export interface StackWork {
  readonly board: Board;
  readonly model: Uint8Array;
  /** How many values the model's latent has. */
  readonly latent: number;
  readonly pictures: readonly Uint8Array[];
}

const BASE = "synapse/020000000001";
const POLL_MS = 100;

/**
 * How much stack the tasks of the firmware's C have used on this machine, without sanitizers, after the work that takes
 * most of each: pictures, plans, signed models, a broker. Frames of the chip have another size. Rejects when the board
 * refuses something, or cannot be built (buildPortBoard).
 */
export async function measurePortStacks(given: StackWork): Promise<StackMark[]> {
  const key = newUpdateKey();
  const { board: description, model } = given;
  const options = { board: description, model, plain: true, updateKeys: [pointOf(key.publicKey)] };
  const board = await PortBoard.create(options);
  try {
    await work(board, given, key);
    const lines = await board.commandLines("stacks", "stack");
    return lines.flatMap((line) => {
      const [, task, used, of] = /^(\w+): (\d+) of (\d+)$/.exec(line) ?? [];
      return task === undefined ? [] : [{ task, used_bytes: Number(used), of_bytes: Number(of) }];
    });
  } finally {
    await board.close();
  }
}

async function work(board: PortBoard, { model, latent, pictures }: StackWork, key: UpdateKey): Promise<void> {
  const authorization = `Bearer ${board.ownerToken}`;
  const send = async (method: string, target: string, type: string, body?: Uint8Array) => {
    const headers = { "content-type": type, authorization };
    const answer = await board.handle({ method, target, headers, ...(body === undefined ? {} : { body }) });
    const text = new TextDecoder().decode(answer.body);
    if (answer.status >= 300) throw new Error(`${method} ${target}: ${answer.status} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  };
  const sendJson = (method: string, target: string, value: object) =>
    send(method, target, "application/json", Buffer.from(JSON.stringify(value)));
  const broker = await startBroker({ port: 0 });
  const files = await FileServer.start();
  const client = await mqtt.connectAsync(broker.url);
  try {
    const heard = new Listener(client);
    await client.subscribeAsync(`${BASE}/#`, { qos: 1 });
    for (const picture of pictures) await send("POST", "/v1/encode", "image/jpeg", picture);
    const frame = { latent: Array(latent).fill(0.5) };
    await sendJson("POST", "/v1/plan", { start: frame, goal: frame, horizon: 3 });
    const signed = signedByHand(model, key);
    await send("PUT", "/v1/models/model_b", "application/octet-stream", signed);
    await send("POST", "/v1/models/model_b/activate", "application/json");
    await sendJson("PUT", "/v1/settings", { broker_url: broker.url, home_assistant: true });
    await heard.json(`${BASE}/status`, (text) => text.includes("online"));
    await client.publishAsync(`${BASE}/cmd/encode/e`, Buffer.from(pictures[0] ?? []), { qos: 1 });
    await heard.next(`${BASE}/res/e`);
    files.file = signed;
    const sha256 = createHash("sha256").update(signed).digest("hex");
    await sendJson("POST", "/v1/updates/model", { url: files.url, bytes: signed.length, sha256 });
    for (;;) {
      const { state } = await send("GET", "/v1/updates", "application/json");
      if (state === "UPDATED") break;
      if (state === "FAILED") throw new Error("the board did not take the model that was announced to it");
      await delay(POLL_MS);
    }
  } finally {
    await client.endAsync();
    await broker.close();
    await files.close();
  }
}
