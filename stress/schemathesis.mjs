// Runs schemathesis (https://schemathesis.readthedocs.io) against simulated boards; HELP says how. After
// `npm run build`.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readBoard, SimulatedBoard, serveBoard } from "synapse-sim";
import { ROOT } from "../scripts/setup.mjs";

const VERSION = "4.32.5";
const VENV = join(ROOT, ".toolchain", "schemathesis-venv");
const EXAMPLES_MAX = "50";
const HELP = `Usage: node stress/schemathesis.mjs [--install] [options of schemathesis]

Runs schemathesis (https://schemathesis.readthedocs.io) against simulated boards, native and WASM: requests made from
openapi.json, right and wrong ones, whose answers must be as the document says. Exit code 1 when one is not, and where
schemathesis is not installed.

  --install    install schemathesis ${VERSION} into .toolchain/ where there is none
  --seed <n>   the same requests again; this and all other options go to \`schemathesis run\`
  -h, --help   this text; \`schemathesis run --help\` has its own options

Variable: SCHEMATHESIS, the program to use instead of an installed one.
`;

function findSchemathesis() {
  const candidates = [process.env.SCHEMATHESIS, join(VENV, "bin", "schemathesis"), "schemathesis"].filter(Boolean);
  return candidates.find((path) =>
    path.includes("/") ? existsSync(path) : spawnSync(path, ["--version"]).status === 0,
  );
}

const row = (size) => ({
  type: "array",
  items: { type: "number", minimum: -100, maximum: 100 },
  minItems: size,
  maxItems: size,
});
const rows = (name) => ({ type: "array", items: { $ref: `#/components/schemas/${name}` }, minItems: 2, maxItems: 2 });

/**
 * The document for one model, narrowed to requests that must succeed: how many numbers a latent or an action has is the
 * model's, and that two lists are equally long, that elites are samples, or that text is a picture, no schema can say.
 */
function narrowed(document, slot) {
  const { paths, components } = structuredClone(document);
  const { schemas } = components;
  const pixels = Buffer.alloc(slot.image.width * slot.image.height * 3, 128).toString("base64");
  schemas.Latent = row(slot.latent_elements);
  schemas.Action = row(slot.action_elements);
  schemas.LatentRows = rows("Latent");
  schemas.ActionRows = rows("Action");
  schemas.ImageType = { const: "application/octet-stream" };
  schemas.ImageObject.properties.image = { const: pixels };
  schemas.ObserveRequest.properties.image = { const: pixels };
  schemas.ObserveRequest.required = ["stream", "action"];
  schemas.PlanAnswer.properties.budget = structuredClone(schemas.Budget);
  Object.assign(schemas.Budget.properties.samples, { minimum: 30, maximum: 32 });
  schemas.Budget.required = ["samples"];
  schemas.PlanRequest.properties.horizon.maximum = 4;
  schemas.PlanRequest.properties.seed.maximum = 2 ** 31;
  // Lengths are in bytes, and a schema counts characters; an address has a pattern of its own.
  for (const [name, setting] of Object.entries(schemas.SettingsChange.properties)) {
    if (setting.type === "string" && name !== "broker_url") setting.pattern = "^[ -~]*$";
  }
  // Whether a model can be uploaded or activated depends on the slots, and whether an update can be queued or taken
  // back on the one before; no schema describes a pack, an image or a picture's size.
  delete paths["/v1/models/{slot}"].put;
  delete paths["/v1/updates"].delete;
  for (const path of [
    "/v1/models/{slot}/activate",
    "/v1/updates/{kind}",
    "/v1/firmware",
    "/encode",
    "/v1/claim",
    "/v1/reboot",
  ])
    delete paths[path];
  for (const item of Object.values(paths)) {
    // Base64 in answers is tried by the document itself.
    for (const operation of Object.values(item)) {
      operation.parameters = operation.parameters?.filter(({ $ref }) => $ref === undefined);
      if (operation.requestBody)
        operation.requestBody.content = { "application/json": operation.requestBody.content["application/json"] };
    }
  }
  return { ...document, paths, components };
}

function run(command, document, options) {
  const args = ["--config-file", join(ROOT, "stress", "schemathesis.toml"), "run", document, "--checks", "all"];
  args.push("--max-examples", EXAMPLES_MAX, ...options, ...passedOn);
  return new Promise((resolve) => spawn(command, args, { stdio: "inherit", cwd: tmpdir() }).on("close", resolve));
}

const passedOn = process.argv.slice(2).filter((option) => option !== "--install");
if (passedOn.includes("--help") || passedOn.includes("-h")) {
  process.stdout.write(HELP);
  process.exit(0);
}
if (process.argv.includes("--install") && findSchemathesis() === undefined) {
  for (const [program, ...args] of [
    ["python3", "-m", "venv", VENV],
    [join(VENV, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", `schemathesis==${VERSION}`],
  ]) {
    const { status } = spawnSync(program, args, { stdio: "inherit" });
    if (status !== 0) process.exit(1);
  }
}
const command = findSchemathesis();
if (command === undefined) {
  process.stderr.write(
    `schemathesis is not installed; \`node stress/schemathesis.mjs --install\` gets version ${VERSION} into ` +
      `.toolchain/\n`,
  );
  process.exit(1);
}
const board = await readBoard(join(ROOT, "boards", "waveshare-esp32-p4-wifi6.json"));
const model = readFileSync(join(ROOT, "sim", "fixtures", "lewm-test.syn"));
const folder = await mkdtemp(join(tmpdir(), "synapse-schemathesis-"));
let failed = false;
for (const engine of ["native", "wasm"]) {
  // What it is told to fetch lies anywhere, so it reaches nothing.
  const fetchFile = () => Promise.reject(new Error("the network is out of bounds"));
  const simulated = await SimulatedBoard.create({ board, model, engine, fetchFile });
  const server = await serveBoard(simulated, { port: 0 });
  const owner = ["--header", `Authorization: Bearer ${simulated.ownerToken}`];
  // These would change the token, or take the board from under the other requests.
  const others = ["claim", "release", "reboot"].flatMap((id) => ["--exclude-operation-id", id]);
  const [document, { slots }] = await Promise.all(
    ["/openapi.json", "/v1/models"].map(async (path) => (await fetch(server.url + path)).json()),
  );
  const file = join(folder, `${engine}.json`);
  await writeFile(file, JSON.stringify(narrowed(document, slots[0])));
  process.stderr.write(`schemathesis against the ${engine} board: the document as it is\n`);
  // Requests made from it alone have the wrong sizes for the model, and are refused.
  const status = await run(command, `${server.url}/openapi.json`, [
    ...owner,
    ...others,
    "--exclude-checks",
    "positive_data_acceptance",
  ]);
  process.stderr.write(`schemathesis against the ${engine} board: requests that must succeed\n`);
  const narrowedStatus = await run(command, file, [...owner, "--url", server.url, "--mode", "positive"]);
  failed ||= status !== 0 || narrowedStatus !== 0;
  await server.close();
  await simulated.close();
}
await rm(folder, { recursive: true });
process.exit(failed ? 1 : 0);
