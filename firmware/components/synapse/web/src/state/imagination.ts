import { type Signal, signal } from "@preact/signals";
import { actionSequence, type Sequence } from "../actionSequences.js";
import type { BoardApi, Latent } from "../api.js";
import { durationText } from "../format.js";
import type { Board } from "./board.js";
import type { Notices } from "./notices.js";
import { modelChanged, type Sight } from "./sight.js";

/** More would be a tangle. */
const RUNS_MAX = 4;

export interface Run {
  readonly sequence: Sequence;
  readonly trajectory: readonly Latent[];
  readonly inferenceUs: number;
  /** Which of the chart's colours it keeps for as long as it is shown. */
  readonly colour: number;
}

/** Rollouts from the picture: actions, and where the model thinks they lead. */
export class Imagination {
  readonly runs: Signal<readonly Run[]> = signal([]);
  readonly busy: Signal<boolean> = signal(false);
  readonly #api: BoardApi;
  readonly #board: Board;
  readonly #sight: Sight;
  readonly #notices: Notices;
  #colour = 0;
  #request = new AbortController();

  constructor(api: BoardApi, board: Board, sight: Sight, notices: Notices) {
    this.#api = api;
    this.#board = board;
    this.#sight = sight;
    this.#notices = notices;
  }

  async imagine(sequence: Sequence, steps: number): Promise<void> {
    const start = this.#sight.current.value;
    const { action_elements: width, actions: space } = this.#board.slot.value ?? {};
    if (this.busy.value || start === null || width === undefined) return;
    const request = new AbortController();
    this.#request = request;
    this.busy.value = true;
    await this.#notices.attempt(async () => {
      const answer = await this.#api.rollout(
        { latent: start.latent },
        actionSequence(sequence, steps, width, space),
        request.signal,
      );
      if (answer.model.sha256 !== start.model) {
        void this.#board.refresh();
        throw modelChanged();
      }
      if (this.#sight.current.value !== start) return;
      const colour = this.#colour++ % RUNS_MAX;
      const run = { sequence, trajectory: answer.trajectory, inferenceUs: answer.timing.inference_us, colour };
      this.runs.value = [...this.runs.value, run].slice(-RUNS_MAX);
      this.#notices.say(`${steps} steps imagined in ${durationText(run.inferenceUs)}.`);
    });
    this.busy.value = false;
  }

  /** Stops waiting for the board. */
  interrupt(): void {
    this.#request.abort();
  }

  forget(): void {
    this.runs.value = [];
    this.#colour = 0;
  }
}
