import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SimulatedBoard } from "synapse-sim";
import type { Board } from "synapse-sim/boards";
import { JSON_BYTES_MAX, PICTURE, PICTURE_BYTES_MAX } from "../files/inputKinds.js";
import { readInput, readJsonInput } from "../files/readInput.js";

export interface TrainedWalk {
  /** Of every step of the walk, as the board's model sees it. */
  readonly surprises: readonly number[];
  /** Of the frame after it, on which the dot is back where it started. */
  readonly jump: number;
  /** Deviations of the jump above the mean of the steps. */
  readonly jumpDeviations: number;
}

/**
 * Lets a simulated board watch a walk that its model was not trained on, frame by frame with the actions that were
 * taken, and then a frame that no action leads to. `episode` is a folder, or one in a zip archive, of frames
 * (`frame-00.png`, ..) with an `episode.json`.
 */
export async function watchWalk(board: Board, model: string, episode: string): Promise<TrainedWalk> {
  const { actions } = (await readJsonInput(join(episode, "episode.json"), "an episode", JSON_BYTES_MAX)) as {
    actions: number[][];
  };
  const simulated = await SimulatedBoard.create({ board, model: await readFile(model), modelSource: model });
  try {
    const observe = async (frame: number, action: readonly number[] | undefined) => {
      const file = join(episode, `frame-${String(frame).padStart(2, "0")}.png`);
      const image = Buffer.from(await readInput(file, PICTURE, PICTURE_BYTES_MAX)).toString("base64");
      const body = new TextEncoder().encode(JSON.stringify({ stream: "walk", image, type: "image/png", action }));
      const headers = { "content-type": "application/json" };
      const answer = await simulated.handle({ method: "POST", target: "/v1/observe", headers, body });
      const text = new TextDecoder().decode(answer.body);
      if (answer.status !== 200) throw new Error(`POST /v1/observe answered ${answer.status}: ${text}`);
      return JSON.parse(text) as { surprise: number; z_score: number };
    };
    await observe(0, undefined);
    const surprises: number[] = [];
    for (const [i, action] of actions.entries()) surprises.push((await observe(i + 1, action)).surprise);
    const { surprise: jump, z_score: jumpDeviations } = await observe(0, actions.at(-1));
    return { surprises, jump, jumpDeviations };
  } finally {
    await simulated.close();
  }
}
