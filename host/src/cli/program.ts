import { Command, Help } from "commander";
import { VERSION } from "../files/version.js";
import { benchCommand } from "./commands/bench.js";
import { claimCommand } from "./commands/claim.js";
import { compareCommand } from "./commands/compare.js";
import { compressCommand } from "./commands/compress.js";
import { discoverCommand } from "./commands/discover.js";
import { enginesCommand } from "./commands/engines.js";
import { flashCommand } from "./commands/flash.js";
import { flashPageCommand } from "./commands/flashPage.js";
import { fleetCommand } from "./commands/fleet/fleet.js";
import { inspectCommand } from "./commands/inspect.js";
import { keygenCommand } from "./commands/keygen.js";
import { monitorCommand } from "./commands/monitor.js";
import { packCommand } from "./commands/pack.js";
import { portsCommand } from "./commands/ports.js";
import { provisionCommand } from "./commands/provision.js";
import { runCommand } from "./commands/run.js";
import { selfTestCommand } from "./commands/selftest.js";
import { signCommand } from "./commands/sign.js";
import { simCommand } from "./commands/sim.js";
import { verifyCommand } from "./commands/verify.js";
import { verifyModelCommand } from "./commands/verifyModel.js";
import type { CliContext } from "./context.js";
import { EXIT_CODES_HELP } from "./exitCodes.js";

const ABOUT = "Compile, inspect, run and simulate world models for the ESP32-P4.";

const EPILOGUE = `
Typical use:
  synapse-host pack lewm.safetensors --config lewm --type i8 -o lewm.syn
  synapse-host inspect lewm.syn
  synapse-host run lewm.syn encode photo.jpg
  synapse-host compare lewm.syn lewm.safetensors --images frames/
  synapse-host sim --board waveshare-esp32-p4-wifi6 --model lewm.syn

Every command takes --json (one JSON document on stdout, nothing else) and --help.
NO_COLOR turns colours off, FORCE_COLOR=1 turns them on; SYNAPSE_DEBUG=1 shows the stack of errors.

${EXIT_CODES_HELP}`;

/** What a switch or a list that was not given is needs no word. */
const NOTHING_BY_DEFAULT = / \(default: (?:false|\[\])\)$/;

/** The command line as a commander program. Commands throw; `main` turns that into messages and exit codes. */
export function createProgram(context: CliContext): Command {
  const { paint, paintError } = context;
  const program = new Command("synapse-host");
  program
    .description(ABOUT)
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help of a command")
    .showSuggestionAfterError()
    .configureHelp({
      showGlobalOptions: false,
      optionDescription: (option) => new Help().optionDescription(option).replace(NOTHING_BY_DEFAULT, ""),
      styleTitle: (text) => paint.bold(text),
      styleCommandText: (text) => paint.cyan(text),
      styleSubcommandTerm: (text) => paint.cyan(text),
      styleOptionTerm: (text) => paint.cyan(text),
      styleArgumentTerm: (text) => paint.cyan(text),
    })
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      getOutHelpWidth: () => context.width,
      getErrHelpWidth: () => context.width,
      getOutHasColors: () => paint.isColorSupported,
      getErrHasColors: () => paintError.isColorSupported,
      outputError: (text, write) => write(text.replace(/^error:/, paintError.red("error:"))),
    })
    .addHelpText("after", EPILOGUE)
    .exitOverride();
  for (const create of [
    packCommand,
    compressCommand,
    inspectCommand,
    runCommand,
    compareCommand,
    verifyModelCommand,
    benchCommand,
    simCommand,
    discoverCommand,
    portsCommand,
    flashCommand,
    flashPageCommand,
    monitorCommand,
    provisionCommand,
    claimCommand,
    selfTestCommand,
    fleetCommand,
    keygenCommand,
    signCommand,
    verifyCommand,
    enginesCommand,
  ]) {
    program.addCommand(create(context));
  }
  inherit(program);
  return program;
}

/** Commands that were made by themselves know nothing of the program's settings, nor do their own commands. */
function inherit(parent: Command): void {
  for (const command of parent.commands) {
    command.copyInheritedSettings(parent).showHelpAfterError("(--help says more)");
    inherit(command);
  }
}
