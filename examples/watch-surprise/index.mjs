// Which of these pictures the model did not expect: node index.mjs http://board token picture.jpg..
import { readFile } from "node:fs/promises";
import { SynapseClient } from "synapse-host/client";

const [url, token, ...pictures] = process.argv.slice(2);
const client = new SynapseClient({ url, ...(token ? { token } : {}) });
const { slots } = await client.models();
const rest = new Float32Array(slots.find((slot) => slot.active)?.action_elements ?? 0);
for (const [i, path] of pictures.entries()) {
  const frame = { bytes: await readFile(path), type: "image/jpeg" };
  const seen = await client.observe({ stream: "example", frame, ...(i === 0 ? { reset: true } : { action: rest }) });
  console.log(path, seen.surprise === null ? "first" : `surprise ${seen.surprise.toFixed(3)}`);
}
