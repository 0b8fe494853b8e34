import { inPlaceKey } from "../format/ops.js";
import { type Activation, type Allocation, type Entry, operands, type Program } from "../program/program.js";
import { allocationLifetimes, wholeAllocation } from "./lifetimes.js";
import { ALLOCATION_ALIGNMENT, type Placement, type Plan } from "./plan.js";

/**
 * What is wrong with a plan: allocations outside their region, or two that need the same bytes at the same time. Empty
 * for a right plan.
 */
export function checkPlan(program: Program, plan: Plan): string[] {
  return program.entries.flatMap((entry) => checkEntry(entry, plan));
}

function checkEntry(entry: Entry, plan: Plan): string[] {
  const problems: string[] = [];
  const lifetimes = allocationLifetimes(entry);
  const placed: { allocation: Allocation; placement: Placement; first: number; last: number }[] = [];
  for (const [allocation, { first, last }] of lifetimes) {
    const placement = plan.placements.get(allocation);
    if (placement === undefined) {
      problems.push(`${entry.name}: ${allocation.name} has no place`);
      continue;
    }
    const { region, offset } = placement;
    if (offset < 0 || offset % ALLOCATION_ALIGNMENT !== 0 || offset + allocation.bytes > plan.regions[region]) {
      const what = `${allocation.name} at ${offset}, ${allocation.bytes} bytes`;
      problems.push(`${entry.name}: ${what}, does not fit region ${region} of ${plan.regions[region]}`);
    }
    placed.push({ allocation, placement, first, last });
  }
  for (let i = 0; i < placed.length; i++) {
    for (let j = i + 1; j < placed.length; j++) {
      const a = placed[i] as (typeof placed)[number];
      const b = placed[j] as (typeof placed)[number];
      const sameBytes =
        a.placement.region === b.placement.region &&
        a.placement.offset < b.placement.offset + b.allocation.bytes &&
        b.placement.offset < a.placement.offset + a.allocation.bytes;
      if (!sameBytes || a.last < b.first || b.last < a.first) continue;
      if (handedOver(entry, a, b) || handedOver(entry, b, a)) continue;
      problems.push(`${entry.name}: ${a.allocation.name} and ${b.allocation.name} share bytes while both are in use`);
    }
  }
  return problems;
}

interface Placed {
  readonly allocation: Allocation;
  readonly placement: Placement;
  readonly first: number;
  readonly last: number;
}

/** Whether `to` takes over exactly the bytes of `from` in an op that may work in place and reads `from` only once. */
function handedOver(entry: Entry, from: Placed, to: Placed): boolean {
  if (from.last !== to.first || from.placement.offset !== to.placement.offset) return false;
  const op = entry.ops[from.last];
  if (op === undefined || op.out.allocation !== to.allocation || !wholeAllocation(op.out)) return false;
  const readers = operands(op).filter(
    ({ key, tensor }) => key !== "out" && tensor.kind === "activation" && tensor.allocation === from.allocation,
  );
  const [reader] = readers;
  return (
    reader !== undefined &&
    readers.length === 1 &&
    reader.key === inPlaceKey(op.op) &&
    wholeAllocation(reader.tensor as Activation)
  );
}
