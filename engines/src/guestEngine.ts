import type { Engine, EngineName, Model } from "./engine.js";
import { EngineError } from "./errors.js";
import type { Guest } from "./guest.js";
import { readCString } from "./guestCalls.js";
import { GuestModel } from "./guestModel.js";

/** The version of synapse.h that this binding is written against. */
const API_VERSION = 1;

/** The engine interface over any guest that holds the runtime. */
export class GuestEngine implements Engine {
  readonly name: EngineName;
  readonly isa: string;
  readonly #guest: Guest;
  #closed = false;

  private constructor(name: EngineName, isa: string, guest: Guest) {
    this.name = name;
    this.isa = isa;
    this.#guest = guest;
  }

  /** Takes the guest over: it is closed with the engine, and at once when it is not of this binding's version. */
  static async create(name: EngineName, guest: Guest): Promise<GuestEngine> {
    try {
      return await GuestEngine.#create(name, guest);
    } catch (cause) {
      await guest.close();
      throw cause;
    }
  }

  static async #create(name: EngineName, guest: Guest): Promise<GuestEngine> {
    const version = await guest.call("syn_api_version");
    if (version !== API_VERSION) {
      throw new EngineError(
        "BUILD",
        `the ${name} build speaks version ${version} of the API; this binding speaks ${API_VERSION}: rebuild it`,
      );
    }
    return new GuestEngine(name, readCString(guest, await guest.call("syn_isa_name")), guest);
  }

  async openModel(file: Uint8Array): Promise<Model> {
    if (this.#closed) throw new EngineError("ARGUMENT", `the ${this.name} engine is closed`);
    return GuestModel.open(this.#guest, file);
  }

  /** Ends the guest; its models and sessions are gone with it. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#guest.close();
  }
}
