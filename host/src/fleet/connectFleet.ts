import type { MqttClient } from "mqtt";
import { InputError } from "synapse-engine/errors";
import { brokerAddress, secureOptions } from "synapse-sim";
import { BrokerWatch } from "./brokerWatch.js";

const CONNECT_TIMEOUT_MS = 10_000;
/** A broker that hangs is noticed after one and a half of these. */
const KEEPALIVE_S = 20;
/** CONNACK of brokers that have no MQTT 5: of 3.1.1, and of 5. */
const PROTOCOL_REFUSED: ReadonlySet<unknown> = new Set([1, 132]);
/** CONNACK of a wrong or missing user or password: of 3.1.1, and of 5. */
const LOGIN_REFUSED: ReadonlySet<unknown> = new Set([4, 5, 134, 135]);

export interface FleetBroker {
  /** `mqtt://host`, maybe with a user and a password. */
  readonly url: string;
  /** In place of those in the address. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** PEM: who may vouch for the broker, instead of the authorities that the machine knows. */
  readonly authorities?: string | undefined;
  /** The file that `authorities` are from, for what is said about them. */
  readonly authoritiesFile?: string | undefined;
}

/** A connection to the broker of a fleet. It makes itself anew when it breaks. */
export interface FleetConnection {
  readonly client: MqttClient;
  /** The broker's address without a user and a password. */
  readonly url: string;
  readonly broker: BrokerWatch;
  /** Of this machine, where it meets the broker's network; undefined where the system does not say. */
  readonly localAddress: string | undefined;
  close(): Promise<void>;
}

/**
 * Connects by MQTT 5, or 3.1.1 where the broker has no other. Throws an InputError `BROKER_URL`, `TLS_INVALID`,
 * `BROKER_LOGIN` or `BROKER_UNREACHABLE`.
 */
export async function connectFleet(broker: FleetBroker): Promise<FleetConnection> {
  const address = brokerAddress(broker.url);
  const username = broker.username ?? address.username;
  const password = broker.password ?? address.password;
  const tls = secureOptions({ authorities: broker.authorities }, { authorities: broker.authoritiesFile });
  const { default: mqtt } = await import("mqtt");
  const connect = (protocolVersion: 4 | 5): Promise<MqttClient> =>
    mqtt.connectAsync(
      address.url,
      {
        protocolVersion,
        connectTimeout: CONNECT_TIMEOUT_MS,
        keepalive: KEEPALIVE_S,
        reconnectPeriod: 1_000,
        // Commands that were sent before the connection broke are not sent again: whoever waited for them gave up.
        queueQoSZero: false,
        ...(username === "" ? {} : { username }),
        ...(password === "" ? {} : { password }),
        ...tls,
      },
      false,
    );
  const client = await connect(5).catch((error: { readonly code?: unknown }) => {
    if (!PROTOCOL_REFUSED.has(error.code)) throw refusal(address.url, error);
    return connect(4).catch((again) => Promise.reject(refusal(address.url, again)));
  });
  const { localAddress } = client.stream as { localAddress?: string };
  return {
    client,
    url: address.url,
    broker: new BrokerWatch(client),
    localAddress,
    close: () => client.endAsync(true),
  };
}

function refusal(url: string, error: { readonly code?: unknown; readonly message?: string }): InputError {
  if (LOGIN_REFUSED.has(error.code))
    return new InputError({
      code: "BROKER_LOGIN",
      source: url,
      message: "the broker does not let this user in",
      expected: "--user NAME, and its password in SYNAPSE_BROKER_PASSWORD",
    });
  return new InputError({
    code: "BROKER_UNREACHABLE",
    source: url,
    message: `the broker is not reached: ${error.message || String(error.code ?? "no answer")}`,
    expected: expectedOf(error.message ?? ""),
  });
}

function expectedOf(message: string): string {
  if (/certificate|altnames/i.test(message))
    return "a broker whose certificate this machine trusts, or --broker-ca with the file that vouches for it";
  if (/ECONNRESET|before secure TLS|wrong version number|packet/i.test(message))
    return "the address of a broker that runs: mqtts:// where it speaks TLS, mqtt:// where it does not";
  return "the address of a broker that runs";
}
