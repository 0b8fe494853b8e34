import { chooseChannels, chooseGroups } from "./choose.js";
import { type Cut, keptColumns } from "./cut.js";
import { type InputMoments, refit } from "./refit.js";
import type { Unit } from "./units.js";

export interface FittedCut extends Cut {
  /** Mean squared error that the consumer's outputs are left with, over their variance, on what the moments are of. */
  readonly relativeError: number;
}

/**
 * Cuts a unit down to `keep` parts, chosen by what the consumer can still compute from them, and refits the consumer.
 * `moments` are of the consumer's input in the model before any cut.
 */
export async function cutUnit(unit: Unit, moments: InputMoments, keep: number): Promise<FittedCut> {
  const { weight, bias } = unit.consumer;
  const layer = { n: weight.shape[0] as number, weight: await weight.load(), bias: await bias?.load() };
  const kept =
    unit.partColumns === 1
      ? chooseChannels(moments, layer, keep)
      : chooseGroups(moments, layer, unit.partColumns, keep);
  const { relativeError, ...refitted } = refit(moments, layer, keptColumns(unit, kept));
  return { unit, kept, refitted, relativeError };
}
