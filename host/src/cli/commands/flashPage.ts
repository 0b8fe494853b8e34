import { Command } from "commander";
import type { CliContext } from "../context.js";
import type { FlashPageOptions } from "../flashPage.js";
import { addCommonOptions, collect, integerOption } from "../options.js";

const NOTES = `
The page does in a browser what \`flash\` does: it asks the chip, checks everything, writes, verifies, and gives the
board its first settings. It needs Web Serial, which Chrome, Edge and Opera have on computers, and only for pages over
HTTPS or from this machine. The site's folder works on any server of files; it sends nothing anywhere.

Examples:
  synapse-host flash-page --build firmware/build --model lewm.syn
  synapse-host flash-page --build release.zip --model lewm.syn --output site`;

export function flashPageCommand(context: CliContext): Command {
  const command = new Command("flash-page")
    .summary("make a web page that flashes boards")
    .description("Serve a page that flashes boards over Web Serial, or write it as a static site.")
    .option("--build <path>", "folder of `idf.py build`, or a release, to offer; may be repeated", collect, [])
    .option("--model <file>", "packed model (.syn) to offer; may be repeated", collect, [])
    .option("--board <board>", "board file to offer beside those that are known; may be repeated", collect, [])
    .option("--project <name>", "project whose applications are taken", "synapse")
    .option("-o, --output <folder>", "write the site there and serve nothing")
    .option("--port <n>", "port on this machine, 0 for any", integerOption(0, 65_535), 8090)
    .addHelpText("after", NOTES);
  return addCommonOptions(command).action(async (options: FlashPageOptions) => {
    const { flashPage } = await import("../flashPage.js");
    await flashPage(context, options);
  });
}
