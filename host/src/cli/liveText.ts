import type { TextStream } from "./context.js";

/** Text that is drawn again in its place. */
export interface LiveText {
  draw(text: string): void;
}

const CLEAR_BELOW = "\u001b[J";
/** Lines that are wider than the terminal end at its edge: the next text could not be drawn over those that wrap. */
const NO_WRAP = "\u001b[?7l";
const WRAP = "\u001b[?7h";

/** On a terminal each text replaces the one before; elsewhere one is written only when it differs. */
export function liveText(stream: TextStream & { readonly rows?: number | undefined }): LiveText {
  let lines = 0;
  let before = "";
  return {
    draw(text) {
      if (stream.isTTY !== true) {
        if (text !== before) stream.write(`${text}\n`);
        before = text;
        return;
      }
      // What is higher than the terminal cannot be drawn over: its lowest lines would be written again and again.
      const shown = text.split("\n").slice(0, Math.max((stream.rows ?? 24) - 1, 1));
      const up = lines > 0 ? `\u001b[${lines}A\r` : "";
      stream.write(`${up}${CLEAR_BELOW}${NO_WRAP}${shown.join("\n")}${WRAP}\n`);
      lines = shown.length;
    },
  };
}
