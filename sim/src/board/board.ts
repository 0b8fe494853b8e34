import { readFile } from "node:fs/promises";
import { sharedPictureDecoder } from "../image/pictureDecoder.js";
import { boardModule, defaultBoardEngine } from "./boardBuilds.js";
import type { BoardEngine, BoardOptions } from "./boardOptions.js";
import type { BoardClock } from "./clock.js";
import type { FetchFile } from "./downloads.js";
import { createNativeCore } from "./nativeCore.js";
import { type BoardParts, type DecodeImage, VirtualBoard } from "./virtualBoard.js";
import { createWasmCore } from "./wasmCore.js";

export type { BoardEngine } from "./boardOptions.js";
export type { BoardNetwork, BoardRequest, BoardResponse, OpenRequest, ResponseSink } from "./virtualBoard.js";

export interface SimulatedBoardOptions extends BoardOptions {
  /** Build of core and runtime; `native` unless given, `wasm` where there is no addon. */
  readonly engine?: BoardEngine;
  /** The machine's, unless given. */
  readonly clock?: BoardClock;
  /** How pictures become pixels; in processes of their own, unless given. */
  readonly decodeImage?: DecodeImage;
  /** How it gets the files of updates; the global `fetch`, unless given. */
  readonly fetchFile?: FetchFile;
}

/** A board in this Node process. */
export class SimulatedBoard extends VirtualBoard {
  /** As `VirtualBoard.start`. */
  static async create(options: SimulatedBoardOptions): Promise<SimulatedBoard> {
    const engine = options.engine ?? defaultBoardEngine();
    const parts: BoardParts = {
      createCore: async (coreOptions, port, clock) =>
        engine === "native"
          ? createNativeCore(coreOptions, port, clock)
          : createWasmCore(await readFile(boardModule()), coreOptions, port, clock),
      decodeImage: options.decodeImage ?? sharedPictureDecoder().decode,
      ...(options.clock === undefined ? {} : { clock: options.clock }),
      ...(options.fetchFile === undefined ? {} : { fetchFile: options.fetchFile }),
    };
    const board = new SimulatedBoard(options, engine, parts);
    await board.powerOn(options, parts);
    return board;
  }
}
