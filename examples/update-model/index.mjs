// A new model over the air, into the slot that is not running: node index.mjs http://board token model.syn
import { SynapseClient } from "synapse-client";
import { example, readBytes } from "../shared.mjs";

await example("http://board token model.syn", 3, async (url, token, file) => {
  const client = new SynapseClient({ url, token, timeoutMs: 120_000 });
  const pack = await readBytes(file);
  const { slots } = await client.models();
  const { slot } = slots.find(({ active }) => !active) ?? slots[0];
  await client.uploadModel(slot, pack, {
    onProgress: (sent, total) => console.log(`${slot}: ${Math.round((100 * sent) / total)} %`),
  });
  const { name, vectors_passed } = await client.activateModel(slot);
  console.log(`the board runs ${name}; ${vectors_passed} test vectors passed`);
});
