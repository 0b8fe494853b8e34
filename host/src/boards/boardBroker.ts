import { InputError } from "synapse-engine/errors";
import { brokerAddress, startBroker } from "synapse-sim";
import { lanAddress } from "./lanAddress.js";

/** The broker that simulated boards connect to. */
export interface BoardBroker {
  /** For this machine, without a user and a password. */
  readonly url: string;
  /**
   * For others in the local network; undefined when it is served to this machine alone, there is no network, or it is
   * not ours.
   */
  readonly lanUrl: string | undefined;
  /** Whether it runs in this process. */
  readonly embedded: boolean;
  /** With what boards connect. */
  readonly boardUrl: string;
  /** Ends a broker of this process; another one runs on. */
  close(): Promise<void>;
}

export const MQTT_PORT = 1883;
/** Ports that are tried one after the other when none was asked for. */
const PORTS_TRIED = 16;

/** Starts a broker in this process: at `port`, or without one at 1883 or the next port that is free. */
export async function serveBroker(host: string, port: number | undefined): Promise<BoardBroker> {
  const broker = await listenAt(host, port);
  const address = host === "0.0.0.0" || host === "::" ? lanAddress() : undefined;
  return {
    url: broker.url,
    boardUrl: broker.url,
    lanUrl: address === undefined ? undefined : `mqtt://${address}:${broker.port}`,
    embedded: true,
    close: () => broker.close(),
  };
}

async function listenAt(host: string, port: number | undefined) {
  if (port !== undefined) return startBroker({ host, port });
  for (let tried = 0; ; tried++) {
    try {
      return await startBroker({ host, port: MQTT_PORT + tried });
    } catch (error) {
      const taken = error instanceof InputError && error.code === "PORT_UNAVAILABLE";
      if (!taken || tried + 1 === PORTS_TRIED) throw error;
    }
  }
}

/** A broker that somebody else runs. Throws an InputError with code `BROKER_URL` when that is no address of one. */
export function brokerAt(address: string): BoardBroker {
  return {
    url: brokerAddress(address).url,
    boardUrl: address,
    lanUrl: undefined,
    embedded: false,
    close: async () => undefined,
  };
}
