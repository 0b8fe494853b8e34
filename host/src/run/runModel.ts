import { basename } from "node:path";
import type { EngineName, EntryInfo, PortInfo, Session } from "synapse-engine";
import { InputError } from "synapse-engine/errors";
import { boundsOf } from "../config/actionSpace.js";
import { JSON_BYTES_MAX } from "../files/inputKinds.js";
import { readJsonInput } from "../files/readInput.js";
import { ROLLOUT } from "../lower/lower.js";
import { isUntrained, type OpenedModel, openModelFile } from "../open/openModelFile.js";
import { actionWarnings } from "../report/actionWarnings.js";
import { latentDistance } from "../report/latentStats.js";
import type { EngineSummary, ModelSummary, OutputReport, RolloutReport, RunReport } from "../report/runReport.js";
import { type EntryInputs, type InputFiles, readEntryInputs } from "./entryInputs.js";
import { valuesOf } from "./outputPairs.js";
import { rollout, worldModelOf } from "./rollout.js";
import { parseRows } from "./rows.js";
import { floatsOf } from "./seededInputs.js";

/** Steps of one rollout at most: what a board accepts too. */
export const ROLLOUT_STEPS_MAX = 1000;

export interface RunRequest {
  readonly file: string;
  /** The fastest that there is, when absent. */
  readonly engine?: EngineName | undefined;
  readonly threads: number;
  readonly inputs: InputFiles;
  readonly signal?: AbortSignal;
}

/** Hears of every step of a rollout. */
type OnStep = (done: number, total: number) => void;

/** Runs the entry of that name, or a rollout where it is `rollout` and the model has no entry that is called so. */
export async function runNamed(request: RunRequest, name: string, onStep?: OnStep): Promise<RunReport | RolloutReport> {
  return withSession(request, async (opened, session) => {
    const builtIn = name === ROLLOUT && !opened.model.info.entries.some((entry) => entry.name === name);
    return builtIn ? rolloutIn(opened, session, request, onStep) : entryIn(opened, session, request, name);
  });
}

/** Runs one entry of a packed model on files and answers every output with its values. */
export async function runEntry(request: RunRequest, entryName: string): Promise<RunReport> {
  return withSession(request, (opened, session) => entryIn(opened, session, request, entryName));
}

/** Predicts a trajectory from a picture or a latent and a file of actions. `onStep` hears of every step. */
export async function runRollout(request: RunRequest, onStep?: OnStep): Promise<RolloutReport> {
  return withSession(request, (opened, session) => rolloutIn(opened, session, request, onStep));
}

async function entryIn(
  opened: OpenedModel,
  session: Session,
  request: RunRequest,
  entryName: string,
): Promise<RunReport> {
  const entry = findEntry(opened, request.file, entryName);
  const inputStart = performance.now();
  const given = await readEntryInputs(entry, request.inputs);
  const runStart = performance.now();
  const outputs = await session.run(entry.name, given.inputs, given.rows);
  const end = performance.now();
  request.signal?.throwIfAborted();
  return {
    command: "run",
    model: summariseModel(opened, request.file),
    engine: summariseEngine(opened, request.threads),
    entry: entry.name,
    rows: given.rows,
    inputs: given.sources,
    outputs: entry.outputs.map((port, index) => outputReport(port, outputs[index] as Uint8Array, given.rows)),
    warnings: entry.inputs.flatMap(({ kind }, index) =>
      kind === "action"
        ? actionWarnings(boundsOf(opened.model.info.meta), rowsOf(given.inputs[index] as Uint8Array, given.rows))
        : [],
    ),
    timing: { openMs: opened.openMs, inputMs: runStart - inputStart, runMs: end - runStart },
  };
}

