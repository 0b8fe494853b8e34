import { createHash } from "node:crypto";
import mqtt from "mqtt";
import { describe, expect, test } from "vitest";
import { startBroker } from "../mqtt/embeddedBroker.js";
import { FileServer } from "../testing/fileServer.js";
import { Listener } from "../testing/listener.js";
import { buildPortBoard, PortBoard } from "../testing/portBoard.js";
import { newUpdateKey, pointOf, signedByHand } from "../testing/updateKeys.js";
import { json, jsonOf, LATENT, MODEL, sample, testBoard } from "./boardSuite.js";

// How much stack the firmware's tasks use on this machine, without sanitizers. Frames of the chip have another size.
const { missing } = buildPortBoard({ plain: true });
if (missing !== undefined) process.stderr.write(`skipped: the stacks of the firmware's port: ${missing}\n`);

const BASE = "synapse/020000000001";

/** What takes the most stack of each task: pictures, plans, a signed model, a firmware, a broker. */
async function work(board: PortBoard, key: ReturnType<typeof newUpdateKey>): Promise<void> {
  const authorization = `Bearer ${board.ownerToken}`;
  const send = async (method: string, target: string, type: string, body?: Uint8Array) => {
    const headers = { "content-type": type, authorization };
    const answer = await board.handle({ method, target, headers, ...(body === undefined ? {} : { body }) });
    expect([target, answer.status < 300]).toEqual([target, true]);
    return jsonOf(answer) as Record<string, unknown>;
  };
  const broker = await startBroker({ port: 0 });
  const files = await FileServer.start();
  const client = await mqtt.connectAsync(broker.url);
  const heard = new Listener(client);
  await client.subscribeAsync(`${BASE}/#`, { qos: 1 });
  for (const name of ["cat.jpg", "rocket-portrait.jpg"]) await send("POST", "/v1/encode", "image/jpeg", sample(name));
  const frame = { latent: Array(LATENT).fill(0.5) };
  await send("POST", "/v1/plan", "application/json", json({ start: frame, goal: frame, horizon: 3 }));
  await send("PUT", "/v1/models/model_b", "application/octet-stream", signedByHand(MODEL, key));
  await send("POST", "/v1/models/model_b/activate", "application/json");
  await send("PUT", "/v1/settings", "application/json", json({ broker_url: broker.url, home_assistant: true }));
  await heard.json(`${BASE}/status`, (text) => text.includes("online"));
  await client.publishAsync(`${BASE}/cmd/encode/e`, Buffer.from(sample("coffee.jpg")), { qos: 1 });
  await heard.next(`${BASE}/res/e`);
  files.file = signedByHand(MODEL, key);
  const sha256 = createHash("sha256").update(files.file).digest("hex");
  const update = { url: files.url, bytes: files.file.length, sha256 };
  await send("POST", "/v1/updates/model", "application/json", json(update));
  await expect
    .poll(async () => jsonOf(await board.handle({ method: "GET", target: "/v1/updates", headers: { authorization } })))
    .toMatchObject({ state: "UPDATED" });
  await client.endAsync();
  await broker.close();
  await files.close();
}

describe.skipIf(missing !== undefined)("the stacks of the firmware's tasks", () => {
  test("hold what the tasks do", async () => {
    const key = newUpdateKey();
    const options = { board: testBoard(), model: MODEL, plain: true, updateKeys: [pointOf(key.publicKey)] };
    const board = await PortBoard.create(options);
    await work(board, key);
    const lines = await board.commandLines("stacks", "stack");
    await board.close();
    const marks = lines.map((line) => /^(\w+): (\d+) of (\d+)$/.exec(line)?.slice(1) ?? []);
    process.stdout.write(`stacks of the firmware's tasks on ${process.arch}, bytes:\n${lines.join("\n")}\n`);
    for (const [name = "", used = "", asked = ""] of marks)
      if (name.startsWith("synapse")) expect([name, Number(used) <= Number(asked)]).toEqual([name, true]);
    expect(marks.map(([name]) => name)).toEqual(expect.arrayContaining(["synapse", "synapse_work", "synapse_mqtt"]));
  });
});
