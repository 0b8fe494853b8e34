// From one picture toward another, with progress: node index.mjs http://board start.jpg goal.jpg [token]
import { SynapseClient } from "synapse-client";
import { example, readPicture } from "../shared.mjs";

await example("http://board start.jpg goal.jpg [token]", 3, async (url, start, goal, token) => {
  const client = new SynapseClient({ url, ...(token ? { token } : {}) });
  const request = { start: await readPicture(start), goal: await readPicture(goal), horizon: 4, seed: 1 };
  for await (const event of client.planEvents(request)) {
    if (event.kind === "progress") console.log("progress", JSON.stringify(event.progress));
    else console.log(`plan of ${event.result.actions.length} actions, cost ${event.result.cost.toFixed(3)}`);
  }
});
