import { Command } from "commander";
import type { SettingsChange } from "synapse-client";
import { inputError } from "../../../files/inputError.js";
import type { CliContext } from "../../context.js";
import { integerOption, numberOption } from "../../options.js";
import { type AskFleetOptions, askFleet } from "./askFleet.js";
import { addFleetOptions } from "./fleetOptions.js";

const NOTES = `
Values are JSON, or text where they are none: telemetry_s=300, open_read=true, name="Hall 3", groups='["hall"]',
broker_url=null. docs/http.md lists the settings. A password is better read from a file: wifi_password=@secret.txt
takes the file's first line.
  synapse-host fleet settings telemetry_s=300 --group hall`;

export function settingsCommand(context: CliContext): Command {
  const command = new Command("settings")
    .summary("show or change the settings of boards")
    .description("Show the settings of boards, or change them: all that is named on a board, or nothing of it.")
    .argument("[changes...]", "setting=value, any number of them; without one, the settings are shown")
    .option("--parallel <n>", "boards that are asked at once", integerOption(1, 256), 16)
    .option("--timeout <s>", "the longest that a board may take to answer", numberOption(1, 600), 15)
    .addHelpText("after", NOTES);
  return addFleetOptions(command).action(async (changes: readonly string[], options: AskFleetOptions) => {
    const change = await changeOf(changes);
    const shown = new Set(changes.length === 0 ? undefined : Object.keys(change));
    await askFleet(
      context,
      "fleet settings",
      options,
      (board, call) => (changes.length === 0 ? board.settings(call) : board.changeSettings(change, call)),
      (answer) =>
        Object.entries(answer as object)
          .filter(([key, value]) => (shown.size === 0 ? isSet(value) : shown.has(key)))
          .map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`)
          .join("  "),
    );
  });
}

const isSet = (value: unknown): boolean =>
  value !== null && value !== "" && value !== false && !(Array.isArray(value) && value.length === 0);

async function changeOf(changes: readonly string[]): Promise<SettingsChange> {
  const change: Record<string, unknown> = {};
  for (const text of changes) {
    const at = text.indexOf("=");
    const key = text.slice(0, Math.max(at, 0));
    if (!/^[a-z_]+$/.test(key) || key in change)
      throw inputError(text, "SETTING_INVALID", key in change ? `${key} is given twice` : "this is no setting", {
        expected: "setting=value, each setting once",
      });
    change[key] = await settingValue(text.slice(at + 1));
  }
  return change as SettingsChange;
}

async function settingValue(text: string): Promise<unknown> {
  if (text.startsWith("@")) {
    const { readInput } = await import("../../../files/readInput.js");
    const bytes = await readInput(text.slice(1), "a file whose first line is the value", 64 << 10);
    return new TextDecoder().decode(bytes).split(/\r?\n/)[0];
  }
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
