import type { Board } from "../../board/boardSchema.js";

/** What the server puts beside the page for the worker to start from; relative to the page. */
export const TAB_FILES = { board: "board.json", core: "board.wasm", model: "model.syn" } as const;

/** `board.json`: the board file, and how the model is called. */
export interface TabBoard {
  readonly board: Board;
  readonly modelSource: string;
}

/** From the worker, once: whether there is a board now. */
export type StartMessage =
  | { readonly kind: "running"; readonly ownerToken: string }
  | { readonly kind: "failed"; readonly message: string };

/** From the page, with one end of a channel that carries the rest of the exchange. */
export interface RequestMessage {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** From the page: the body in pieces, each sent when the one before was taken; its end; or the client leaves. */
export type PageMessage =
  | { readonly kind: "body"; readonly bytes: ArrayBuffer }
  | { readonly kind: "end" }
  | { readonly kind: "close" };

/**
 * From the board: one head, chunks, one end; and in between that a piece of the body was taken.
 * `whole` as of ResponseSink.
 */
export type BoardMessage =
  | { readonly kind: "head"; readonly status: number; readonly headers: readonly (readonly [string, string])[] }
  | { readonly kind: "chunk"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "taken" }
  | { readonly kind: "end"; readonly whole: boolean };
