import sharp from "sharp";
import { decodeImage } from "synapse-engine";

// Decodes pictures, one after another, for the process that has started this one (pictureDecoder.ts).

export interface ToDecoder {
  readonly bytes: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** A picture's pixels, or why there are none. */
export type FromDecoder = { readonly rgb: Uint8Array } | { readonly problem: string };

// With a callback a message that is under way when the parent ends is lost without a word.
const say = (message: FromDecoder): void => void process.send?.(message, () => undefined);

// What was decoded is not kept: the next picture is another one.
sharp.cache(false);
process.on("message", ({ bytes, width, height }: ToDecoder) => {
  decodeImage(bytes, { width, height }).then(
    (rgb) => say({ rgb }),
    (error: Error) => say({ problem: error.message }),
  );
});
process.on("disconnect", () => process.exit(0));
// Ctrl-C in a terminal is for all processes there; this one ends with the one that it works for.
process.on("SIGINT", () => undefined);
