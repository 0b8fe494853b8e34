// A picture to its latent: node index.mjs http://board photo.jpg [token]
import { readFile } from "node:fs/promises";
import { BoardError, SynapseClient } from "synapse-host/client";

const [url, photo, token] = process.argv.slice(2);
const client = new SynapseClient({ url, ...(token ? { token } : {}) });
try {
  const { latent, model, timing } = await client.encode({
    bytes: await readFile(photo),
    type: photo.endsWith(".png") ? "image/png" : "image/jpeg",
  });
  console.log(`${model.name}: ${latent.length} values in ${timing.inference_us} µs`);
  console.log([...latent.slice(0, 6)].map((value) => value.toFixed(4)).join("  "), "…");
} catch (error) {
  if (!(error instanceof BoardError)) throw error;
  console.error(`the board refused: ${error.detail}; expected ${error.expected}`);
  process.exitCode = 1;
}
