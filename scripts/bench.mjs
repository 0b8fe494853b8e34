// `npm run bench`: Synapse beside other runtimes, as ratios. Its own needs (ONNX Runtime) are fetched on first use and
// live in bench/.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT, run, setup, step } from "./setup.mjs";

const SECTIONS = {
  native: "encoder, int8 and f32, beside ONNX Runtime, 1 and 2 threads",
  wasm: "encoder, int8, WebAssembly SIMD, beside onnxruntime-web; sizes of both",
  rv32: "instructions per multiply-accumulate of every storage type, under QEMU",
  open: "opening an 18 MB pack",
  memory: "resident memory while running, beside file and planned regions",
  start: "synapse-host --help beside Node with an empty program, time and memory",
  flash: "a simulated chip at 921,600 baud, beside esptool on the same bytes",
};

const HELP = `Usage: npm run bench -- [section ...] [--quick] [--json]

Sections, all by default:
${Object.entries(SECTIONS)
  .map(([name, text]) => `  ${name.padEnd(8)}${text}`)
  .join("\n")}

  --quick   fewer runs and storage types
  --json    one JSON object on standard output (npm run --silent bench -- --json)
  --help    this text
`;

async function main() {
  const { values, positionals } = parseArguments();
  if (values.help) return process.stdout.write(HELP);
  const names =
    positionals.length > 0 ? Object.keys(SECTIONS).filter((name) => positionals.includes(name)) : Object.keys(SECTIONS);
  setup();
  if (names.some((name) => name === "native" || name === "wasm")) installRuntimes();
  const { runSections } = await import("../bench/src/main.mjs");
  await runSections(names, { quick: values.quick, json: values.json });
}

function parseArguments() {
  const boolean = { type: "boolean", default: false };
  const parsed = parseArgs({
    allowPositionals: true,
    options: { quick: boolean, json: boolean, help: { ...boolean, short: "h" } },
  });
  const unknown = parsed.positionals.find((name) => !Object.hasOwn(SECTIONS, name));
  if (unknown !== undefined)
    throw new TypeError(`no section ${JSON.stringify(unknown)}; expected ${Object.keys(SECTIONS).join(", ")}`);
  return parsed;
}

/**
 * The npm packages hold the binaries for processors; their install scripts would only add those for graphics cards,
 * from elsewhere.
 */
function installRuntimes() {
  const inputs = ["bench/package-lock.json", "bench/package.json"];
  const outputs = ["bench/node_modules/onnxruntime-node", "bench/node_modules/onnxruntime-web"];
  step(
    "bench-npm",
    inputs,
    outputs,
    "installing ONNX Runtime to compare with (into bench/, about 440 MB on disk)",
    () => run("npm", ["ci", "--ignore-scripts", "--no-fund", "--no-audit"], { cwd: join(ROOT, "bench") }),
  );
}

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = error instanceof TypeError ? 2 : 1;
}
