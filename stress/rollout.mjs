// A model for hundreds of simulated boards on one broker, some of which lose their power in the middle of it:
// do all end with it?
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { setup } from "../scripts/setup.mjs";

const HELP = `Usage: node stress/rollout.mjs [options]

  --boards <n>   boards on the broker, 2 to 1000 (default: 500)
  --cut <share>  of the boards that lose their power at a random flash operation, 0 to 1 (default: 0.1)
  --seed <n>     of who that is, and when (default: another each time; it is printed)
  --json         one JSON object on standard output
  --help         this text
`;

const { values } = parseArgs({
  options: {
    boards: { type: "string", default: "500" },
    cut: { type: "string", default: "0.1" },
    seed: { type: "string", default: String(1 + Math.floor(Math.random() * 1e6)) },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false, short: "h" },
  },
});

function number(name, low, high) {
  const value = Number(values[name]);
  if (!(value >= low && value <= high)) throw new Error(`--${name} is ${values[name]}; expected ${low} to ${high}`);
  return value;
}

async function main() {
  if (values.help) return process.stdout.write(HELP);
  const [boards, cut, seed] = [number("boards", 2, 1000), number("cut", 0, 1), number("seed", 1, 2 ** 31)];
  setup();
  if (!values.json) console.log(`seed ${seed}: ${boards} boards on one broker, ${Math.round(cut * boards)} lose power`);
  const { simulateRollOut } = await import("../host/dist/testing/simulatedRollOut.js");
  const folder = mkdtempSync(join(tmpdir(), "synapse-rollout-"));
  try {
    const report = await simulateRollOut({
      boards,
      cut: Math.round(cut * boards),
      seed,
      folder,
      writeFile: writeFileSync,
    });
    const good = report.finished && report.updated === boards && report.running === boards;
    if (values.json) console.log(JSON.stringify({ seed, ...report, good }));
    else {
      console.log(`  updated    ${report.updated} of ${boards}, ${report.failed} failed, ${report.unreached} away`);
      console.log(`  running    ${report.running} say that they run it, each one model`);
      console.log(`  restarts   ${report.restarts} boards lost their power and came back`);
      if (report.stopped !== undefined) console.log(`  stopped    ${report.stopped}`);
    }
    process.exitCode = good ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  console.error(`rollout: ${error.message}`);
  process.exitCode = 2;
}
