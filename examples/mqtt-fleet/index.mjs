// All boards of a broker, and what each makes of a picture: node index.mjs mqtt://broker photo.jpg
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import mqtt from "mqtt";
import { BoardError, SynapseMqttClient } from "synapse-host/client";

const [url, photo] = process.argv.slice(2);
const image = { bytes: await readFile(photo), type: photo.endsWith(".png") ? "image/png" : "image/jpeg" };
const connection = await mqtt.connectAsync(url);

// The broker keeps the last status of every board and tells it to whoever subscribes, so a second without another one means that all are known.
const boards = new Map();
let quietSince = Date.now();
connection.on("message", (topic, payload) => {
  if (!/^synapse\/[^/]+\/status$/.test(topic)) return;
  boards.set(topic.split("/")[1], payload.length > 0 ? JSON.parse(payload) : undefined);
  quietSince = Date.now();
});
await connection.subscribeAsync("synapse/+/status", { qos: 1 });
while (Date.now() - quietSince < 1000) await sleep(100);

for (const [device, status] of [...boards].sort(([a], [b]) => a.localeCompare(b))) {
  if (status?.state !== "online") {
    console.log(`${device}  ${status?.state ?? "gone"}`);
    continue;
  }
  try {
    const { latent, timing } = await new SynapseMqttClient({ connection, device }).encode(image);
    const first = [...latent.slice(0, 4)].map((value) => value.toFixed(4)).join("  ");
    console.log(`${device}  ${status.name}  ${status.model.name}: ${latent.length} values in ${timing.inference_us} µs  ${first} …`);
  } catch (error) {
    if (!(error instanceof BoardError)) throw error;
    console.log(`${device}  ${status.name}  refused: ${error.detail}; expected ${error.expected}`);
  }
}
await connection.endAsync();
