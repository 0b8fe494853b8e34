import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { DIGEST_PLACE, digestText, type SlotPort, type UploadFile, uploadToSlot } from "synapse-client/slotUpload";
import type { BoardApi, Slot } from "../api.js";
import { bytesPair, countText } from "../format.js";
import { BoardProblem, failing, PageProblem, Unreachable } from "../problem.js";
import type { Board } from "./board.js";
import type { Notices } from "./notices.js";
import type { Upload } from "./upload.js";

export interface SlotUpload extends Upload {
  readonly slot: string;
}

/** Models on the board: sending one, trying it, running it. */
export class Slots {
  readonly upload: Signal<SlotUpload | null> = signal(null);
  /** The slot whose model is being tried. */
  readonly trying: Signal<string | null> = signal(null);
  readonly busy: ReadonlySignal<boolean> = computed(() => this.upload.value !== null || this.trying.value !== null);
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

  /** Sends the file, or what the board lacks of it when an upload of the same file broke off. */
  async send(slot: string, file: File): Promise<void> {
    const request = new AbortController();
    this.#request = request;
    const told = (sentBytes: number) => {
      this.upload.value = { slot, file: file.name, sentBytes, bytes: file.size };
    };
    this.note.value = "";
    await this.#notices.attempt(async () => {
      this.#checkRoom(slot, file);
      told(0);
      await uploadToSlot(await uploadFileOf(file), this.#portOf(slot, file, told, request.signal), told).catch(
        (error: unknown) => {
          throw failing("Upload", error);
        },
      );
      this.note.value = `${slot} holds ${file.name}`;
    });
    this.upload.value = null;
    void this.#board.refresh();
  }

  /** Stops sending. What has arrived stays: the same file goes on from there. */
  stop(): void {
    this.#request.abort();
  }

  async activate(slot: string): Promise<void> {
    this.trying.value = slot;
    this.note.value = "testing the model on the board";
    const answer = await this.#notices.attempt(() => this.#api.activate(slot));
    this.note.value =
      answer === undefined ? "" : `runs ${answer.name}, which passed its ${countText(answer.vectors_passed, "test")}`;
    await this.#board.refresh();
    this.trying.value = null;
  }

  #portOf(slot: string, file: File, told: (sentBytes: number) => void, signal: AbortSignal): SlotPort {
    return {
      look: () => this.#api.slot(slot, signal),
      send: (begin, end, headers) =>
        this.#api.sendPart(slot, file.slice(begin, end), headers, {
          onProgress: (sentBytes) => told(begin + sentBytes),
          signal,
        }),
      wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
      meaningOf: (error) => {
        if (error instanceof Unreachable) return "broken";
        return error instanceof BoardProblem && error.code === "RANGE_MISMATCH" ? "forgotten" : undefined;
      },
    };
  }

  /** What is too large is not sent at all. */
  #checkRoom(name: string, file: File): void {
    const slots: readonly Slot[] = this.#board.device.value?.slots ?? [];
    const capacity = slots.find(({ slot }) => slot === name)?.capacity_bytes;
    if (capacity === undefined || file.size <= capacity) return;
    const [size, room] = bytesPair(file.size, capacity);
    const larger = slots.find(({ capacity_bytes = 0 }) => capacity_bytes >= file.size);
    throw new PageProblem(
      `The model has ${size}, and ${name} holds at most ${room}. Nothing was sent.`,
      larger === undefined ? "expected a smaller model: fewer bits a weight" : `it would fit ${larger.slot}`,
    );
  }
}

async function uploadFileOf(file: File): Promise<UploadFile> {
  const digest = await file.slice(DIGEST_PLACE.begin, DIGEST_PLACE.end).arrayBuffer();
  return { bytes: file.size, sha256: digestText(new Uint8Array(digest)) };
}
