import { boundsOf } from "../config/actionSpace.js";
import type { ActionSpace } from "../config/configSchema.js";
import { type OpName, operandKeys } from "../format/ops.js";
import { type PackSummary, type SummaryHeader, summarisePack } from "./packSummary.js";
import type { BoardFit } from "./slotFit.js";

/** The header of docs/format.md, as far as `inspect` shows it. */
export interface InspectedHeader extends SummaryHeader {
  readonly tensors: readonly InspectedTensor[];
  readonly entries: readonly InspectedEntry[];
  readonly meta?: Readonly<Record<string, unknown>> | undefined;
}

export interface InspectedTensor {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly bytes?: number | undefined;
  readonly region?: string | undefined;
  readonly dynamic?: boolean | undefined;
}

export interface InspectedEntry {
  readonly name: string;
  readonly rows_max: number;
  readonly inputs: readonly { readonly name: string; readonly tensor: number; readonly kind: string }[];
  readonly outputs: readonly { readonly name: string; readonly tensor: number; readonly kind: string }[];
  readonly ops: readonly Readonly<Record<string, unknown> & { op: string }>[];
}

export interface InspectedPort {
  readonly name: string;
  readonly kind: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly dynamic: boolean;
}

export interface InspectReport {
  readonly command: "inspect";
  readonly file: string;
  readonly fileBytes: number;
  readonly sha256: string;
  /** The key that is said to have signed it; null when it is not signed. */
  readonly signedBy: string | null;
  readonly name: string;
  readonly generator: string;
  readonly numeric: string;
  readonly untrained: boolean;
  /** Build of the runtime that validated the whole file. */
  readonly validatedBy: string;
  readonly goldenCount: number;
  readonly entries: readonly {
    readonly name: string;
    readonly rowsMax: number;
    readonly inputs: readonly InspectedPort[];
    readonly outputs: readonly InspectedPort[];
  }[];
  readonly weights: Omit<PackSummary, "entries" | "regions">;
  readonly programs: PackSummary["entries"];
  readonly regions: PackSummary["regions"];
  readonly boards: readonly BoardFit[];
  /** Units and bounds of the actions, as the pack says; null where it says nothing. */
  readonly actions: ActionSpace | null;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly tensors: readonly InspectedTensor[];
  /** Ops with the names of the tensors they work on, by entry. */
  readonly ops: Readonly<Record<string, readonly OpLine[]>>;
}

export interface OpLine {
  readonly op: string;
  /** Name and type of the weight, where there is one. */
  readonly weight: string | undefined;
  readonly weightType: string | undefined;
  readonly shape: readonly number[];
  readonly region: string | undefined;
  /** The op's own keys that are no tensors: `act`, `eps`, `heads`, ... */
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface InspectedFile {
  readonly file: string;
  readonly fileBytes: number;
  readonly sha256: string;
  readonly signedBy: string | undefined;
  readonly validatedBy: string;
  readonly header: InspectedHeader;
  readonly boards: readonly BoardFit[];
}

/** Everything that `inspect` says of a pack. The header has been validated: indices of tensors are in range. */
export function inspectPack({
  file,
  fileBytes,
  sha256,
  signedBy,
  validatedBy,
  header,
  boards,
}: InspectedFile): InspectReport {
  const { entries: programs, regions, ...weights } = summarisePack(header);
  const port = ({ name, kind, tensor }: InspectedEntry["inputs"][number]): InspectedPort => {
    const { type, shape, dynamic } = header.tensors[tensor] as InspectedTensor;
    return { name, kind, type, shape, dynamic: dynamic ?? false };
  };
  return {
    command: "inspect",
    file,
    fileBytes,
    sha256,
    signedBy: signedBy ?? null,
    name: header.name,
    generator: header.generator,
    numeric: header.numeric,
    untrained: header.meta?.untrained === true,
    validatedBy,
    goldenCount: header.golden?.length ?? 0,
    entries: header.entries.map(({ name, rows_max, inputs, outputs }) => ({
      name,
      rowsMax: rows_max,
      inputs: inputs.map(port),
      outputs: outputs.map(port),
    })),
    weights,
    programs,
    regions,
    boards,
    actions: boundsOf(header.meta) ?? null,
    meta: header.meta ?? {},
    tensors: header.tensors,
    ops: Object.fromEntries(header.entries.map(({ name, ops }) => [name, ops.map((op) => opLine(op, header))])),
  };
}

function opLine(op: InspectedEntry["ops"][number], header: InspectedHeader): OpLine {
  const tensor = (key: string) => (typeof op[key] === "number" ? header.tensors[op[key]] : undefined);
  const operands = new Set(operandKeys(op.op as OpName).map(([key]) => key));
  const settings = Object.entries(op).filter(([key]) => key !== "op" && !operands.has(key));
  const weight = tensor("w") ?? tensor("gamma");
  const out = tensor("out");
  return {
    op: op.op,
    weight: weight?.name,
    weightType: weight?.type,
    shape: out?.shape ?? [],
    region: out?.region,
    settings: Object.fromEntries(settings),
  };
}
