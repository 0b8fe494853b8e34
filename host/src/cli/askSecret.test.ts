import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { askTerminal, type TypedTerminal } from "./askSecret.js";
import { createContext } from "./context.js";

/** A terminal on which `typed` was typed, and what was done to it. */
function terminalWith(typed: string) {
  const modes: string[] = [];
  const terminal: TypedTerminal = Object.assign(new PassThrough(), {
    // A terminal that is gone stays in the mode that it is in.
    setRawMode: (raw: boolean) => modes.push(`${raw ? "raw" : "as before"}${terminal.destroyed ? ", too late" : ""}`),
  });
  (terminal as unknown as PassThrough).write(typed);
  return { terminal, modes };
}

async function ask(typed: string) {
  let shown = "";
  const stderr = { write: (text: string) => (shown += text) };
  const { terminal, modes } = terminalWith(typed);
  const context = createContext({ write: () => undefined }, stderr, {}, new AbortController().signal);
  return { secret: await askTerminal(context, "password of my net", terminal), shown, modes };
}

test("a secret is typed unseen, with its corrections, and the terminal is as before", async () => {
  expect(await ask("hunt\u007f\u007f\u007f\u007fcorrect horse\rnext")).toEqual({
    secret: "correct horse",
    shown: "password of my net: \n",
    modes: ["raw", "as before"],
  });
  expect((await ask("\u{1f600}\u{1f601}\bx\n")).secret).toBe("\u{1f600}x");
});
