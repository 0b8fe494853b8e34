import { basename } from "node:path";
import { serveTab, type TlsIdentity } from "synapse-sim";
import type { Board } from "synapse-sim/boards";
import { readInput } from "../files/readInput.js";
import { isUntrained, PACK_BYTES_MAX } from "../open/openModelFile.js";
import { readPack } from "../pack/readPack.js";
import type { SlotFit } from "../report/slotFit.js";
import { slotFits } from "./boardFit.js";
import { networkUrl } from "./lanAddress.js";

export interface StartTabRequest {
  readonly board: Board;
  /** Path of the packed model. */
  readonly model: string;
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** HTTPS instead of HTTP. */
  readonly tls?: TlsIdentity | undefined;
}

/** A page that is a board in whatever tab opens it. */
export interface RunningTab {
  readonly board: Board;
  readonly model: { readonly file: string; readonly name: string; readonly untrained: boolean };
  /** As of RunningBoard. */
  readonly slots: readonly SlotFit[];
  readonly url: string;
  readonly lanUrl: string | undefined;
  close(): Promise<void>;
}

/**
 * Serves a board that runs in the browser. Rejects with an InputError when the model does not fit the board or the port
 * is taken.
 */
export async function startTab({ board, model: path, host, port, tls }: StartTabRequest): Promise<RunningTab> {
  const model = await readInput(path, "a .syn file", PACK_BYTES_MAX);
  const { header, fileBytes } = readPack(model, path);
  const server = await serveTab({ board, model, modelSource: path, host, port, ...(tls === undefined ? {} : { tls }) });
  return {
    board,
    model: { file: basename(path), name: header.name, untrained: isUntrained(header.meta ?? {}) },
    slots: slotFits(board, fileBytes),
    url: server.url,
    lanUrl: networkUrl(server),
    close: server.close,
  };
}
