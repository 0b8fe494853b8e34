// `npm start`: sets up what is missing, packs the demo model once, starts a simulated board, sends it a photo and
// prints where its page is. `npm start -- --once` ends after that; `--port n` chooses the port.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT, setup } from "./setup.mjs";

/** Changes whenever a source of the compiler or of the runtime does. */
function buildKey() {
  return ["tsc", "zig-build"].map((name) => readFileSync(join(ROOT, ".toolchain", "stamps", name), "utf8")).join();
}

function options() {
  const { values } = parseArgs({
    options: { once: { type: "boolean", default: false }, port: { type: "string", default: "8080" } },
  });
  const port = Number(values.port);
  if (!/^\d{1,5}$/.test(values.port) || port > 65535)
    throw new Error(`--port ${values.port}: expected a number from 0 to 65535`);
  return { once: values.once, port };
}

async function start() {
  const { once, port } = options();
  setup();
  const { createContext } = await import("../host/dist/cli/context.js");
  const { runDemo } = await import("../host/dist/cli/demo.js");
  const abort = new AbortController();
  const interrupt = () => {
    if (abort.signal.aborted) process.exit(130);
    abort.abort(new Error("interrupted"));
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  const context = createContext(process.stdout, process.stderr, process.env, abort.signal);
  return runDemo(context, { root: ROOT, port, once, buildKey: buildKey() });
}

try {
  process.exitCode = await start();
} catch (error) {
  process.stderr.write(`start: ${error.message}\n`);
  process.exitCode = error.code?.startsWith("ERR_PARSE_ARGS") || error.message.startsWith("--port") ? 2 : 1;
}
