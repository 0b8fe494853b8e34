// Many clients at once against one simulated board over HTTP on 127.0.0.1, for a while: right, slow, malformed and
// abandoned requests. Ends with 1 when the board broke a promise (a wrong answer, a wrong status, memory that grows, a
// queue without bound); speed is only shown.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT, setup } from "../scripts/setup.mjs";

const HELP = `Usage: node stress/soak.mjs [options]

  --seconds <n>    how long, 1 to 3600 (default: 60)
  --clients <n>    clients at once, 1 to 256 (default: 64)
  --requests <n>   ends after so many requests, however few seconds that took (default: 1000000)
  --engine <name>  native or wasm (default: native)
  --model <file>   packed world model (default: sim/fixtures/lewm-test.syn)
  --board <name>   board to simulate, of boards/ (default: waveshare-esp32-p4-wifi6)
  --seed <n>       of everything that is chosen (default: another each time; it is printed)
  --json           one JSON object on standard output
  --help           this text
`;

/** GET /v1/device is to be answered within this while inference runs. */
const DEVICE_MS_BAR = 50;

function options() {
  const text = (value) => ({ type: "string", default: value });
  const { values } = parseArgs({
    options: {
      seconds: text("60"),
      clients: text("64"),
      requests: text("1000000"),
      engine: text("native"),
      model: text(join(ROOT, "sim", "fixtures", "lewm-test.syn")),
      board: text("waveshare-esp32-p4-wifi6"),
      seed: text(String(1 + Math.floor(Math.random() * 999_999))),
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false, short: "h" },
    },
  });
  const whole = (name, min, max) => {
    const value = Number(values[name]);
    if (/^\d+$/.test(values[name]) && value >= min && value <= max) return value;
    throw new TypeError(`--${name} ${values[name]}: expected a whole number from ${min} to ${max}`);
  };
  if (!["native", "wasm"].includes(values.engine))
    throw new TypeError(`--engine ${values.engine}: expected native or wasm`);
  const numbers = {
    seconds: whole("seconds", 1, 3600),
    clients: whole("clients", 1, 256),
    requests: whole("requests", 1, 1e9),
  };
  return { ...values, ...numbers, seed: whole("seed", 1, 2 ** 32 - 1) };
}

async function main() {
  const { help, json, seconds, clients, requests, engine, model, board, seed } = options();
  if (help) return process.stdout.write(HELP);
  setup();
  const { soak } = await import("synapse-sim/testing/soak/soak");
  const { readBoard } = await import("synapse-sim/boards");
  process.stderr.write(`soak: ${clients} clients for ${seconds} s, engine ${engine}, --seed ${seed}\n`);
  const report = await soak({
    board: await readBoard(join(ROOT, "boards", `${board}.json`)),
    model,
    engine,
    clients,
    seconds,
    requestsMax: requests,
    seed,
    photo: (name) => readFileSync(join(ROOT, "samples", name)),
    onSecond: (elapsed, count) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${elapsed.toFixed(0)} s, ${count} requests `);
    },
  });
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  if (json) process.stdout.write(`${JSON.stringify({ ...report, deviceMsBar: DEVICE_MS_BAR }, null, 2)}\n`);
  else process.stdout.write(`${await text(report)}\n`);
  process.exitCode = report.violations.length > 0 ? 1 : 0;
}

async function text(report) {
  const { renderFields, renderTable } = await import("../host/dist/report/table.js");
  const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const growth = ({ fromBytes, toBytes, boundBytes }) =>
    `${mebibytes(fromBytes)} to ${mebibytes(toBytes)}, at most ${mebibytes(boundBytes)}`;
  const { deviceMs, memory, queue } = report;
  const about = renderFields([
    ["seed", String(report.seed)],
    ["clients", `${report.clients}, ${report.seconds.toFixed(1)} s, engine ${report.engine}`],
    ["requests", `${report.requests}, ${report.counts["in drips"] ?? 0} of them in drips`],
    ["answers", `${report.compared} compared with a quiet board's, bit for bit`],
    [
      "queue",
      `at most ${queue.inProgressMax} in progress, capacity ${queue.capacity}; ${queue.inProgressAfter} left behind`,
    ],
    ["memory", memory ? `resident ${growth(memory.rss)}` : "too short a run to see growth (it needs half a minute)"],
    ["", memory ? `heap ${growth(memory.heap)}` : undefined],
    [
      "GET /v1/device",
      deviceMs
        ? `p50 ${deviceMs.p50.toFixed(1)} ms, p99 ${deviceMs.p99.toFixed(1)} ms, max ${deviceMs.max.toFixed(1)} ms ` +
          `over ${deviceMs.probes} probes while others work (bar ${DEVICE_MS_BAR} ms)`
        : "never seen while others worked",
    ],
  ]);
  return [about, answers(report.counts, renderTable), verdict(report.violations, renderTable)].join("\n\n");
}

/** One line for each kind of request, one column for each thing that became of it. */
function answers(counts, renderTable) {
  const outcome = / (\d+|left|closed)$/;
  const names = Object.keys(counts).filter((name) => !outcome.test(name) && name !== "in drips");
  const ends = [...new Set(Object.keys(counts).flatMap((name) => outcome.exec(name)?.[1] ?? []))].sort();
  const rows = names.map((name) => [
    name,
    String(counts[name]),
    ...ends.map((end) => String(counts[`${name} ${end}`] ?? "")),
  ]);
  return renderTable([{ title: "request" }, ...["sent", ...ends].map((title) => ({ title, align: "right" }))], rows);
}

function verdict(violations, renderTable) {
  if (violations.length === 0) return "no promise was broken";
  const rows = violations.map(({ kind, count, example }) => [
    String(count),
    kind,
    example.replaceAll(/\s+/g, " ").slice(0, 160),
  ]);
  return (
    `broken promises\n` +
    `${renderTable([{ title: "times", align: "right" }, { title: "what" }, { title: "the first" }], rows)}`
  );
}

try {
  await main();
} catch (error) {
  process.stderr.write(`soak: ${error.message}\n`);
  process.exitCode = error instanceof TypeError ? 2 : 1;
}
