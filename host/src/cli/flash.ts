import { flashBoard } from "../boards/flashBoard.js";
import { inputError } from "../files/inputError.js";
import type { FirstSettings } from "../flash/factoryFlash.js";
import { transferSpeed } from "../flash/transferSpeed.js";
import { checkSsid, checkWifiPassword } from "../flash/wifi.js";
import type { WriteProgress } from "../flash/writeFlash.js";
import { formatBytes } from "../report/format.js";
import { flashText } from "../report/text/flashText.js";
import { askSecret } from "./askSecret.js";
import { type CliContext, note, print, printJson } from "./context.js";
import type { CommonOptions } from "./options.js";
import { createProgress } from "./progress.js";

export interface FlashOptions extends CommonOptions {
  readonly port?: string;
  readonly sim?: string;
  readonly build?: string;
  readonly board?: string;
  readonly model?: string;
  readonly modelOnly: boolean;
  readonly wifi?: string;
  readonly openWifi: boolean;
  readonly broker?: string;
  readonly name?: string;
  readonly claim: boolean;
  readonly project: string;
  readonly ownTable: boolean;
  readonly erase: boolean;
  readonly resume: boolean;
  readonly dryRun: boolean;
  readonly baud: number;
}

/** Flashes a board and says what was done. Rejects with an InputError. */
export async function flash(context: CliContext, options: FlashOptions): Promise<void> {
  checkOptions(options);
  const settings = await settingsOf(context, options);
  const progress = await createProgress(context, "flash");
  const speed = speedometer((done, total, label) => progress.update(done, total, label));
  let begun = false;
  try {
    const report = await flashBoard({
      port: options.port ?? options.sim,
      build: options.build,
      standIn: options.sim !== undefined && options.build === undefined && !options.modelOnly,
      board: options.board,
      model: options.model,
      settings,
      demands: { project: options.project, ownTable: options.ownTable },
      baudRate: options.baud,
      erase: options.erase,
      resume: options.resume,
      dryRun: options.dryRun,
      env: context.env,
      signal: context.signal,
      progress: (at) => {
        begun = true;
        speed(at);
      },
    });
    progress.stop();
    for (const warning of report.warnings) note(context, `${context.paintError.yellow("warning:")} ${warning}`);
    if (options.json) printJson(context, { command: "flash", ...report });
    else print(context, flashText(context, report));
  } catch (error) {
    progress.stop();
    if (begun && context.signal.aborted)
      note(context, "the board is written in part; the same command with --resume goes on");
    throw error;
  } finally {
    progress.stop();
  }
}

function checkOptions(options: FlashOptions): void {
  const fail = (code: string, message: string, expected: string) => {
    throw inputError("flash", code, message, { expected });
  };
  if (options.port === undefined && options.sim === undefined && !options.dryRun)
    fail("PORT_NEEDED", "no board is named", "--port or --sim; `synapse-host ports` lists what is plugged in");
  if (options.modelOnly && options.model === undefined)
    fail("MODEL_NEEDED", "--model-only needs a model", "--model with a packed model (.syn)");
  if (!options.modelOnly && options.build === undefined && options.sim === undefined)
    fail("BUILD_NEEDED", "there is no firmware to write", "--build, or --model-only beside a firmware that is there");
  if (options.erase && options.modelOnly)
    fail("ERASE_WITHOUT_BUILD", "--erase takes the firmware away", "a --build to be written afterwards");
  if (options.erase && options.resume)
    fail("ERASE_AND_RESUME", "--erase takes away what --resume would keep", "one of the two");
}

async function settingsOf(context: CliContext, options: FlashOptions): Promise<FirstSettings | undefined> {
  const { wifi, broker, name, claim, openWifi } = options;
  if (wifi === undefined && broker === undefined && name === undefined && !claim) return undefined;
  const settings = {
    ...(name === undefined ? {} : { name }),
    ...(broker === undefined ? {} : { broker_url: broker }),
  };
  if (wifi === undefined) return settings;
  checkSsid(wifi);
  if (openWifi) return { ...settings, wifi_ssid: wifi };
  const password = await askSecret(context, "SYNAPSE_WIFI_PASSWORD", `password of ${wifi}`);
  checkWifiPassword(password);
  return { ...settings, wifi_ssid: wifi, wifi_password: password };
}

/** Tells speed and remaining time beside the region. */
function speedometer(show: (done: number, total: number, label: string) => void): (progress: WriteProgress) => void {
  const speed = transferSpeed();
  return (at) => {
    const { bytesPerSecond, secondsLeft } = speed(at);
    show(at.doneBytes, at.totalBytes, `${formatBytes(bytesPerSecond)}/s, ${secondsLeft} s left, ${at.region}`);
  };
}
