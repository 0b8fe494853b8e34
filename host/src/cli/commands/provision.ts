import { Command, Option } from "commander";
import { type CliContext, print, printJson } from "../context.js";
import { addCommonOptions, type CommonOptions } from "../options.js";

interface ProvisionCommandOptions extends CommonOptions {
  readonly port?: string;
  readonly sim?: string;
  readonly wifi: string;
  readonly openWifi: boolean;
}

const ANSWER_MS = 5_000;
const JOIN_MS = 60_000;

const NOTES = `
The password is asked for on the terminal and not shown, or read from SYNAPSE_WIFI_PASSWORD or the first line of stdin.
It goes over the cable, and lies in the board's flash, as it is.

The board has to run: its firmware listens for Improv (improv-wifi.com) on its console, as this project's does. Tried
against a simulated chip, whose console is the same code; no board has been set up with it yet.

Examples:
  synapse-host provision --port /dev/ttyACM0 --wifi "my net"
  synapse-host provision --sim socket://127.0.0.1:2217 --wifi cafe --open-wifi`;

export function provisionCommand(context: CliContext): Command {
  const command = new Command("provision")
    .summary("give a board its Wi-Fi network over its serial port")
    .description("Give a running board the name and password of a Wi-Fi network over its serial port (Improv).")
    .option("--port <port>", "serial port of the board, or socket:// or rfc2217://host:port")
    .addOption(new Option("--sim <url>", "a simulated chip, as `sim --serial` prints it").conflicts("port"))
    .requiredOption("--wifi <ssid>", "Wi-Fi network that the board joins")
    .option("--open-wifi", "the network has no password", false)
    .addHelpText("after", NOTES);
  return addCommonOptions(command).action(async ({ wifi, openWifi, json, ...given }: ProvisionCommandOptions) => {
    const [{ askSecret }, { portOf }, { checkSsid, checkWifiPassword }, { findPort }, { provisionPort }] =
      await Promise.all([
        import("../askSecret.js"),
        import("../portOption.js"),
        import("../../flash/wifi.js"),
        import("../../serial/openPort.js"),
        import("../../serial/provisionPort.js"),
      ]);
    const port = portOf(given);
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
