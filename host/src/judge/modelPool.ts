import type { Model, Session } from "synapse-engine";

/** Sessions of one model, each of one thread, that share out independent runs: their number changes no answer. */
export class ModelPool {
  readonly #sessions: readonly Session[];

  private constructor(sessions: readonly Session[]) {
    this.#sessions = sessions;
  }

  static async open(model: Model, threads: number): Promise<ModelPool> {
    const sessions: Session[] = [];
    try {
      for (let index = 0; index < threads; index++) sessions.push(await model.createSession({ threads: 1 }));
    } catch (error) {
      await Promise.all(sessions.map((session) => session.close()));
      throw error;
    }
    return new ModelPool(sessions);
  }

  /** The answers of `work` for each of `items`, in their order. Rejects with a failure when all have stopped. */
  async map<Item, Answer>(
    items: readonly Item[],
    work: (session: Session, item: Item, index: number) => Promise<Answer>,
  ): Promise<Answer[]> {
    const answers = new Array<Answer>(items.length);
    let next = 0;
    const run = async (session: Session) => {
      try {
        for (let index = next++; index < items.length; index = next++)
          answers[index] = await work(session, items[index] as Item, index);
      } catch (error) {
        next = items.length;
        throw error;
      }
    };
    const ended = await Promise.allSettled(this.#sessions.map(run));
    const failed = ended.find((each) => each.status === "rejected");
    if (failed) throw failed.reason;
    return answers;
  }

  async close(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.close()));
  }
}
