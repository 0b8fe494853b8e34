import type { Engine, EngineName, Model } from "./engine.js";
import { EngineError } from "./errors.js";
import type { Machine } from "./machine.js";
import { readCString } from "./machineCalls.js";
import { MachineModel } from "./machineModel.js";

/** The version of synapse.h that this binding is written against. */
const API_VERSION = 1;

/** The engine interface over any machine that holds the runtime. */
export class MachineEngine implements Engine {
  readonly name: EngineName;
  readonly isa: string;
  readonly #machine: Machine;
  #closed = false;

  private constructor(name: EngineName, isa: string, machine: Machine) {
    this.name = name;
    this.isa = isa;
    this.#machine = machine;
  }

  /** Takes the machine over: it is closed with the engine, and at once when it is not of this binding's version. */
  static async create(name: EngineName, machine: Machine): Promise<MachineEngine> {
    try {
      return await MachineEngine.#create(name, machine);
    } catch (cause) {
      await machine.close();
      throw cause;
    }
  }

  static async #create(name: EngineName, machine: Machine): Promise<MachineEngine> {
    const version = await machine.call("syn_api_version");
    if (version !== API_VERSION) {
      throw new EngineError(
        "BUILD",
        `the ${name} build speaks version ${version} of the API; this binding speaks ${API_VERSION}: rebuild it`,
      );
    }
    return new MachineEngine(name, readCString(machine, await machine.call("syn_isa_name")), machine);
  }

  async openModel(file: Uint8Array): Promise<Model> {
    if (this.#closed) throw new EngineError("ARGUMENT", `the ${this.name} engine is closed`);
    return MachineModel.open(this.#machine, file);
  }

  /** Ends the machine; its models and sessions are gone with it. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#machine.close();
  }
}
