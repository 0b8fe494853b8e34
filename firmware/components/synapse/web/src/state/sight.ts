import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { restAction } from "../actionSequences.js";
import type { Action, BoardApi, Latent, Observation, Timing } from "../api.js";
import { durationText } from "../format.js";
import type { Picture } from "../picture.js";
import { PageProblem } from "../problem.js";
import type { Board } from "./board.js";
import type { Notices } from "./notices.js";

const SURPRISES_MAX = 48;

/**
 * A picture with what a model saw in it. They are made, shown and used together: a latent means nothing beside another
 * picture, or to another model.
 */
export interface Seen {
  readonly picture: Picture;
  readonly latent: Latent;
  /** SHA-256 of the model that made the latent. */
  readonly model: string;
  readonly timing: Timing;
}

export interface Surprise {
  readonly values: readonly number[];
  readonly mean: number;
  readonly zScore: number | null;
  /** What the last value is about. */
  readonly about: Seen;
}

/** The board runs another model than the one that a latent is from. */
export const modelChanged = (): PageProblem =>
  new PageProblem(
    "The board runs another model now.",
    "Take the picture again: what the model before saw in it means nothing to this one.",
  );

/** What the board sees: the picture with its latent, and how surprising it was after the ones before it. */
export class Sight {
  readonly seen: Signal<Seen | null> = signal(null);
  /** What was seen, if by the model that runs now: only that can be gone on from. */
  readonly current: ReadonlySignal<Seen | null> = computed(() =>
    this.seen.value?.model === this.#board.modelKey.value ? this.seen.value : null,
  );
  readonly previous: Signal<Seen | null> = signal(null);
  /** A picture that the board has not seen yet, or could not. */
  readonly pending: Signal<Picture | null> = signal(null);
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
      this.pending.value = picture;
      this.#notices.say("The board is encoding the picture.");
      const { latent, model, timing } = await this.#api.encode(picture.sent, request.signal);
      this.#see({ picture, latent, model: model.sha256, timing });
      this.pending.value = null;
      this.#notices.say(`Encoded in ${durationText(timing.inference_us)}.`);
      if (this.#canObserve() && latent.length === this.#board.slot.value?.latent_elements) {
        this.#feel(await this.#api.observe({ stream: this.#stream, latent, action: this.#rest() }, request.signal));
      }
    });
    if (!request.signal.aborted) this.busy.value = false;
    void this.#board.refresh();
  }

  /** Sends the picture that the board has not seen again. */
  async lookAgain(): Promise<void> {
    const picture = this.pending.value;
    if (picture !== null) await this.look(async () => picture);
  }

  /** One frame of a film: seen and observed in a single request. */
  async observe(picture: Picture, image: string, signal: AbortSignal): Promise<void> {
    this.pending.value = null;
    if (!this.#canObserve()) {
      const { latent, model, timing } = await this.#api.encode(picture.sent, signal);
      return this.#see({ picture, latent, model: model.sha256, timing });
    }
    const frame = { stream: this.#stream, image, type: picture.sent.type, action: this.#rest() };
    const observation = await this.#api.observe(frame, signal);
    this.#see({ picture, latent: observation.latent, model: observation.model.sha256, timing: observation.timing });
    this.#feel(observation);
  }

  /** Stops waiting for the board. The picture that it has not seen stays, to be sent again. */
  interrupt(): void {
    this.#request.abort();
    this.busy.value = false;
  }

  forget(): void {
    this.interrupt();
    for (const part of [this.seen, this.previous, this.pending, this.surprise]) part.value = null;
  }

  #canObserve(): boolean {
    return this.#board.can("observe");
  }

  /** The action of a camera that nobody moves. */
  #rest(): Action {
    const { action_elements = 0, actions } = this.#board.slot.value ?? {};
    return restAction(action_elements, actions);
  }

  #see(now: Seen): void {
    const before = this.seen.value;
    this.previous.value = before?.model === now.model ? before : null;
    if (before !== null && before.model !== now.model) this.surprise.value = null;
    this.seen.value = now;
  }

  #feel({ frame, surprise, mean, z_score, model }: Observation): void {
    const about = this.seen.value;
    if (frame === 1) this.surprise.value = null;
    if (surprise === null || about === null || about.model !== model.sha256) return;
    const values = [...(this.surprise.value?.values ?? []), surprise].slice(-SURPRISES_MAX);
    this.surprise.value = { values, mean: mean ?? surprise, zScore: z_score, about };
  }
}
