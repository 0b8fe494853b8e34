import type { Command } from "commander";
import { inputError } from "../../../files/inputError.js";
import type { FleetConnection } from "../../../fleet/connectFleet.js";
import type { FleetBoard, Inventory } from "../../../fleet/inventory.js";
import type { CliContext } from "../../context.js";
import { addCommonOptions, type CommonOptions, collect } from "../../options.js";

/** Options of every command of a fleet. */
export interface FleetOptions extends CommonOptions {
  readonly broker?: string;
  readonly user?: string;
  readonly brokerCa?: string;
  readonly id?: readonly string[];
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
}

export function addFleetOptions(command: Command): Command {
  return addCommonOptions(
    command
      .option("--broker <url>", "the fleet's broker: mqtt://host:port, or mqtts:// (default: SYNAPSE_BROKER)")
      .option("--user <name>", "who one is to the broker; the password is SYNAPSE_BROKER_PASSWORD")
      .option("--broker-ca <file>", "who may vouch for the broker (PEM), instead of the authorities of this machine")
      .option("--id <id>", "only this board; may be given several times", collect)
      .option("--name <pattern>", "only boards whose name fits; * and ? stand for any letters")
      .option("--group <name>", "only boards of this group")
      .option("--kind <board>", "only boards of this kind, such as waveshare-esp32-p4-wifi6"),
  );
}

/** A fleet as commands use it. */
export interface OpenFleet {
  readonly connection: FleetConnection;
  readonly inventory: Inventory;
  /** Boards of the broker that the options choose, those that are away too. */
  boards(): FleetBoard[];
  /** Remembers what is known, and leaves the broker. */
  close(): Promise<void>;
}

/** Throws an InputError `BROKER_MISSING`, and those of `connectFleet` and `selectBoards`. */
export async function openFleet(context: CliContext, options: FleetOptions): Promise<OpenFleet> {
  const url = options.broker ?? context.env.SYNAPSE_BROKER;
  if (url === undefined || url === "")
    throw inputError("--broker", "BROKER_MISSING", "no broker is named", {
      expected: "--broker mqtt://host, or SYNAPSE_BROKER",
    });
  const [{ connectFleet }, { Inventory }, { knownBoardsFile, readKnownBoards, writeKnownBoards }, { selectBoards }] =
    await Promise.all([
      import("../../../fleet/connectFleet.js"),
      import("../../../fleet/inventory.js"),
      import("../../../fleet/knownBoards.js"),
      import("../../../fleet/selectBoards.js"),
    ]);
  const authorities = options.brokerCa === undefined ? undefined : await readAuthorities(options.brokerCa);
  const connection = await connectFleet({
    url,
    username: options.user,
    password: context.env.SYNAPSE_BROKER_PASSWORD,
    authorities,
    authoritiesFile: options.brokerCa,
  });
  const file = knownBoardsFile(connection.url, context.env);
  const inventory = new Inventory(connection.client, await readKnownBoards(file));
  const close = async (): Promise<void> => {
    await writeKnownBoards(file, connection.url, inventory.boards());
    await connection.close();
  };
  const { id: ids, name, group, kind: board } = options;
  try {
    await inventory.open(context.signal);
    const chosen = (): FleetBoard[] => selectBoards(inventory.boards(), { ids, name, group, board });
    chosen();
    return { connection, inventory, boards: chosen, close };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** Which boards the options choose, in words; empty: all. */
export function chosenText({ id = [], name, group, kind }: FleetOptions): string {
  const parts = [
    ...[...id].sort().map((each) => `--id ${each}`),
    ...(name === undefined ? [] : [`--name ${name}`]),
    ...(group === undefined ? [] : [`--group ${group}`]),
    ...(kind === undefined ? [] : [`--kind ${kind}`]),
  ];
  return parts.join(" ");
}

const PEM_BYTES_MAX = 1 << 20;

async function readAuthorities(path: string): Promise<string> {
  const { readInput } = await import("../../../files/readInput.js");
  return new TextDecoder().decode(await readInput(path, "certificates in PEM", PEM_BYTES_MAX));
}
