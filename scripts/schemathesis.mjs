// Runs schemathesis (https://schemathesis.readthedocs.io) against simulated boards, native and WASM: requests made from openapi.json,
// right and wrong ones, whose answers must be as the document says. Skips, and says how to install it, where schemathesis is missing.
// After `npm run build`: node scripts/schemathesis.mjs [options of schemathesis, such as --seed 1]
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readBoard, SimulatedBoard, serveBoard } from "../sim/dist/index.js";
import { ROOT } from "./setup.mjs";

const VERSION = "4.32.5";
const VENV = join(ROOT, ".toolchain", "schemathesis-venv");
const EXAMPLES_MAX = "50";

function findSchemathesis() {
  const candidates = [process.env.SCHEMATHESIS, join(VENV, "bin", "schemathesis"), "schemathesis"].filter(Boolean);
  return candidates.find((path) => (path.includes("/") ? existsSync(path) : spawnSync(path, ["--version"]).status === 0));
}

function run(command, url, options) {
  const args = [
    "--config-file",
    join(ROOT, "scripts", "schemathesis.toml"),
    "run",
    `${url}/openapi.json`,
    "--checks",
    "all",
    "--max-examples",
    EXAMPLES_MAX,
  ];
  // How many numbers a latent or an action has is the model's, so a schema cannot say it, and requests made from the schema alone are
  // refused with 422.
  args.push("--exclude-checks", "positive_data_acceptance", ...options);
  return new Promise((resolve) => spawn(command, args, { stdio: "inherit", cwd: tmpdir() }).on("close", resolve));
}

const command = findSchemathesis();
if (command === undefined) {
  process.stderr.write(
    `skipped: schemathesis is not installed. To install it:\n  python3 -m venv ${VENV} && ${VENV}/bin/pip install schemathesis==${VERSION}\n`,
  );
  process.exit(0);
}
const board = await readBoard(join(ROOT, "boards", "waveshare-esp32-p4-wifi6.json"));
const model = readFileSync(join(ROOT, "sim", "fixtures", "lewm-test.syn"));
for (const engine of ["native", "wasm"]) {
  const simulated = await SimulatedBoard.create({ board, model, engine });
  const server = await serveBoard(simulated, { port: 0 });
  process.stderr.write(`schemathesis against the ${engine} board at ${server.url}\n`);
  const status = await run(command, server.url, process.argv.slice(2));
  await server.close();
  await simulated.close();
  if (status !== 0) process.exit(status ?? 1);
}
