// A new model over the air, into the slot that is not running: node index.mjs http://board token model.syn
import { readFile } from "node:fs/promises";
import { SynapseClient } from "synapse-host/client";

const [url, token, file] = process.argv.slice(2);
const client = new SynapseClient({ url, token, timeoutMs: 120_000 });
const { slots } = await client.models();
const { slot } = slots.find(({ active }) => !active);
await client.uploadModel(slot, await readFile(file), {
  onProgress: (sent, total) => console.log(`${slot}: ${Math.round((100 * sent) / total)} %`),
});
const { name, vectors_passed } = await client.activateModel(slot);
console.log(`the board runs ${name}; ${vectors_passed} test vectors passed`);
