import { Command } from "commander";
import type { EngineStatus } from "../../open/openEngine.js";
import { type CliContext, print, printJson } from "../context.js";
import { addCommonOptions } from "../options.js";

export function enginesCommand(context: CliContext): Command {
  const command = new Command("engines")
    .summary("show which builds of the runtime work here")
    .description(
      "Show which builds of the runtime work on this machine, the instruction set each uses, and why one does not.",
    );
  return addCommonOptions(command).action(async (options: { json?: boolean }) => {
    const { listEngines } = await import("../../open/openEngine.js");
    const engines = await listEngines();
    if (options.json) return printJson(context, { command: "engines", engines });
    return print(context, await enginesText(context, engines));
  });
}

async function enginesText({ paint }: CliContext, engines: readonly EngineStatus[]): Promise<string> {
  const { renderTable } = await import("../../report/table.js");
  const rows = engines.map(({ name, available, isa, reason, about }) => [
    paint.cyan(name),
    available ? paint.green("ready") : paint.yellow("missing"),
    isa ?? "",
    reason ?? about,
  ]);
  return renderTable([{ title: "engine" }, { title: "" }, { title: "instructions" }, { title: "" }], rows, paint.dim);
}
