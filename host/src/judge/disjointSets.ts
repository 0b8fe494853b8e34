import { createHash } from "node:crypto";
import { InputError } from "synapse-engine/errors";
import { z } from "zod";
import type { Judgement } from "../report/judgement.js";

const recipeSchema = z.object({
  /** `pictureDigest` of each picture that calibrated. */
  calibration_pictures: z.array(z.string()).optional(),
  /** The same of those by which settings were chosen. */
  choice_pictures: z.array(z.string()).optional(),
});

/** The first 64 bits of a picture file's SHA-256, in hex: how `meta.recipe` of a pack names a picture. */
export function pictureDigest(file: Uint8Array): string {
  return createHash("sha256").update(file).digest("hex").slice(0, 16);
}

/** A picture that is to judge, or that was there to calibrate by. */
export interface DigestedPicture {
  readonly name: string;
  readonly digest: string;
}

/**
 * Answers what the pack's `meta.recipe` says of the pictures that it was made by. Throws InputError
 * `JUDGE_NOT_HELD_OUT` when one of them is among those that judge, or when the set has a picture on both of its sides.
 */
export function requireHeldOut(
  source: string,
  judging: readonly DigestedPicture[],
  calibrating: readonly DigestedPicture[],
  recipe: unknown,
): Pick<Judgement["sets"], "calibratedBy" | "chosenBy"> {
  const said = recipeSchema.safeParse(recipe).data;
  const refuse = (digests: readonly string[], what: string) => {
    const known = new Set(digests);
    const found = judging.filter(({ digest }) => known.has(digest));
    if (found.length === 0) return;
    throw new InputError({
      code: "JUDGE_NOT_HELD_OUT",
      source,
      where: found[0]?.name as string,
      message: `${found.length} of ${judging.length} pictures that are to judge ${what}`,
      expected: "pictures that nothing was made or chosen by",
    });
  };
  refuse(
    calibrating.map(({ digest }) => digest),
    "are in its calibration episodes too",
  );
  refuse(said?.calibration_pictures ?? [], "calibrated this pack");
  refuse(said?.choice_pictures ?? [], "were there to choose this pack's settings by");
  const named = said?.calibration_pictures !== undefined;
  return {
    calibratedBy: named ? "named" : recipe === undefined ? "nothing" : "not named",
    chosenBy: said?.choice_pictures === undefined ? "not named" : "named",
  };
}
