import type { OpenRequest, ResponseSink } from "../board/board.js";
import { type BoardEngine, type BoardRequest, type BoardResponse, SimulatedBoard } from "../board/board.js";
import type { Board } from "../board/boardSchema.js";
import { MODEL, testBoard } from "../board/boardSuite.js";
import type { ResetReason } from "../board/deviceAbi.js";
import type { PowerCut } from "../board/deviceCore.js";
import { SkippingClock } from "./skippingClock.js";

/** A board as the suites handle it, whatever it is made of. */
export interface TestedBoard {
  readonly ownerToken: string | undefined;
  readonly running: boolean;
  handle(request: BoardRequest): Promise<BoardResponse>;
  open(head: Omit<BoardRequest, "body">, sink: ResponseSink): OpenRequest;
  /** Erases and writes since it started; also of a board whose power has just gone. */
  flashOperations(): Promise<number>;
  /** Power goes in the middle of the flash operation `after` operations from now. */
  cutPower(after: number, cut: PowerCut): Promise<void>;
  reset(reason?: ResetReason): Promise<void>;
  setLink(up: boolean): Promise<void>;
  /** Puts its clock forward. */
  skip(seconds: number): Promise<void>;
  close(): Promise<void>;
}

export interface TestedBoardOptions {
  readonly board?: Board;
  readonly model?: Uint8Array;
  readonly access?: "open" | "unclaimed";
  readonly updateKeys?: readonly Uint8Array[];
  readonly log?: (text: string) => void;
}

/** How boards of one kind are made; they have a model, unless told otherwise, and the board file of the tests. */
export interface BoardKind {
  readonly title: string;
  readonly engine: BoardEngine | "esp32p4";
  create(options?: TestedBoardOptions): Promise<TestedBoard>;
}

/** Boards in this process. */
export function simulatedKind(engine: BoardEngine): BoardKind {
  return {
    title: `the ${engine} board`,
    engine,
    create: async ({ board = testBoard(), model = MODEL, log, ...options } = {}) => {
      const clock = new SkippingClock();
      const told = log === undefined ? {} : { log: (_level: string, text: string) => log(text) };
      const made = await SimulatedBoard.create({ board, model, engine, clock, ...told, ...options });
      return {
        get ownerToken() {
          return made.ownerToken;
        },
        get running() {
          return made.running;
        },
        handle: (request) => made.handle(request),
        open: (head, sink) => made.open(head, sink),
        flashOperations: async () => made.flashOperations,
        cutPower: async (after, cut) => made.cutPower(after, cut),
        reset: (reason) => made.reset(reason),
        setLink: async (up) => made.setLink(up),
        skip: (seconds) => {
          clock.skip(seconds);
          return clock.turn();
        },
        close: () => made.close(),
      };
    },
  };
}