async function rolloutIn(
  opened: OpenedModel,
  session: Session,
  request: RunRequest,
  onStep?: OnStep,
): Promise<RolloutReport> {
  const world = worldModelOf(opened.model.info, request.file);
  const inputStart = performance.now();
  const actionsFile = request.inputs.actions;
  if (!actionsFile) throw missing("rollout needs actions", "--actions <file>, JSON rows of one action a step");
  const actions = await readActions(actionsFile, world.actionSize);
  const start = await startOf(session, world, request.inputs, request.file);
  const runStart = performance.now();
  const latents = await rollout(session, world, start.latent, actions, {
    ...(request.signal ? { signal: request.signal } : {}),
    onStep: (done) => onStep?.(done, actions.length),
  });
  const runMs = performance.now() - runStart;
  return {
    command: "rollout",
    model: summariseModel(opened, request.file),
    engine: summariseEngine(opened, request.threads),
    steps: actions.length,
    historyMax: world.historyMax,
    inputs: [...start.sources, { port: "actions", kind: "action", file: actionsFile }],
    latents,
    stepDistances: latents.map((latent, step) =>
      step === 0 ? 0 : latentDistance(latent, latents[step - 1] as Float32Array),
    ),
    startDistances: latents.map((latent) => latentDistance(latent, start.latent)),
    warnings: actionWarnings(boundsOf(opened.model.info.meta), actions),
    timing: { openMs: opened.openMs, inputMs: runStart - inputStart, runMs, stepMsMean: runMs / actions.length },
  };
}

/** Rows of actions from a JSON file, each of `actionSize` numbers one row a step. */
export async function readActions(file: string, actionSize: number): Promise<Float32Array[]> {
  const document = await readJsonInput(file, "a JSON file of actions", JSON_BYTES_MAX);
  return parseRows(document, {
    source: file,
    noun: "action",
    columns: actionSize,
    rowsMin: 1,
    rowsMax: ROLLOUT_STEPS_MAX,
  });
}

async function startOf(
  session: Session,
  world: ReturnType<typeof worldModelOf>,
  files: InputFiles,
  source: string,
): Promise<{ latent: Float32Array; sources: EntryInputs["sources"] }> {
  if (files.latent) {
    const document = await readJsonInput(files.latent, "a JSON file of a latent", JSON_BYTES_MAX);
    const [latent] = parseRows(document, {
      source: files.latent,
      noun: "latent",
      columns: world.latentSize,
      rowsMin: 1,
      rowsMax: 1,
    });
    return { latent: latent as Float32Array, sources: [{ port: "latent", kind: "latent", file: files.latent }] };
  }
  if (!files.image) throw missing("rollout needs a start", "--image <picture> or --latent <file>");
  if (!world.encode)
    throw missing(`${source} has no entry encode, so a rollout cannot start from a picture`, "--latent <file>");
  const given = await readEntryInputs(world.encode, { image: files.image, byName: new Map() });
  const [latent] = await session.run(world.encode.name, given.inputs, given.rows);
  return { latent: floatsOf(latent as Uint8Array), sources: given.sources };
}

async function withSession<Answer>(
  request: RunRequest,
  use: (opened: OpenedModel, session: Session) => Promise<Answer>,
): Promise<Answer> {
  const opened = await openModelFile(request.file, request.engine);
  try {
    const session = await opened.model.createSession({ threads: request.threads });
    try {
      return await use(opened, session);
    } finally {
      await session.close();
    }
  } finally {
    await opened.close();
  }
}

function rowsOf(bytes: Uint8Array, rows: number): Float32Array[] {
  const values = floatsOf(bytes);
  const width = values.length / rows;
  return Array.from({ length: rows }, (_, row) => values.subarray(row * width, (row + 1) * width));
}

function findEntry(opened: OpenedModel, file: string, name: string): EntryInfo {
  const { entries } = opened.model.info;
  const entry = entries.find((candidate) => candidate.name === name);
  if (entry) return entry;
  const names = entries.map((candidate) => candidate.name);
  const world = names.includes("predict") ? [...names, ROLLOUT] : names;
  throw new InputError({
    code: "ENTRY_UNKNOWN",
    source: file,
    message: `has no entry ${JSON.stringify(name)}`,
    expected: world.join(", "),
  });
}

function outputReport(port: PortInfo, bytes: Uint8Array, rows: number): OutputReport {
  const shape = port.dynamic ? [rows, ...port.shape.slice(1)] : port.shape;
  return { name: port.name, kind: port.kind, type: port.type, shape, values: valuesOf(port, bytes) };
}

export function summariseModel({ model }: OpenedModel, file: string): ModelSummary {
  const { name, sha256, exact, meta } = model.info;
  return { file: basename(file), name, sha256, exact, untrained: isUntrained(meta) };
}

export function summariseEngine({ engine }: OpenedModel, threads: number): EngineSummary {
  return { name: engine.name, isa: engine.isa, threads };
}

function missing(message: string, expected: string): InputError {
  return new InputError({ code: "INPUT_MISSING", source: "command line", message, expected });
}
