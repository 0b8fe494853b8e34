// A picture to its latent: node index.mjs http://board photo.jpg [token]
import { SynapseClient } from "synapse-client";
import { example, readPicture } from "../shared.mjs";

await example("http://board photo.jpg [token]", 2, async (url, photo, token) => {
  const client = new SynapseClient({ url, ...(token ? { token } : {}) });
  const { latent, model, timing } = await client.encode(await readPicture(photo));
  console.log(`${model.name}: ${latent.length} values in ${timing.inference_us} µs`);
  console.log([...latent.slice(0, 6)].map((value) => value.toFixed(4)).join("  "), "…");
});
