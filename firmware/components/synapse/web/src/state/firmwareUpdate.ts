import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { BoardApi, Device, FirmwareAnswer } from "../api.js";
import { bytesPair } from "../format.js";
import { failing, PageProblem } from "../problem.js";
import type { Board } from "./board.js";
import type { Notices } from "./notices.js";
import type { Upload } from "./upload.js";

/**
 * While the board restarts it is looked for so often. A look that the restart cuts off would otherwise wait for the
 * browser's patience to end.
 */
const LOOK_AGAIN_MS = 1000;
const LOOK_MS_MAX = 4000;

/** A new firmware: sending it, and waiting for the board to come back with it, or with the one before. */
export class FirmwareUpdate {
  readonly upload: Signal<Upload | null> = signal(null);
  /** What the board restarts with, until it answers again. */
  readonly awaited: Signal<FirmwareAnswer | null> = signal(null);
  /** What the board has restarted with in this visit, whatever runs now. */
  readonly tried: Signal<FirmwareAnswer | null> = signal(null);
  readonly busy: ReadonlySignal<boolean> = computed(() => this.upload.value !== null || this.awaited.value !== null);
  readonly note: Signal<string> = signal("");
  readonly #api: BoardApi;
  readonly #board: Board;
  readonly #notices: Notices;
  #request = new AbortController();

  constructor(api: BoardApi, board: Board, notices: Notices) {
    this.#api = api;
    this.#board = board;
    this.#notices = notices;
  }

  async send(file: File): Promise<void> {
    const before = this.#board.device.value;
    if (before === null || this.busy.value) return;
    const request = new AbortController();
    this.#request = request;
    const onProgress = (sentBytes: number) => {
      this.upload.value = { file: file.name, sentBytes, bytes: file.size };
    };
    this.note.value = "";
    const taken = await this.#notices.attempt(async () => {
      checkRoom(file, before.firmware.capacity_bytes);
      onProgress(0);
      return this.#api.uploadFirmware(file, { onProgress, signal: request.signal }).catch((error: unknown) => {
        throw failing("Upload", error);
      });
    });
    this.upload.value = null;
    if (request.signal.aborted) this.note.value = "the upload was stopped";
    else if (taken?.rebooting === true) return this.#follow(taken, before);
    else if (taken !== undefined) this.note.value = `${taken.version} runs from the next start on`;
    void this.#board.refresh();
  }

  /** Stops sending. What runs is untouched. */
  stop(): void {
    this.#request.abort();
  }

  forget(): void {
    this.stop();
    this.awaited.value = null;
    this.tried.value = null;
    this.note.value = "";
  }

  async #follow(taken: FirmwareAnswer, before: Device): Promise<void> {
    this.awaited.value = taken;
    while (this.awaited.value === taken) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
      await this.#board.refresh(AbortSignal.timeout(LOOK_MS_MAX));
      const { device, silence } = this.#board;
      if (silence.value !== null || device.value === null || !hasRestarted(before, device.value)) continue;
      // Its owner may have gone meanwhile.
      if (this.awaited.value === taken) this.tried.value = taken;
      this.awaited.value = null;
    }
  }
}

/** What is too large is not sent at all. */
function checkRoom(file: File, capacityBytes: number): void {
  if (file.size <= capacityBytes) return;
  const [size, room] = bytesPair(file.size, capacityBytes);
  throw new PageProblem(
    `The firmware has ${size}, and the board holds at most ${room}. Nothing was sent.`,
    "expected a smaller firmware",
  );
}

function hasRestarted(before: Device, now: Device): boolean {
  return now.reset.count !== before.reset.count || now.uptime_us < before.uptime_us;
}
