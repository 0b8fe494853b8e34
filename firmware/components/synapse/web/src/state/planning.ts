import { type Signal, signal } from "@preact/signals";
import type { BoardApi, Budget, Latent, PlanAnswer, PlanProgress } from "../api.js";
import { durationText } from "../format.js";
import type { Picture } from "../picture.js";
import { isAbort } from "../problem.js";
import type { Notices } from "./notices.js";
import type { Sight } from "./sight.js";

/** A picture with what the board saw in it. */
export interface SeenPicture {
  readonly picture: Picture;
  readonly latent: Latent;
}

/** A search under way: the cheapest candidate of every iteration so far. */
export interface Search {
  readonly iteration: number;
  readonly iterations: number;
  readonly predictions: number;
  readonly costs: readonly number[];
}

export interface FoundPlan {
  readonly start: SeenPicture;
  readonly goal: SeenPicture;
  readonly answer: PlanAnswer;
  readonly costs: readonly number[];
}

/** From the picture to a goal that is a picture too. */
export class Planning {
  readonly goal: Signal<SeenPicture | null> = signal(null);
  readonly search: Signal<Search | null> = signal(null);
  readonly found: Signal<FoundPlan | null> = signal(null);
  readonly #api: BoardApi;
  readonly #sight: Sight;
  readonly #notices: Notices;
  #request = new AbortController();

  constructor(api: BoardApi, sight: Sight, notices: Notices) {
    this.#api = api;
    this.#sight = sight;
    this.#notices = notices;
  }

  /** Keeps the picture as the goal. */
  aim(): void {
    const picture = this.#sight.picture.value;
    const latent = this.#sight.latent.value;
    if (picture === null || latent === null) return;
    this.goal.value = { picture, latent };
    this.found.value = null;
    this.#notices.say("Kept as the goal. Take another picture as the start.");
  }

  dropGoal(): void {
    this.goal.value = null;
    this.found.value = null;
  }

  async plan(horizon: number, budget: Budget): Promise<void> {
    const picture = this.#sight.picture.value;
    const latent = this.#sight.latent.value;
    const goal = this.goal.value;
    if (picture === null || latent === null || goal === null || this.search.value !== null) return;
    const request = new AbortController();
    this.#request = request;
    this.found.value = null;
    this.search.value = { iteration: 0, iterations: budget.iterations, predictions: 0, costs: [] };
    await this.#notices.attempt(async () => {
      try {
        const wanted = { start: { latent }, goal: { latent: goal.latent }, horizon, budget };
        const answer = await this.#api.plan(wanted, (progress) => this.#follow(progress), request.signal);
        this.found.value = { start: { picture, latent }, goal, answer, costs: this.search.value?.costs ?? [] };
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
