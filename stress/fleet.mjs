// Many simulated boards on one broker whose links lose packets, on a clock of their own:
// is every command answered exactly once?
import { parseArgs } from "node:util";
import { setup } from "../scripts/setup.mjs";

const HELP = `Usage: node stress/fleet.mjs [options]

  --boards <n>     boards on the broker, 1 to 1000 (default: 500)
  --commands <n>   commands to each, 1 to 100 (default: 1)
  --loss <share>   of the links' packets, 0 to 0.2 (default: 0.05)
  --seed <n>       of what is lost; the same seed does the same again (default: another each time; it is printed)
  --json           one JSON object on standard output
  --help           this text
`;

function options() {
  const { values } = parseArgs({
    options: {
      boards: { type: "string", default: "500" },
      commands: { type: "string", default: "1" },
      loss: { type: "string", default: "0.05" },
      seed: { type: "string", default: String(1 + Math.floor(Math.random() * 1e6)) },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false, short: "h" },
    },
  });
  if (values.help) return undefined;
  const number = (name, low, high, whole = true) => {
    const value = Number(values[name]);
    if (Number.isNaN(value) || value < low || value > high || (whole && !Number.isInteger(value)))
      throw new Error(`--${name} is ${values[name]}; expected ${low} to ${high}`);
    return value;
  };
  return {
    boards: number("boards", 1, 1000),
    commandsPerBoard: number("commands", 1, 100),
    loss: number("loss", 0, 0.2, false),
    seed: number("seed", 1, 2 ** 31),
    json: values.json,
  };
}

async function main() {
  const given = options();
  if (given === undefined) return process.stdout.write(HELP);
  const { json, ...fleet } = given;
  setup();
  if (!json)
    console.log(`seed ${fleet.seed}: ${fleet.boards} boards on one broker, ${100 * fleet.loss} % of all packets lost`);
  const { simulateFleet } = await import("../host/dist/testing/simulatedFleet.js");
  const report = await simulateFleet(fleet);
  const [unanswered, once, often] = report.answers;
  const good =
    once === report.commands &&
    report.ran === report.commands &&
    report.statusesWrong === 0 &&
    report.failures.length === 0;
  if (json) console.log(JSON.stringify({ seed: fleet.seed, loss: fleet.loss, ...report, good }));
  else {
    console.log(
      `  commands         ${report.commands}: answered once ${once}, never ${unanswered}, more often ${often}; run ` +
        `${report.ran} times`,
    );
    console.log(`  sent again       ${report.duplicates} commands that boards had run already, and did not run again`);
    console.log(
      `  links            broke ${report.connectionsLost} times in ${report.packets} packets, ` +
        `${Math.round(report.virtualSeconds)} simulated seconds`,
    );
    console.log(`  retained status  wrong for ${report.statusesWrong} boards`);
    console.log(`  digest           ${report.digest.slice(0, 16)}`);
    for (const failure of report.failures.slice(0, 10)) console.log(`  ${failure}`);
  }
  process.exitCode = good ? 0 : 1;
}

try {
  await main();
} catch (error) {
  console.error(`fleet: ${error.message}`);
  process.exitCode = 2;
}
