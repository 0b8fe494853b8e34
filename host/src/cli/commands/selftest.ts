import { Command, Option } from "commander";
import type { CliContext } from "../context.js";
import { addCommonOptions } from "../options.js";
import type { SelfTestOptions } from "../selftest.js";

const NOTES = `
The board checks each kernel, runs its model's golden vectors, and says what each op has cost: in its processor's
cycles, or, on a simulated board, in microseconds of this machine. With --model, the file that it runs, the estimate of
\`bench\` stands beside.

Over the cable the board needs no network, no owner and no token; it has to run this project's firmware. Over the
network a board that has an owner wants the token, in SYNAPSE_TOKEN: \`synapse-host claim\` prints it.

--report keeps all of it in a file, to send: chip, clocks, memory, partitions, model and figures; no names, addresses,
identities or settings. Exit code 1: a kernel or a vector failed, or none ran.

Examples:
  synapse-host selftest --port /dev/ttyACM0 --model lewm.syn --report report.json
  synapse-host selftest http://synapse-1a2b3c.local --json
  synapse-host selftest --compare before.json after.json`;

export function selfTestCommand(context: CliContext): Command {
  const command = new Command("selftest")
    .summary("let a board test itself and say what its kernels cost")
    .description("Let a board test itself, and lay what its ops cost beside the estimate.")
    .argument("[url]", "address of a board in the network")
    .option("--port <port>", "serial port of the board, or socket:// or rfc2217://host:port")
    .addOption(new Option("--sim <url>", "a simulated chip, as `sim --serial` prints it").conflicts("port"))
    .option("--model <file>", "the packed model (.syn) that it runs, for the estimate")
    .option("--report <file>", "write the report, as JSON, to this file")
    .addOption(
      new Option("--compare <files...>", "lay two reports beside each other instead").conflicts([
        "port",
        "sim",
        "report",
      ]),
    )
    .addHelpText("after", NOTES);
  return addCommonOptions(command).action(async (url: string | undefined, options: SelfTestOptions) => {
    const { selfTest } = await import("../selftest.js");
    await selfTest(context, url, options);
  });
}
