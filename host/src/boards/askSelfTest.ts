import { BoardError, SynapseClient } from "synapse-client";
import type { z } from "zod";
import { inputError } from "../files/inputError.js";
import { parseJsonObject } from "../files/strictJson.js";
import { VERSION } from "../files/version.js";
import type { FlashPort } from "../flash/espChip.js";
import { boardFailure } from "../owner/boardFailure.js";
import { deviceAnswer, type SelfTestFile, selfTestAnswer } from "../report/selfTestReport.js";
import { CableQuestions } from "../serial/askCable.js";

/** Of questions to a board, with the status and body of its answer. */
type Ask = (method: string, target: string) => Promise<{ readonly status: number; readonly body: Uint8Array }>;

const HEARD_MS = 4_000;
/** A large model's vectors take a minute and more on a chip. */
const WORK_MS = 300_000;
/** Of the board's log: nothing that says whose it is, or where. */
const KEPT_LINES = /partition |memory for |^slot |chip revision |PSRAM runs|less memory|library/;

/**
 * Lets a board behind a serial port test itself, and answers the report. Rejects with an InputError: those of
 * `CableQuestions.ask`, or `BOARD_ANSWER` when it answers what no board of ours answers.
 */
export function selfTestOverCable(
  port: FlashPort,
  signal: AbortSignal,
  patience = { heardMs: HEARD_MS, silenceMs: WORK_MS },
): Promise<SelfTestFile> {
  return CableQuestions.with(port, { ...patience, signal }, (questions) =>
    selfTest((method, target) => questions.ask(method, target), port.name, "cable"),
  );
}

/** The same over the network, with the owner's token where the board asks for it. */
export async function selfTestOverNetwork(
  url: string,
  token: string | undefined,
  signal: AbortSignal,
): Promise<SelfTestFile> {
  const client = new SynapseClient({ url, ...(token === undefined ? {} : { token }) });
  const call = { signal, timeoutMs: WORK_MS };
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    "/v1/device": () => client.device(call),
    "/v1/selftest": () => client.selftest(call),
    "/v1/log": () => client.log({}, call),
  };
  try {
    return await selfTest(
      async (_, target) => {
        try {
          const answer = await (calls[target] as () => Promise<unknown>)();
          return { status: 200, body: new TextEncoder().encode(JSON.stringify(answer)) };
        } catch (error) {
          // A board that has no model says so, and is reported all the same.
          if (!(error instanceof BoardError) || error.status < 500) throw error;
          const { code, message: detail } = error;
          return { status: error.status, body: new TextEncoder().encode(JSON.stringify({ code, detail })) };
        }
      },
      url,
      "network",
    );
  } catch (error) {
    throw boardFailure(error, url);
  }
}

async function selfTest(ask: Ask, source: string, over: SelfTestFile["over"]): Promise<SelfTestFile> {
  const device = await answered(ask, "GET", "/v1/device", source, deviceAnswer);
  const tested = await ask("POST", "/v1/selftest");
  const log = await ask("GET", "/v1/log");
  const about = { schema: 1, kind: "synapse-selftest", made: new Date().toISOString(), host: VERSION, over } as const;
  const shared = { ...about, device, log: linesOf(log) };
  if (tested.status === 200)
    return { ...shared, selftest: read(tested.body, "POST /v1/selftest", source, selfTestAnswer) };
  return { ...shared, selftest: null, problem: problemOf(tested) };
}

async function answered<Schema extends z.ZodType>(
  ask: Ask,
  method: string,
  target: string,
  source: string,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const answer = await ask(method, target);
  if (answer.status === 200) return read(answer.body, `${method} ${target}`, source, schema);
  throw inputError(source, "BOARD_ANSWER", `${method} ${target} is answered ${problemOf(answer)}`, {
    expected: "a board that runs this project's firmware",
  });
}

function read<Schema extends z.ZodType>(
  body: Uint8Array,
  what: string,
  source: string,
  schema: Schema,
): z.infer<Schema> {
  const parsed = schema.safeParse(jsonOf(body));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? "" : ` at ${issue.path.join(".")}`;
  throw inputError(source, "BOARD_ANSWER", `what it answers to ${what} is no such answer${place}`, {
    expected: "a board that runs this project's firmware, of this version or later",
  });
}

function jsonOf(body: Uint8Array): unknown {
  try {
    return parseJsonObject(body, "", "ANSWER");
  } catch {
    return undefined;
  }
}

function problemOf({ status, body }: { readonly status: number; readonly body: Uint8Array }): string {
  const { code, detail } = (jsonOf(body) ?? {}) as { readonly code?: unknown; readonly detail?: unknown };
  return [status, typeof code === "string" ? code : "", typeof detail === "string" ? detail : ""]
    .filter((part) => part !== "")
    .join(" ");
}

function linesOf({ status, body }: { readonly status: number; readonly body: Uint8Array }): string[] {
  const { entries } = ((status === 200 ? jsonOf(body) : undefined) ?? {}) as { readonly entries?: unknown };
  if (!Array.isArray(entries)) return [];
  return entries
    .map((entry: { readonly text?: unknown }) => entry?.text)
    .filter((text): text is string => typeof text === "string" && KEPT_LINES.test(text));
}
