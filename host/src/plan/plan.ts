import type { Region } from "../format/ops.js";
import { roundUp } from "../format/roundUp.js";
import type { Allocation, Entry, Program } from "../program/program.js";
import { allocationLifetimes, type Group, joinInPlace } from "./lifetimes.js";

/** Every allocation starts at a multiple of this, for the widest vectors in use. */
export const ALLOCATION_ALIGNMENT = 64;

export interface Placement {
  readonly region: Region;
  /** Bytes from the start of the region. */
  readonly offset: number;
}

/** One piece of planned memory, for reports. */
export interface PlannedBuffer {
  /** The tensors that use it one after the other. */
  readonly names: readonly string[];
  readonly role: Allocation["role"];
  readonly bytes: number;
  readonly region: Region;
  readonly offset: number;
  /** -1: written by the caller before the run. */
  readonly firstOp: number;
  /** The number of ops: read by the caller after the run. */
  readonly lastOp: number;
}

export interface EntryPlan {
  readonly name: string;
  readonly fastBytes: number;
  readonly slowBytes: number;
  readonly buffers: readonly PlannedBuffer[];
}

export interface Plan {
  /** Bytes a session needs of each region. Entries use the same bytes, so each is the largest entry's. */
  readonly regions: Readonly<Record<Region, number>>;
  readonly placements: ReadonlyMap<Allocation, Placement>;
  readonly entries: readonly EntryPlan[];
}

/**
 * Gives every allocation of a program a place: at most `fastBytes` of region `fast`, to which what is moved most per
 * byte goes first, the rest in `slow`. Allocations whose lifetimes overlap never share bytes. Greedy best fit over
 * lifetimes, after Pisarchyk and Lee, arXiv 2001.03288.
 */
export function planMemory(program: Program, fastBytes: number): Plan {
  const placements = new Map<Allocation, Placement>();
  const entries = program.entries.map((entry) => planEntry(entry, fastBytes, placements));
  const largest = (key: "fastBytes" | "slowBytes") => entries.reduce((max, entry) => Math.max(max, entry[key]), 0);
  return { regions: { fast: largest("fastBytes"), slow: largest("slowBytes"), state: 0 }, placements, entries };
}

function planEntry(entry: Entry, fastBytes: number, placements: Map<Allocation, Placement>): EntryPlan {
  const groups = joinInPlace(entry, allocationLifetimes(entry));
  const byHeat = [...groups].sort((a, b) => b.traffic / b.bytes - a.traffic / a.bytes || b.bytes - a.bytes);
  const hot = place(byHeat, fastBytes);
  const fast = tighter(hot.placed, fastBytes);
  const slow = place(bySize(hot.rest), Number.POSITIVE_INFINITY);
  const buffers: PlannedBuffer[] = [];
  for (const [region, { placed }] of [
    ["fast", fast],
    ["slow", slow],
  ] as const) {
    for (const [group, offset] of placed) {
      for (const allocation of group.allocations) placements.set(allocation, { region, offset });
      const names = group.allocations.map(({ name }) => name);
      buffers.push({
        names,
        role: group.role,
        bytes: group.bytes,
        region,
        offset,
        firstOp: group.first,
        lastOp: group.last,
      });
    }
  }
  buffers.sort((a, b) => a.firstOp - b.firstOp || a.lastOp - b.lastOp || a.offset - b.offset);
  return { name: entry.name, fastBytes: fast.end, slowBytes: slow.end, buffers };
}

function bySize(groups: readonly Group[]): Group[] {
  return [...groups].sort((a, b) => b.bytes - a.bytes || a.first - b.first);
}

/** Places the same groups again, largest first, and takes the better of the two. */
function tighter(placed: ReadonlyMap<Group, number>, limit: number): Placed {
  const again = place(bySize([...placed.keys()]), limit);
  const end = regionEnd(placed);
  return again.rest.length === 0 && again.end <= end ? again : { placed, rest: [], end };
}

interface Placed {
  readonly placed: ReadonlyMap<Group, number>;
  readonly rest: readonly Group[];
  readonly end: number;
}

/**
 * Puts each group in the smallest gap that it fits among those alive at the same time; `rest` did not fit below the
 * limit.
 */
function place(groups: readonly Group[], limit: number): Placed {
  const placed = new Map<Group, number>();
  const rest: Group[] = [];
  // The groups placed so far, by the op they are in use at: programs of thousands of ops hold most of them for a few
  // ops only.
  const inUse = new Map<number, Group[]>();
  for (const group of groups) {
    const alive = new Set<Group>();
    for (let at = group.first; at <= group.last; at++) for (const other of inUse.get(at) ?? []) alive.add(other);
    const taken = [...alive].map((other) => spanOf(other, placed.get(other) as number));
    const offset = bestOffset(group, taken, limit);
    if (offset === undefined) {
      rest.push(group);
      continue;
    }
    placed.set(group, offset);
    for (let at = group.first; at <= group.last; at++) {
      const here = inUse.get(at);
      if (here === undefined) inUse.set(at, [group]);
      else here.push(group);
    }
  }
  return { placed, rest, end: regionEnd(placed) };
}

interface Span {
  readonly start: number;
  readonly end: number;
}

function spanOf(group: Group, start: number): Span {
  return { start, end: start + roundUp(group.bytes, ALLOCATION_ALIGNMENT) };
}

function regionEnd(placed: ReadonlyMap<Group, number>): number {
  let end = 0;
  for (const [group, offset] of placed) end = Math.max(end, spanOf(group, offset).end);
  return end;
}

function bestOffset(group: Group, taken: readonly Span[], limit: number): number | undefined {
  const size = roundUp(group.bytes, ALLOCATION_ALIGNMENT);
  let free = 0;
  let best: number | undefined;
  let bestGap = Number.POSITIVE_INFINITY;
  for (const { start, end } of [...taken].sort((a, b) => a.start - b.start)) {
    const gap = start - free;
    if (gap >= size && gap < bestGap) {
      best = free;
      bestGap = gap;
    }
    free = Math.max(free, end);
  }
  if (best !== undefined) return best;
  return free + size <= limit ? free : undefined;
}
