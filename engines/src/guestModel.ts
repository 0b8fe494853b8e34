import { decodeMeta } from "./decodeMeta.js";
import type { EntryInfo, Model, ModelInfo, PortInfo, Session } from "./engine.js";
import { EngineError } from "./errors.js";
import { type Guest, Struct } from "./guest.js";
import { Buffers, callChecked, callForStruct, readText, withBuffers } from "./guestCalls.js";
import { GuestSession } from "./guestSession.js";

const KINDS = ["tensor", "image", "tokens", "latent", "action"] as const;
const TYPES = ["f32", "u8", "i32"] as const;

/** A pack in a guest's memory: the file, and the memory the runtime keeps for it. */
export class GuestModel implements Model {
  readonly info: ModelInfo;
  readonly #guest: Guest;
  readonly #address: number;
  readonly #buffers: Buffers;
  readonly #sessions = new Set<GuestSession>();
  #closed = false;

  private constructor(guest: Guest, address: number, buffers: Buffers, info: ModelInfo) {
    this.#guest = guest;
    this.#address = address;
    this.#buffers = buffers;
    this.info = info;
  }

  /** Copies a pack into the guest, has the runtime check the whole of it, and reads what it offers. */
  static async open(guest: Guest, file: Uint8Array): Promise<GuestModel> {
    const buffers = new Buffers(guest);
    try {
      const fileAddress = await buffers.alloc(file.length, "the file");
      guest.write(fileAddress, file);
      const address = await openModel(guest, buffers, fileAddress, file.length);
      return new GuestModel(guest, address, buffers, await readInfo(guest, address));
    } catch (cause) {
      await buffers.free().catch(() => undefined);
      throw cause;
    }
  }

  /** The number of threads is 1 whatever `options` says: these guests have one core. */
  async createSession(_options?: { readonly threads?: number }): Promise<Session> {
    if (this.#closed) throw new EngineError("ARGUMENT", `the model ${JSON.stringify(this.info.name)} is closed`);
    const session = await GuestSession.open(this.#guest, this.#address, this.info, () =>
      this.#sessions.delete(session),
    );
    this.#sessions.add(session);
    return session;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const session of [...this.#sessions]) await session.close();
    await this.#buffers.free();
  }
}

async function openModel(guest: Guest, buffers: Buffers, file: number, fileBytes: number): Promise<number> {
  return withBuffers(guest, async (temporary) => {
    const empty = new Struct(guest.manifest, "syn_error");
    const error = await temporary.alloc(empty.bytes.length, "syn_error");
    const out = await temporary.alloc(4, "a result");
    const word = () => new DataView(guest.read(out, 4).buffer).getUint32(0, true);
    guest.write(error, empty.bytes);
    await callChecked(guest, "opening the model", "syn_model_requirements", [file, fileBytes, out, error], error);
    const memoryBytes = word();
    const memory = await buffers.alloc(memoryBytes, "the model's tables");
    guest.write(error, empty.bytes);
    await callChecked(
      guest,
      "opening the model",
      "syn_model_open",
      [file, fileBytes, 0, memory, memoryBytes, out, error],
      error,
    );
    return word();
  });
}

async function readInfo(guest: Guest, model: number): Promise<ModelInfo> {
  const info = await callForStruct(guest, "reading the model", "syn_model_get_info", [model], "syn_model_info");
  const entries: EntryInfo[] = [];
  for (let index = 0; index < info.get("entry_count"); index += 1) entries.push(await readEntry(guest, model, index));
  return {
    name: readText(guest, info.get("name"), info.get("name_bytes")),
    exact: info.get("exact") === 1,
    fileBytes: info.get("file_bytes"),
    sha256: Array.from(info.array("sha256"), (byte) => byte.toString(16).padStart(2, "0")).join(""),
    goldenCount: info.get("golden_count"),
    entries,
    meta: info.get("meta") === 0 ? {} : decodeMeta(guest.read(info.get("meta"), info.get("meta_bytes"))),
  };
}

async function readEntry(guest: Guest, model: number, index: number): Promise<EntryInfo> {
  const info = await callForStruct(guest, "reading an entry", "syn_model_get_entry", [model, index], "syn_entry_info");
  const ports = async (name: string, count: number) => {
    const list: PortInfo[] = [];
    for (let port = 0; port < count; port += 1) list.push(await readPort(guest, name, model, index, port));
    return list;
  };
  return {
    name: readText(guest, info.get("name"), info.get("name_bytes")),
    rowsMax: info.get("rows_max"),
    opCount: info.get("op_count"),
    inputs: await ports("syn_model_get_input", info.get("input_count")),
    outputs: await ports("syn_model_get_output", info.get("output_count")),
  };
}

async function readPort(guest: Guest, name: string, model: number, entry: number, port: number): Promise<PortInfo> {
  const info = await callForStruct(guest, "reading a port", name, [model, entry, port], "syn_port_info");
  const kind = KINDS[info.get("kind")];
  const type = TYPES[info.get("type")];
  if (kind === undefined || type === undefined) {
    throw new EngineError(
      "BUILD",
      `the build names a port's kind ${info.get("kind")} and type ${info.get("type")}; this binding knows neither`,
    );
  }
  return {
    name: readText(guest, info.get("name"), info.get("name_bytes")),
    kind,
    type,
    shape: info.words("shape", info.get("rank")),
    dynamic: info.get("dynamic") === 1,
    bytesMax: info.get("bytes_max"),
  };
}
