import { inPlaceKey } from "../format/ops.js";
import { type Activation, type Entry, operands, type Program, type Storage } from "../program/program.js";
import { storageLifetimes, wholeStorage } from "./lifetimes.js";
import { type Placement, type Plan, STORAGE_ALIGNMENT } from "./plan.js";

/**
 * What is wrong with a plan: storages outside their region, or two that need the same bytes at the same time. Empty for
 * a right plan.
 */
export function checkPlan(program: Program, plan: Plan): string[] {
  return program.entries.flatMap((entry) => checkEntry(entry, plan));
}

function checkEntry(entry: Entry, plan: Plan): string[] {
  const problems: string[] = [];
  const lifetimes = storageLifetimes(entry);
  const placed: { storage: Storage; placement: Placement; first: number; last: number }[] = [];
  for (const [storage, { first, last }] of lifetimes) {
    const placement = plan.placements.get(storage);
    if (placement === undefined) {
      problems.push(`${entry.name}: ${storage.name} has no place`);
      continue;
    }
    const { region, offset } = placement;
    if (offset < 0 || offset % STORAGE_ALIGNMENT !== 0 || offset + storage.bytes > plan.regions[region]) {
      problems.push(
        `${entry.name}: ${storage.name} at ${offset}, ${storage.bytes} bytes, does not fit region ${region} of ${plan.regions[region]}`,
      );
    }
    placed.push({ storage, placement, first, last });
  }
  for (let i = 0; i < placed.length; i++) {
    for (let j = i + 1; j < placed.length; j++) {
      const a = placed[i] as (typeof placed)[number];
      const b = placed[j] as (typeof placed)[number];
      const sameBytes =
        a.placement.region === b.placement.region &&
        a.placement.offset < b.placement.offset + b.storage.bytes &&
        b.placement.offset < a.placement.offset + a.storage.bytes;
      if (!sameBytes || a.last < b.first || b.last < a.first) continue;
      if (handedOver(entry, a, b) || handedOver(entry, b, a)) continue;
      problems.push(`${entry.name}: ${a.storage.name} and ${b.storage.name} share bytes while both are in use`);
    }
  }
  return problems;
}

interface Placed {
  readonly storage: Storage;
  readonly placement: Placement;
  readonly first: number;
  readonly last: number;
}

/** Whether `to` takes over exactly the bytes of `from` in an op that may work in place and reads `from` only once. */
function handedOver(entry: Entry, from: Placed, to: Placed): boolean {
  if (from.last !== to.first || from.placement.offset !== to.placement.offset) return false;
  const op = entry.ops[from.last];
  if (op === undefined || op.out.storage !== to.storage || !wholeStorage(op.out)) return false;
  const readers = operands(op).filter(
    ({ key, tensor }) => key !== "out" && tensor.kind === "activation" && tensor.storage === from.storage,
  );
  const [reader] = readers;
  return (
    reader !== undefined &&
    readers.length === 1 &&
    reader.key === inPlaceKey(op.op) &&
    wholeStorage(reader.tensor as Activation)
  );
}
