import { Command } from "commander";
import { type CliContext, print, printJson } from "../context.js";
import { addCommonOptions, type CommonOptions } from "../options.js";

interface ProvisionCommandOptions extends CommonOptions {
  readonly port: string;
  readonly wifi: string;
  readonly openWifi: boolean;
}

const ANSWER_MS = 5_000;
const JOIN_MS = 60_000;

const NOTES = `
The password is asked for on the terminal, or read from SYNAPSE_WIFI_PASSWORD or the first line of stdin. The board's
firmware has to speak Improv (improv-wifi.com) on that port.

Example:
  synapse-host provision --port /dev/ttyACM0 --wifi "my net"`;

export function provisionCommand(context: CliContext): Command {
  const command = new Command("provision")
    .summary("give a board its Wi-Fi network over its serial port")
    .description("Give a running board the name and password of a Wi-Fi network over its serial port (Improv).")
    .requiredOption("--port <port>", "serial port of the board, or socket://host:port")
    .requiredOption("--wifi <ssid>", "Wi-Fi network that the board joins")
    .option("--open-wifi", "the network has no password", false)
    .addHelpText("after", NOTES);
  return addCommonOptions(command).action(async ({ port, wifi, openWifi, json }: ProvisionCommandOptions) => {
    const [{ askSecret }, { checkSsid, checkWifiPassword }, { findPort }, { provisionPort }] = await Promise.all([
      import("../askSecret.js"),
      import("../../flash/wifi.js"),
      import("../../serial/openPort.js"),
      import("../../serial/provisionPort.js"),
    ]);
    checkSsid(wifi);
    const password = openWifi ? "" : await askSecret(context, "SYNAPSE_WIFI_PASSWORD", `password of ${wifi}`);
    if (!openWifi) checkWifiPassword(password);
    const { signal } = context;
    const found = (await findPort(port)).port;
    const url = await provisionPort(found, { ssid: wifi, password, answerMs: ANSWER_MS, joinMs: JOIN_MS, signal });
    if (json) return printJson(context, { command: "provision", port, ssid: wifi, url: url ?? null });
    return print(context, `the board has joined the network${url === undefined ? "" : `: ${url}`}`);
  });
}
