import { UnexpectedAnswer } from "./errors.js";

export interface ServerEvent {
  readonly name: string;
  readonly data: unknown;
}

/** What a schema of openapi.json says of a stream's events, as `readEvents` gives them. */
export type EventOf<Described extends { readonly event: string; readonly data: unknown }> = Described extends unknown
  ? { readonly name: Described["event"]; readonly data: Described["data"] }
  : never;

/**
 * Server-sent events (HTML Living Standard, section 9.2) whose data are JSON.
 * Ends the request when its reader stops early.
 */
export async function* readEvents(stream: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    while (true) {
      const { done, value } = await reader.read();
      rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
      const blocks = rest.split(/\r?\n\r?\n/);
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = parse(block);
        if (event !== undefined) yield event;
      }
      if (done) break;
    }
    if (rest.trim() !== "") throw new UnexpectedAnswer("the events broke off in the middle of one");
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Undefined: a block without data, such as the comments by which proxies keep connections open, is no event. */
function parse(block: string): ServerEvent | undefined {
  let name = "message";
  const data: string[] = [];
  for (const line of block.split(/\r?\n/)) {
    const [, field, value = ""] = /^([a-z]+):? ?(.*)$/s.exec(line) ?? [];
    if (field === "event") name = value;
    if (field === "data") data.push(value);
  }
  if (data.length === 0) return undefined;
  try {
    return { name, data: JSON.parse(data.join("\n")) };
  } catch {
    throw new UnexpectedAnswer(`event "${name}" is not JSON`);
  }
}
