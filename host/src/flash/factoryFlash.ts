import { InputError } from "synapse-engine/errors";
import { type Board, flashAreas } from "synapse-sim/boards";
import type { CoreAreas } from "./composeFlash.js";

/** What the owner wants a board to know when it starts for the first time, by the names of `PUT /v1/settings`. */
export interface FirstSettings {
  readonly name?: string;
  readonly wifi_ssid?: string;
  readonly wifi_password?: string;
  readonly broker_url?: string;
}

/** A simulated board, as far as it is needed here. */
interface FactoryBoard {
  handle(request: {
    readonly method: string;
    readonly target: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Uint8Array;
  }): Promise<{ readonly status: number; readonly body: Uint8Array }>;
  /** All of its flash, from address 0. */
  flashImage(): Uint8Array;
  close(): Promise<void>;
}

/** Starts one in WebAssembly: its pointers are as wide as the chip's, so what a model needs is too. */
export type StartFactoryBoard = (options: {
  readonly board: Board;
  readonly access: "unclaimed";
  readonly model?: Uint8Array;
  readonly modelSource?: string;
}) => Promise<FactoryBoard>;

/** A packed model, and how it is named in errors. */
export interface FactoryModel {
  readonly source: string;
  readonly bytes: Uint8Array;
}

export interface FactoryFlash extends CoreAreas {
  /** The owner's token, whose hash is in the settings; undefined where there are none. */
  readonly token: string | undefined;
}

/**
 * Records and settings as the device core writes them, by letting it: a simulated board with this board's partitions
 * starts from an erased flash with the model, is claimed and takes the settings. So there is one writer of that format,
 * and a model that the board cannot run is refused here. Without `settings` the board stays without an owner, or keeps
 * the one that it has. Rejects with an InputError `MODEL_*`, `BOARD_*` or `SETTINGS_REFUSED`.
 */
export async function factoryFlash(
  start: StartFactoryBoard,
  board: Board,
  model: FactoryModel | undefined,
  settings: FirstSettings | undefined,
): Promise<FactoryFlash> {
  const simulated = await start({
    board,
    access: "unclaimed",
    ...(model === undefined ? {} : { model: model.bytes, modelSource: model.source }),
  });
  try {
    const token = settings === undefined ? undefined : await claim(simulated, settings);
    const image = simulated.flashImage();
    const area = (name: "records" | "settings"): Uint8Array => {
      const partition = flashAreas(board).get(name);
      return image.slice(partition?.offset, (partition?.offset ?? 0) + (partition?.size ?? 0));
    };
    return { records: area("records"), settings: token === undefined ? undefined : area("settings"), token };
  } finally {
    await simulated.close();
  }
}

async function claim(board: FactoryBoard, settings: FirstSettings): Promise<string> {
  const { token } = await ask(board, "POST", "/v1/claim", {});
  if (Object.keys(settings).length > 0)
    await ask(board, "PUT", "/v1/settings", settings, { authorization: `Bearer ${token}` });
  return token as string;
}

async function ask(
  board: FactoryBoard,
  method: string,
  target: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>> {
  const answer = await board.handle({
    method,
    target,
    headers: { "content-type": "application/json", ...headers },
    body: new TextEncoder().encode(JSON.stringify(body)),
  });
  const said = JSON.parse(new TextDecoder().decode(answer.body)) as Record<string, unknown>;
  if (answer.status < 300) return said;
  throw new InputError({
    code: "SETTINGS_REFUSED",
    source: "settings",
    message: `the board refuses them: ${said.detail ?? said.title}`,
    ...(typeof said.field === "string" ? { where: said.field } : {}),
    ...(typeof said.expected === "string" ? { expected: said.expected } : {}),
  });
}
