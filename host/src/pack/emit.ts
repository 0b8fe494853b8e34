import type {
  ActivationHeader,
  ConstantHeader,
  EntryHeader,
  OpHeader,
  PackHeader,
  PortHeader,
  TensorHeader,
} from "../format/header.js";
import type { Placement, Plan } from "../plan/plan.js";
import type { Activation, Constant, Entry, Op, Port, Program, Tensor } from "../program/program.js";
import { constantsOf } from "../program/program.js";

/** Where a constant's bytes are, from the first blob. */
export interface ConstantPlace {
  readonly offset: number;
  readonly bytes: number;
}

export interface PackIdentity {
  readonly name: string;
  readonly generator: string;
  readonly meta?: Readonly<Record<string, unknown>>;
}

/** The header of a planned program: tensors numbered, ops with numbers for operands. */
export function emitHeader(
  program: Program,
  plan: Plan,
  places: ReadonlyMap<Constant, ConstantPlace>,
  identity: PackIdentity,
): PackHeader {
  const numbering = new Numbering(plan, places);
  for (const constant of constantsOf(program)) numbering.number(constant);
  const entries = program.entries.map((entry) => emitEntry(entry, numbering));
  return {
    name: identity.name,
    generator: identity.generator,
    numeric: program.numeric,
    regions: { ...plan.regions },
    tensors: numbering.headers,
    entries,
    ...(identity.meta === undefined ? {} : { meta: { ...identity.meta } }),
  };
}

/** Numbers tensors in the order of first use; equal views, such as scratch in the same place, get one number. */
class Numbering {
  readonly headers: TensorHeader[] = [];
  private readonly plan: Plan;
  private readonly places: ReadonlyMap<Constant, ConstantPlace>;
  private readonly constants = new Map<Constant, number>();
  private readonly activations = new Map<string, number>();

  constructor(plan: Plan, places: ReadonlyMap<Constant, ConstantPlace>) {
    this.plan = plan;
    this.places = places;
  }

  number(tensor: Tensor): number {
    return tensor.kind === "constant" ? this.constant(tensor) : this.activation(tensor);
  }

  private constant(tensor: Constant): number {
    const known = this.constants.get(tensor);
    if (known !== undefined) return known;
    const { offset, bytes } = this.places.get(tensor) as ConstantPlace;
    const { name, type, shape, scales } = tensor;
    const header: ConstantHeader = {
      name,
      type,
      shape: [...shape],
      offset,
      bytes,
      ...(scales === undefined ? {} : { scales }),
    };
    this.constants.set(tensor, this.headers.length);
    return this.headers.push(header) - 1;
  }

  private activation(tensor: Activation): number {
    const { region, offset } = this.plan.placements.get(tensor.allocation) as Placement;
    const header: ActivationHeader = {
      name: tensor.name,
      type: tensor.type,
      shape: [...tensor.shape],
      offset: offset + tensor.byteOffset,
      region,
      ...(tensor.stride === undefined ? {} : { stride: tensor.stride }),
      ...(tensor.dynamic ? { dynamic: true } : {}),
    };
    const key = JSON.stringify(header);
    const known = this.activations.get(key);
    if (known !== undefined) return known;
    this.activations.set(key, this.headers.length);
    return this.headers.push(header) - 1;
  }
}

function emitEntry(entry: Entry, numbering: Numbering): EntryHeader {
  const port = ({ name, kind, tensor }: Port): PortHeader => ({ name, tensor: numbering.number(tensor), kind });
  const inputs = entry.inputs.map(port);
  const ops = entry.ops.map((op) => emitOp(op, numbering));
  return { name: entry.name, rows_max: entry.rowsMax, inputs, outputs: entry.outputs.map(port), ops };
}

function emitOp(op: Op, numbering: Numbering): OpHeader {
  const fields = Object.entries(op).map(([key, value]) => [key, isTensor(value) ? numbering.number(value) : value]);
  return Object.fromEntries(fields) as OpHeader;
}

function isTensor(value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && "kind" in value;
}
