import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { BoardApi, Slot } from "../api.js";
import { bytesPair, countText } from "../format.js";
import { failing, PageProblem } from "../problem.js";
import type { Board } from "./board.js";
import type { Notices } from "./notices.js";
import type { Upload } from "./upload.js";

/** Where a pack keeps the SHA-256 of itself (docs/format.md). */
const DIGEST = { begin: 32, end: 64 };

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
      const known = await this.#api.slot(slot);
      const same = known.upload?.bytes === file.size && known.sha256 === (await digestOf(file));
      const from = same ? (known.upload?.received_bytes ?? 0) : 0;
      await this.#api.upload(slot, file, from, told, request.signal).catch((error: unknown) => {
        throw failing("Upload", error);
      });
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
    this.note.value = answer === undefined ? "" : `runs ${answer.name}, which passed its ${countText(answer.vectors_passed, "test")}`;
    await this.#board.refresh();
    this.trying.value = null;
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

async function digestOf(file: File): Promise<string> {
  const bytes = new Uint8Array(await file.slice(DIGEST.begin, DIGEST.end).arrayBuffer());
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
