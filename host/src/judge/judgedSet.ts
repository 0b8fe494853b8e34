import { readdir } from "node:fs/promises";
import { join, sep } from "node:path";
import { InputError } from "synapse-engine/errors";
import { z } from "zod";
import { Archive, archivePath } from "../files/archive.js";
import { JSON_BYTES_MAX, PICTURE, PICTURE_BYTES_MAX } from "../files/inputKinds.js";
import { fileError, readInput, readJsonInput } from "../files/readInput.js";
import { schemaError } from "../files/schemaError.js";

const EPISODE = "episode.json";
const FRAME = /\.(png|jpe?g)$/i;
const JUDGING = /^test-/;
const CALIBRATING = /^calibration-/;

const rows = z.array(z.array(z.number()));
const episodeSchema = z.object({ actions: rows.optional(), states: rows.optional() });

export interface SetFrame {
  /** As `synapse-host run` takes it. */
  readonly name: string;
  readonly read: () => Promise<Uint8Array>;
}

/** Frames that follow each other, and what the environment knows of them. */
export interface SetEpisode {
  readonly name: string;
  readonly frames: readonly SetFrame[];
  /** The action taken at each frame, as the environment has it; empty where the set does not say. */
  readonly actions: readonly (readonly number[])[];
  /** The state that each frame shows; empty where the set does not say. */
  readonly states: readonly (readonly number[])[];
}

/** An evaluation set: what judges, and what was there to calibrate and to choose by. */
export interface JudgedSet {
  readonly source: string;
  readonly test: readonly SetEpisode[];
  readonly calibration: readonly SetEpisode[];
  close(): Promise<void>;
}

/**
 * Opens an evaluation set (training/evaluation_set.py), a zip archive or a folder. Rejects with an InputError
 * `JUDGE_SET` where no episode `test-NN` has frames, `JUDGE_EPISODE` for an episode that does not fit its frames, and
 * those of the files.
 */
export async function openJudgedSet(source: string): Promise<JudgedSet> {
  const inside = await archivePath(source);
  const archive = inside?.member === "" ? await Archive.open(source) : undefined;
  try {
    const names = archive?.names ?? (await namesBelow(source));
    const read = (kind: RegExp) => episodesOf(source, names, kind, archive);
    const [test, calibration] = [await read(JUDGING), await read(CALIBRATING)];
    if (test.length === 0) {
      throw new InputError({
        code: "JUDGE_SET",
        source,
        message: "has no frames to judge by",
        expected: `episodes test-NN, each with frames and an ${EPISODE}`,
      });
    }
    return { source, test, calibration, close: async () => archive?.close() };
  } catch (error) {
    await archive?.close();
    throw error;
  }
}

async function namesBelow(folder: string): Promise<readonly string[]> {
  try {
    const found = await readdir(folder, { recursive: true });
    return found.map((name) => (sep === "/" ? name : name.replaceAll(sep, "/"))).sort();
  } catch (error) {
    throw fileError(folder, "an evaluation set", error as NodeJS.ErrnoException);
  }
}

async function episodesOf(
  source: string,
  names: readonly string[],
  kind: RegExp,
  archive: Archive | undefined,
): Promise<SetEpisode[]> {
  const episodes: SetEpisode[] = [];
  for (const document of names.filter((name) => kind.test(name) && name.endsWith(`/${EPISODE}`))) {
    const name = document.slice(0, -EPISODE.length - 1);
    const frames = names
      .filter((each) => each.startsWith(`${name}/`) && FRAME.test(each))
      .map((each) => {
        const read = archive
          ? () => archive.read(each, PICTURE, PICTURE_BYTES_MAX)
          : () => readInput(join(source, each), PICTURE, PICTURE_BYTES_MAX);
        return { name: `${source}/${each}`, read };
      });
    if (frames.length > 0) episodes.push({ name, frames, ...(await told(`${source}/${document}`, frames.length)) });
  }
  return episodes;
}

async function told(file: string, frames: number): Promise<Pick<SetEpisode, "actions" | "states">> {
  const parsed = episodeSchema.safeParse(await readJsonInput(file, "an episode", JSON_BYTES_MAX), {
    reportInput: true,
  });
  if (!parsed.success) throw schemaError("JUDGE_EPISODE", parsed.error, file, "an episode");
  const { actions = [], states = [] } = parsed.data;
  const fail = (where: string, message: string, expected: string) =>
    new InputError({ code: "JUDGE_EPISODE", source: file, where, message, expected });
  if (states.length > 0 && states.length !== frames)
    throw fail("states", `${states.length} states of ${frames} frames`, "a state for each frame");
  if (actions.length > 0 && actions.length < frames - 1)
    throw fail(
      "actions",
      `${actions.length} actions between ${frames} frames`,
      "an action for each frame but the last",
    );
  for (const [where, list] of [
    ["states", states],
    ["actions", actions],
  ] as const) {
    const wrong = list.findIndex((row) => row.length === 0 || row.length !== list[0]?.length);
    if (wrong >= 0) throw fail(`${where}[${wrong}]`, `${list[wrong]?.length} numbers`, "rows of one length");
  }
  return { actions, states };
}
