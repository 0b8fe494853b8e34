import { type Signal, signal } from "@preact/signals";
import type { BoardApi, Latent, Observation, Timing } from "../api.js";
import { durationText } from "../format.js";
import type { Picture } from "../picture.js";
import type { Board } from "./board.js";
import type { Notices } from "./notices.js";

const SURPRISES_MAX = 48;

export interface Surprise {
  readonly values: readonly number[];
  readonly mean: number;
  readonly zScore: number | null;
}

/** What the board sees: the picture, its latent, and how surprising it was after the ones before it. */
export class Sight {
  readonly picture: Signal<Picture | null> = signal(null);
  readonly latent: Signal<Latent | null> = signal(null);
  readonly previous: Signal<Latent | null> = signal(null);
  readonly timing: Signal<Timing | null> = signal(null);
  readonly surprise: Signal<Surprise | null> = signal(null);
  readonly busy: Signal<boolean> = signal(false);
  /** This visit's pictures are one stream of the board. */
  readonly #stream = `page-${Math.random().toString(36).slice(2, 10)}`;
  readonly #api: BoardApi;
  readonly #board: Board;
  readonly #notices: Notices;
  #request = new AbortController();

  constructor(api: BoardApi, board: Board, notices: Notices) {
    this.#api = api;
    this.#board = board;
    this.#notices = notices;
  }

  /** Encodes a picture that takes a moment to make. A newer one takes the place of one that is still with the board. */
  async look(make: () => Promise<Picture>): Promise<void> {
    this.#request.abort();
    const request = new AbortController();
    this.#request = request;
    this.busy.value = true;
    await this.#notices.attempt(async () => {
      const picture = await make();
      if (request.signal.aborted) return;
      this.picture.value = picture;
      this.#notices.say("The board is encoding the picture.");
      const { latent, timing } = await this.#api.encode(picture.sent, request.signal);
      this.#see(latent, timing);
      this.#notices.say(`Encoded in ${durationText(timing.inference_us)}.`);
      if (this.#canObserve() && latent.length === this.#board.slot.value?.latent_elements) {
        this.#feel(await this.#api.observe({ stream: this.#stream, latent, action: this.#rest() }, request.signal));
      }
    });
    if (!request.signal.aborted) this.busy.value = false;
    void this.#board.refresh();
  }

  /** One frame of a film: seen and observed in a single request. */
  async observe(picture: Picture, image: string, signal: AbortSignal): Promise<void> {
    if (!this.#canObserve()) {
      const { latent, timing } = await this.#api.encode(picture.sent, signal);
      this.picture.value = picture;
      return this.#see(latent, timing);
    }
    const frame = { stream: this.#stream, image, type: picture.sent.type, action: this.#rest() };
    const observation = await this.#api.observe(frame, signal);
    this.picture.value = picture;
    this.#see(observation.latent, observation.timing);
    this.#feel(observation);
  }

  forget(): void {
    this.#request.abort();
    this.busy.value = false;
    for (const part of [this.picture, this.latent, this.previous, this.timing, this.surprise]) part.value = null;
  }

  #canObserve(): boolean {
    return this.#board.can("observe");
  }

  /** The action of a camera that nobody moves. */
  #rest(): number[] {
    return new Array<number>(this.#board.slot.value?.action_elements ?? 0).fill(0);
  }

  #see(latent: Latent, timing: Timing): void {
    this.previous.value = this.latent.value;
    this.latent.value = latent;
    this.timing.value = timing;
  }

  #feel({ frame, surprise, mean, z_score }: Observation): void {
    if (frame === 1) this.surprise.value = null;
    if (surprise === null) return;
    const values = [...(this.surprise.value?.values ?? []), surprise].slice(-SURPRISES_MAX);
    this.surprise.value = { values, mean: mean ?? surprise, zScore: z_score };
  }
}
