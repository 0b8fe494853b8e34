import { Command, Option } from "commander";
import type { CliContext } from "../context.js";
import type { FlashOptions } from "../flash.js";
import { addCommonOptions, integerOption } from "../options.js";

const NOTES = `
Nothing of the flash is changed before everything has been checked: the chip and its silicon revision, the build,
the partitions, the model. Every 256 KiB are verified by MD5. After a pulled cable, the same command with --resume
goes on where it broke.

With --wifi, --broker, --name or --claim the board is yours from its first start: its token is kept for you.
The Wi-Fi password is asked for on the terminal, or read from SYNAPSE_WIFI_PASSWORD or the first line of stdin; it is
never an argument.

Examples:
  synapse-host flash --port /dev/ttyACM0 --build firmware/build --model lewm.syn --wifi "my net"
  synapse-host flash --port /dev/ttyACM0 --model lewm.syn --model-only --board waveshare-esp32-p4-wifi6
  synapse-host flash --build firmware/build --dry-run`;

export function flashCommand(context: CliContext): Command {
  const command = new Command("flash")
    .summary("put firmware, a model and settings on a board")
    .description("Write firmware, a packed model and first settings to the flash of an ESP32-P4, and start it.")
    .option("--port <port>", "serial port of the board, or socket:// or rfc2217://host:port")
    .addOption(new Option("--sim <url>", "a simulated chip, as `sim --serial` prints it").conflicts("port"))
    .option(
      "--build <path>",
      "folder of `idf.py build`, or a release as a folder or a zip; a simulated chip does without",
    )
    .option("--board <board>", "board file, or its name in boards/ (default: the one whose partitions the build has)")
    .option("--model <file>", "packed model (.syn) for the first model slot")
    .addOption(
      new Option("--model-only", "write the model beside the firmware that is there").default(false).conflicts("build"),
    )
    .option("--wifi <ssid>", "Wi-Fi network that the board joins")
    .addOption(new Option("--open-wifi", "the network has no password").default(false))
    .option("--broker <url>", "MQTT broker that it connects to: mqtt://host:port, or mqtts://")
    .option("--name <name>", "what the board is called")
    .option("--claim", "make the board yours, without further settings", false)
    .option("--project <name>", "project whose application is taken", "synapse")
    .option("--own-table", "take the build's partitions where they differ from the board's", false)
    .option("--erase", "erase the whole flash first", false)
    .option("--resume", "keep what an interrupted run has written, as far as the chip confirms it", false)
    .option("--dry-run", "check everything and show the map, without changing anything", false)
    .option("--baud <n>", "speed of the transfer", integerOption(9600, 4_000_000), 921_600)
    .addHelpText("after", NOTES);
  return addCommonOptions(command).action(async (options: FlashOptions) => {
    const { flash } = await import("../flash.js");
    await flash(context, options);
  });
}
