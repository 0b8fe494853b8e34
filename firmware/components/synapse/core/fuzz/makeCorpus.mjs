// Writes the seeds of the core's fuzz targets: whole requests of every kind, from which libFuzzer makes others. See
// target.zig for the bytes before a body.
//   node firmware/components/synapse/core/fuzz/makeCorpus.mjs
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { encode } from "cbor-x";

const CORPUS = join(dirname(fileURLToPath(import.meta.url)), "corpus");
const latent = Array.from({ length: 32 }, (_, i) => (i % 9) / 4 - 1);
const action = Array.from({ length: 10 }, (_, i) => i / 10);
const picture = { image: Buffer.from([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]).toString("base64"), type: "image/jpeg" };
const digest = "00".repeat(32);

/** Bodies by the routes that take them. */
const BODIES = {
  encode: [picture],
  predict: [{ history: [latent], actions: [action] }],
  rollout: [
    { start: { latent }, actions: [action, action] },
    { start: picture, actions: [action] },
  ],
  observe: [
    { stream: "a", ...picture },
    { stream: "a", latent, action },
  ],
  plan: [{ start: picture, goal: { latent }, horizon: 2, seed: 3, budget: { samples: 3, iterations: 2, elites: 2 } }],
  settings: [
    {
      name: "shelf",
      groups: ["hall"],
      origins: ["https://a.example"],
      telemetry_s: 5,
      open_read: true,
      broker_url: "mqtt://h",
    },
  ],
  model: [{ url: "http://h/f", bytes: 100, sha256: digest, slot: "model_b", activate: false, spread_s: 1 }],
  firmware: [{ url: "https://h/f", bytes: 100, sha256: digest }],
};
/** Places in the lists of target.zig. */
const HTTP = { encode: 0, predict: 1, rollout: 2, observe: 3, plan: 4, settings: 5, model: 10, firmware: 11 };
const MQTT = { encode: 0, predict: 1, rollout: 2, observe: 3, plan: 4, settings: 5, model: 6, firmware: 7 };

function seed(folder, name, ...parts) {
  mkdirSync(join(CORPUS, folder), { recursive: true });
  writeFileSync(join(CORPUS, folder, name), Buffer.concat(parts.map((part) => Buffer.from(part))));
}

rmSync(CORPUS, { recursive: true, force: true });
for (const [name, bodies] of Object.entries(BODIES)) {
  for (const [i, body] of bodies.entries()) {
    const forms = { json: [0, JSON.stringify(body)], cbor: [1, encode(body)] };
    for (const [form, [type, bytes]] of Object.entries(forms)) {
      const put = name === "settings" ? 1 : 0;
      seed("http", `${name}-${i}-${form}`, [HTTP[name], put, type, 0, 2], bytes);
      seed("mqtt", `${name}-${i}-${form}`, [MQTT[name], type, 1, 9, 4], bytes);
      seed(form, `${name}-${i}`, [i], bytes);
    }
  }
}
const start = { start: latent };
for (let shape = 0; shape < 7; shape++) {
  seed("json", `shape-${shape}`, [shape], JSON.stringify(start));
  seed("cbor", `shape-${shape}`, [shape], encode(start));
}
seed("json", "texts", [3], '{"start":"\\u00e9\\ud83d\\ude00\\n\\/","image":" AAAA ","seed":1e-3}');
seed(
  "cbor",
  "floats",
  [0],
  [0xa1, 0x65],
  "start",
  [0xd8, 0x55, 0x58, 40],
  Buffer.from(new Float32Array(10).fill(1.5).buffer),
);
seed(
  "cbor",
  "endless",
  [1],
  [0xbf, 0x67],
  "actions",
  [0x9f, 0x9f, 0xf9, 0x3c, 0x00, 0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff],
);
for (const [i, target] of [
  "GET /v1/device",
  "GET /",
  "POST /v1/models/model_b/activate",
  "DELETE /v1/claim",
].entries()) {
  const [method, path] = target.split(" ");
  seed("http", `path-${i}`, [20, { GET: 2, POST: 0, DELETE: 3 }[method], 5, 0, 0], `${path}\0`);
}
const form =
  '--B\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n';
seed("http", "form", [HTTP.encode, 0, 7, 0, 2], form, [0xff, 0xd8, 0xff, 0xe0, 1, 2, 3], "\r\n--B--\r\n");
seed(
  "http",
  "picture",
  [HTTP.encode, 0, 3, 0, 2],
  [0x89],
  "PNG\r\n\x1a\n",
  [0, 0, 0, 13],
  "IHDR",
  [0, 0, 0, 1, 0, 15, 66, 64, 8, 2, 0, 0, 0],
);
seed("http", "firmware", [9, 0, 4, 0, 3], [0xe9, 2, ...Array(400).fill(7)]);
seed("http", "upload", [7, 1, 4, 0, 9], [0x89], "SYN\r\n\x1a\n", Array(200).fill(0));
seed("mqtt", "own", [19, 0, 0, 7, 2], "encode/1/2\0{}");
