import { getRandomValues } from "node:crypto";
import { boardAddon } from "./boardBuilds.js";
import { type BoardClock, realClock } from "./clock.js";
import type { BoardQueries, DeviceEvents, DevicePort, ErrorInfo } from "./deviceAbi.js";
import {
  type BoardControls,
  type CoreOptions,
  type CorePort,
  type DeviceCore,
  FLASH_AREAS,
  type FlashArea,
  type LoadFailure,
  loadFailure,
  outsideCalls,
  type PowerCut,
  type ResetReason,
} from "./deviceCore.js";

type Handle = object;
/** The functions of `Of`, each with the board first. */
type OnBoard<Of> = { [Name in keyof Of]: (board: Handle, ...given: readonly unknown[]) => unknown };

/** sim/native/board_binding.zig. */
interface Addon {
  boardCreate(options: Uint8Array, port: object, stepped: number): Handle;
  boardProgram(board: Handle, area: number, bytes: Uint8Array): number;
  boardFlash(board: Handle, area: number): Uint8Array;
  boardBoot(board: Handle): number;
  boardRestart(board: Handle, reason: ResetReason): void;
  boardCutPower(board: Handle, after: number, cut: PowerCut): void;
  boardSetWifi(board: Handle, nameAndPassword: Uint8Array): number;
  boardNow(board: Handle): number;
  boardClose(board: Handle): void;
  readonly events: OnBoard<DeviceEvents>;
  readonly queries: OnBoard<BoardQueries>;
}

/**
 * The device core in the Node addon. Inference runs on a thread of its own, so requests are answered meanwhile; but
 * with a clock other than the machine's, on the calling thread when the clock says so.
 */
export function createNativeCore(options: CoreOptions, port: CorePort, clock: BoardClock = realClock): DeviceCore {
  const addon = boardAddon() as Addon;
  const board = new NativeBoard(addon, options, port, clock);
  // A core that was closed hears nothing.
  const events = onBoard<DeviceEvents>(addon.events, (call, given) =>
    board.closed ? undefined : call(board.handle, ...given),
  );
  const queries = onBoard<BoardQueries>(addon.queries, (call) => call(board.handle));
  // The board reads the clock itself when it ticks.
  const { tick: _, ...heard } = events;
  return Object.assign(board, heard, queries);
}

function onBoard<Of>(
  functions: OnBoard<Of>,
  run: (call: OnBoard<Of>[keyof Of], given: readonly unknown[]) => unknown,
): Of {
  const bound = Object.entries(functions).map(([name, call]) => [
    name,
    (...given: readonly unknown[]) => run(call as OnBoard<Of>[keyof Of], given),
  ]);
  return Object.fromEntries(bound) as Of;
}

class NativeBoard implements BoardControls {
  readonly handle: Handle;
  closed = false;
  #addon: Addon;
  /** Of restarts that have not come yet: one comes for all of them. */
  #restarting: ((result: number) => void)[] = [];

  constructor(addon: Addon, options: CoreOptions, port: CorePort, clock: BoardClock) {
    this.#addon = addon;
    const own: Pick<DevicePort, "ticksUs" | "random" | "startWork"> = {
      ticksUs: () => clock.nowUs(),
      random: (out) => void getRandomValues(out),
      startWork: () => void clock.after(0, () => this.#work()),
    };
    const calls = Object.assign(Object.create(port), own, {
      restarted: (result: number) => this.#tellRestarted(result),
    });
    this.handle = addon.boardCreate(
      new TextEncoder().encode(JSON.stringify(options)),
      calls,
      clock === realClock ? 0 : 1,
    );
  }

  #work(): void {
    if (!this.closed) this.#addon.events.work(this.handle);
    if (!this.closed) this.#addon.events.workDone(this.handle);
  }

  program(area: FlashArea, bytes: Uint8Array): boolean {
    return this.#addon.boardProgram(this.handle, FLASH_AREAS.indexOf(area), bytes) === 1;
  }

  readFlash(area: FlashArea): Uint8Array {
    return this.#addon.boardFlash(this.handle, FLASH_AREAS.indexOf(area));
  }

  boot(): LoadFailure | undefined {
    return this.#failureOf(this.#addon.boardBoot(this.handle));
  }

  async restart(reason: ResetReason): Promise<LoadFailure | undefined> {
    await outsideCalls();
    if (this.closed) return undefined;
    return new Promise((resolve) => {
      this.#restarting.push((result) => resolve(this.#failureOf(result)));
      this.#addon.boardRestart(this.handle, reason);
    });
  }

  #tellRestarted(result: number): void {
    for (const tell of this.#restarting.splice(0)) tell(result);
  }

  cutPower(after: number, cut: PowerCut): void {
    if (!this.closed) this.#addon.boardCutPower(this.handle, after, cut);
  }

  setWifi(ssid: string, password: string): boolean {
    const given = new TextEncoder().encode(`${ssid}\0${password}`);
    return !this.closed && this.#addon.boardSetWifi(this.handle, given) === 1;
  }

  #failureOf(result: number): LoadFailure | undefined {
    if (result === 0 || this.closed) return undefined;
    return loadFailure(result, this.#addon.queries.bootError(this.handle) as ErrorInfo);
  }

  tick(): void {
    if (!this.closed) this.#addon.events.tick(this.handle, this.#addon.boardNow(this.handle));
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await outsideCalls();
    this.#addon.boardClose(this.handle);
    // A restart that waited for the work under way will not come any more.
    this.#tellRestarted(0);
  }
}
