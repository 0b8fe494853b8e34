import { InputError } from "synapse-engine/errors";
import { type Board, flashAreas, SimulatedBoard } from "synapse-sim";
import type { CoreAreas } from "../flash/composeFlash.js";

/** What the owner wants a board to know when it starts for the first time, by the names of `PUT /v1/settings`. */
export interface FirstSettings {
  readonly name?: string;
  readonly wifi_ssid?: string;
  readonly wifi_password?: string;
  readonly broker_url?: string;
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
  board: Board,
  model: { readonly source: string; readonly bytes: Uint8Array } | undefined,
  settings: FirstSettings | undefined,
): Promise<FactoryFlash> {
  const simulated = await SimulatedBoard.create({
    board,
    access: "unclaimed",
    // Its pointers are as wide as the chip's, so what a model needs is too.
    engine: "wasm",
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

async function claim(board: SimulatedBoard, settings: FirstSettings): Promise<string> {
  const { token } = await ask(board, "POST", "/v1/claim", {});
  if (Object.keys(settings).length > 0)
    await ask(board, "PUT", "/v1/settings", settings, { authorization: `Bearer ${token}` });
  return token as string;
}

async function ask(
  board: SimulatedBoard,
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
