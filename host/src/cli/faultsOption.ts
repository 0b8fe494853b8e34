import { InvalidArgumentError } from "commander";
import type { LineFaults } from "synapse-sim";

const MILLION = 1_000_000;
const COUNT_MAX = 0xffff_ffff;

/** What may stand in `--faults`: the name of the fault, and its largest number. */
const FAULTS: Readonly<Record<string, { readonly key: keyof LineFaults; readonly max: number }>> = {
  seed: { key: "seed", max: COUNT_MAX },
  lost: { key: "lostPerMillion", max: MILLION },
  flipped: { key: "flippedPerMillion", max: MILLION },
  "baud-max": { key: "baudMax", max: COUNT_MAX },
  "unplug-at": { key: "unplugAtBlock", max: COUNT_MAX },
  "stuck-at": { key: "stuckAtBlock", max: COUNT_MAX },
};

/** A parser of `seed=7,lost=50,flipped=20,unplug-at=3` for commander. */
export function faultsOption(text: string): LineFaults {
  const faults: { -readonly [Key in keyof LineFaults]: number } = {};
  for (const part of text.split(",")) {
    const [name = "", number = "", ...rest] = part.split("=");
    const fault = Object.hasOwn(FAULTS, name) ? FAULTS[name] : undefined;
    if (fault === undefined || rest.length > 0)
      throw new InvalidArgumentError(`${JSON.stringify(part)} is no fault: ${Object.keys(FAULTS).join("=, ")}=.`);
    const value = Number(number);
    if (!/^\d+$/.test(number) || value > fault.max)
      throw new InvalidArgumentError(`Expected ${name}=<whole number up to ${fault.max}>.`);
    if (faults[fault.key] !== undefined) throw new InvalidArgumentError(`${name} stands there twice.`);
    faults[fault.key] = value;
  }
  return faults;
}
