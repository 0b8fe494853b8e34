// From one picture toward another, with progress: node index.mjs http://board start.jpg goal.jpg [token]
import { readFile } from "node:fs/promises";
import { SynapseClient } from "synapse-host/client";

const [url, start, goal, token] = process.argv.slice(2);
const client = new SynapseClient({ url, ...(token ? { token } : {}) });
const picture = async (path) => ({ bytes: await readFile(path), type: "image/jpeg" });
const request = { start: await picture(start), goal: await picture(goal), horizon: 4, seed: 1 };
for await (const event of client.planEvents(request)) {
  if (event.kind === "progress") console.log("progress", JSON.stringify(event.progress));
  else console.log(`plan of ${event.result.actions.length} actions, cost ${event.result.cost.toFixed(3)}`);
}
