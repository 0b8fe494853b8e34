// All boards of a broker, and what each makes of a picture: node index.mjs mqtt://broker photo.jpg
import { setTimeout as sleep } from "node:timers/promises";
import mqtt from "mqtt";
import { BoardError, BoardUnreachable, SynapseMqttClient } from "synapse-client";
import { example, readPicture } from "../shared.mjs";

await example("mqtt://broker photo.jpg", 2, async (url, photo) => {
  const image = await readPicture(photo);
  const connection = await mqtt.connectAsync(url, { reconnectPeriod: 0 }, false).catch((error) => {
    throw new BoardUnreachable(`the broker at ${url} is not reached: ${error.message || error.code}`);
  });
  try {
    for (const [device, status] of await boardsOf(connection)) {
      if (status?.state !== "online") console.log(`${device}  ${status?.state ?? "gone"}`);
      else
        console.log(
          `${device}  ${status.name}  ` +
            `${await encoded(new SynapseMqttClient({ connection, device }), image, status.model)}`,
        );
    }
  } finally {
    await connection.endAsync();
  }
});

/**
 * Every board's last status, by its topic's name. The broker keeps it and tells it to whoever subscribes, so a second
 * without another one means that all are known.
 */
async function boardsOf(connection) {
  const boards = new Map();
  let quietSince = Date.now();
  connection.on("message", (topic, payload) => {
    if (!/^synapse\/[^/]+\/status$/.test(topic)) return;
    boards.set(topic.split("/")[1], payload.length > 0 ? JSON.parse(payload) : undefined);
    quietSince = Date.now();
  });
  await connection.subscribeAsync("synapse/+/status", { qos: 1 });
  while (Date.now() - quietSince < 1000) await sleep(100);
  return [...boards].sort(([a], [b]) => a.localeCompare(b));
}

async function encoded(client, image, model) {
  try {
    const { latent, timing } = await client.encode(image);
    const first = [...latent.slice(0, 4)].map((value) => value.toFixed(4)).join("  ");
    return `${model.name}: ${latent.length} values in ${timing.inference_us} µs  ${first} …`;
  } catch (error) {
    if (!(error instanceof BoardError)) throw error;
    return `refused: ${error.detail}; expected ${error.expected}`;
  }
}
