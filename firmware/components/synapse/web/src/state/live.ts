import { type Signal, signal } from "@preact/signals";
import { base64Of, jpegOf } from "../picture.js";
import { BoardProblem, PageProblem } from "../problem.js";
import type { Notices } from "./notices.js";
import type { Sight } from "./sight.js";

/** More than a model sees, little enough for a radio. */
const FRAME_PIXELS_MAX = 320;

/** The camera's film, a frame at a time: the next one is taken when the board has answered the last. */
export class Live {
  /** Browsers give the camera to pages from a secure context only; a board on the local network is none. */
  readonly available: boolean = window.isSecureContext && navigator.mediaDevices !== undefined;
  readonly film: Signal<MediaStream | null> = signal(null);
  readonly starting: Signal<boolean> = signal(false);
  readonly frames: Signal<number> = signal(0);
  readonly #sight: Sight;
  readonly #notices: Notices;
  #run = new AbortController();

  constructor(sight: Sight, notices: Notices) {
    this.#sight = sight;
    this.#notices = notices;
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.stop();
    });
  }

  async start(): Promise<void> {
    if (this.starting.value || this.film.value !== null) return;
    this.starting.value = true;
    await this.#notices.attempt(async () => {
      this.film.value = await navigator.mediaDevices
        .getUserMedia({ video: { facingMode: "environment" } })
        .catch((error: unknown) => {
          throw new PageProblem("The camera is not to be had.", error instanceof Error ? error.message : "");
        });
      this.frames.value = 0;
      this.#run = new AbortController();
      this.#notices.say("Live: frames go to the board one after the other.");
    });
    this.starting.value = false;
    if (document.hidden) this.stop();
  }

  stop(): void {
    const film = this.film.value;
    if (film === null) return;
    this.#run.abort();
    for (const track of film.getTracks()) track.stop();
    this.film.value = null;
    this.#notices.say(`Stopped after ${this.frames.value} frames.`);
  }

  /** Feeds the board from the element that shows the film, until it is stopped. */
  async feed(video: HTMLVideoElement): Promise<void> {
    const { signal } = this.#run;
    try {
      await video.play();
      while (!signal.aborted) {
        // A fast board would be sent the same frame twice.
        await new Promise(requestAnimationFrame);
        const blob = await jpegOf(video, video.videoWidth, video.videoHeight, FRAME_PIXELS_MAX);
        await this.#send({ sent: blob, shown: blob, label: "live frame" }, signal);
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#notices.report(error);
      this.stop();
    }
  }

  async #send(picture: { sent: Blob; shown: Blob; label: string }, signal: AbortSignal): Promise<void> {
    try {
      await this.#sight.observe(picture, await base64Of(picture.sent), signal);
      this.frames.value += 1;
    } catch (error) {
      // The board has its hands full, and says for how long.
      if (!(error instanceof BoardProblem) || error.status !== 503 || error.retryAfterS === undefined) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000 * (error.retryAfterS ?? 1)));
    }
  }
}
