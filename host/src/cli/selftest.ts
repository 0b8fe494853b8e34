import { selfTestOverCable, selfTestOverNetwork } from "../boards/askSelfTest.js";
import { laySelfTest, type TestedModel } from "../boards/laySelfTest.js";
import { readSelfTest } from "../boards/readSelfTest.js";
import { atomicWrite } from "../files/atomicWrite.js";
import { inputError } from "../files/inputError.js";
import { readInput } from "../files/readInput.js";
import { PACK_BYTES_MAX } from "../open/openModelFile.js";
import { checkedUrl } from "../owner/boardFailure.js";
import { readPack } from "../pack/readPack.js";
import type { SelfTestFile } from "../report/selfTestReport.js";
import { selfTestComparisonText, selfTestText } from "../report/text/selfTestText.js";
import { findPort } from "../serial/openPort.js";
import { type CliContext, note, print, printJson } from "./context.js";
import { ExitRequest } from "./errors.js";
import { EXIT } from "./exitCodes.js";
import type { CommonOptions } from "./options.js";
import { portOf } from "./portOption.js";

export interface SelfTestOptions extends CommonOptions {
  readonly port?: string;
  readonly sim?: string;
  readonly model?: string;
  readonly report?: string;
  readonly compare?: readonly string[];
}

/** Lets a board test itself, or lays two reports beside each other. Rejects with an InputError. */
export async function selfTest(context: CliContext, url: string | undefined, options: SelfTestOptions): Promise<void> {
  const model = options.model === undefined ? undefined : await modelOf(options.model);
  if (options.compare !== undefined) return compare(context, url, options.compare, model, options);
  const file = await asked(context, url, options);
  if (options.report !== undefined) {
    await atomicWrite(options.report, `${JSON.stringify(file, undefined, 1)}\n`);
    note(context, context.paintError.dim(`the report is in ${options.report}`));
  }
  const report = await laySelfTest(file, model);
  if (options.json) printJson(context, report);
  else print(context, selfTestText(context, report));
  if (!report.passed) throw new ExitRequest(EXIT.failure);
}

async function asked(
  { env, signal }: CliContext,
  url: string | undefined,
  options: SelfTestOptions,
): Promise<SelfTestFile> {
  if (url === undefined) return selfTestOverCable((await findPort(portOf(options))).port, signal);
  if (options.port !== undefined || options.sim !== undefined) {
    throw inputError("options", "BOARD_TWICE", "a board is named by its address and by its port", {
      expected: "one of the two",
    });
  }
  // A token that was kept is sent nowhere by itself: whoever answers at an address may be another.
  return selfTestOverNetwork(checkedUrl(url), env.SYNAPSE_TOKEN, signal);
}

async function compare(
  context: CliContext,
  url: string | undefined,
  files: readonly string[],
  model: TestedModel | undefined,
  { json }: SelfTestOptions,
): Promise<void> {
  const [first, second] = files;
  if (first === undefined || second === undefined || files.length !== 2 || url !== undefined) {
    throw inputError("--compare", "COMPARE_TWO", `${files.length} files are given`, { expected: "two reports" });
  }
  const one = await laySelfTest(await readSelfTest(first), model);
  const other = await laySelfTest(await readSelfTest(second), model);
  if (json) printJson(context, { command: "selftest", first: one, second: other });
  else print(context, selfTestComparisonText(context, [one, other]));
}

async function modelOf(path: string): Promise<TestedModel> {
  const { header, sha256 } = readPack(await readInput(path, "a .syn file", PACK_BYTES_MAX), path);
  return { source: path, sha256, header };
}
