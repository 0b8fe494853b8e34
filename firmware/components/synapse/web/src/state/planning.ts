import { type Signal, signal } from "@preact/signals";
import type { BoardApi, Budget, PlanAnswer, PlanProgress } from "../api.js";
import { durationText } from "../format.js";
import { isAbort } from "../problem.js";
import type { Board } from "./board.js";
import type { Notices } from "./notices.js";
import { modelChanged, type Seen, type Sight } from "./sight.js";

/** A search under way: the cheapest candidate of every iteration so far. */
export interface Search {
  readonly iteration: number;
  readonly iterations: number;
  readonly predictions: number;
  readonly costs: readonly number[];
}

export interface FoundPlan {
  readonly start: Seen;
  readonly goal: Seen;
  readonly answer: PlanAnswer;
  readonly costs: readonly number[];
}

/** From the picture to a goal that is a picture too. */
export class Planning {
  readonly goal: Signal<Seen | null> = signal(null);
  readonly search: Signal<Search | null> = signal(null);
  readonly found: Signal<FoundPlan | null> = signal(null);
  readonly #api: BoardApi;
  readonly #board: Board;
  readonly #sight: Sight;
  readonly #notices: Notices;
  #request = new AbortController();

  constructor(api: BoardApi, board: Board, sight: Sight, notices: Notices) {
    this.#api = api;
    this.#board = board;
    this.#sight = sight;
    this.#notices = notices;
  }

  /** Keeps the picture as the goal. */
  aim(): void {
    const seen = this.#sight.current.value;
    if (seen === null) return;
    this.goal.value = seen;
    this.found.value = null;
    this.#notices.say("Kept as the goal. Take another picture as the start.");
  }

  dropGoal(): void {
    this.goal.value = null;
    this.found.value = null;
  }

  async plan(horizon: number, budget: Budget): Promise<void> {
    const start = this.#sight.current.value;
    const goal = this.goal.value;
    if (start === null || goal === null || goal.model !== start.model || this.search.value !== null) return;
    const request = new AbortController();
    this.#request = request;
    this.found.value = null;
    this.search.value = { iteration: 0, iterations: budget.iterations, predictions: 0, costs: [] };
    await this.#notices.attempt(async () => {
      try {
        const wanted = { start: { latent: start.latent }, goal: { latent: goal.latent }, horizon, budget };
        const answer = await this.#api.plan(wanted, (progress) => this.#follow(progress), request.signal);
        if (answer.model.sha256 !== start.model) {
          void this.#board.refresh();
          throw modelChanged();
        }
        this.found.value = { start, goal, answer, costs: this.search.value?.costs ?? [] };
        this.#notices.say(`Planned ${answer.actions.length} actions in ${durationText(answer.timing.inference_us)}.`);
      } catch (error) {
        if (isAbort(error)) this.#notices.say("Planning was cancelled.");
        throw error;
      }
    });
    this.search.value = null;
  }

  cancel(): void {
    this.#request.abort();
  }

  forget(): void {
    this.cancel();
    this.dropGoal();
  }

  /** Progress is also told inside an iteration; the chart has a point for each that has ended. */
  #follow({ iteration, iterations, predictions, cost }: PlanProgress): void {
    const before = this.search.value?.costs ?? [];
    const costs = cost !== null && iteration > before.length ? [...before, cost] : before;
    this.search.value = { iteration, iterations, predictions, costs };
  }
}
