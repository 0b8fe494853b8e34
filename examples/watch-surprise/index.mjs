// Which of these pictures the model did not expect: node index.mjs http://board token picture.jpg..
import { SynapseClient } from "synapse-client";
import { example, readPicture } from "../shared.mjs";

await example("http://board token picture.jpg..", 3, async (url, token, ...pictures) => {
  const client = new SynapseClient({ url, ...(token ? { token } : {}) });
  // All of them, before the board sees the first.
  const frames = await Promise.all(pictures.map(readPicture));
  const { slots } = await client.models();
  const rest = new Float32Array(slots.find((slot) => slot.active)?.action_elements ?? 0);
  for (const [i, frame] of frames.entries()) {
    const seen = await client.observe({ stream: "example", frame, ...(i === 0 ? { reset: true } : { action: rest }) });
    console.log(pictures[i], seen.surprise === null ? "first" : `surprise ${seen.surprise.toFixed(3)}`);
  }
});
