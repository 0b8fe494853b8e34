import type { EventEmitter } from "node:events";
import { Bonjour, type ServiceConfig } from "bonjour-service";

/** Of the service, `_synapse._tcp`. */
export const MDNS_TYPE = "synapse";

export interface MdnsOptions {
  /** IPv4 address of the interface to speak on; the system's choice, unless given. */
  readonly interface?: string;
  /** UDP port; 5353, unless given. */
  readonly port?: number;
}

export interface MdnsSocket {
  readonly bonjour: Bonjour;
  close(): Promise<void>;
}

/**
 * Opens a socket for multicast DNS. What goes wrong with it, at whatever time, is told to `onError`, which may hear of
 * it more than once.
 */
export function openMdns(options: MdnsOptions, onError: (error: Error) => void): MdnsSocket {
  const { interface: at, port } = options;
  // A socket that is bound to the interface's own address would not hear what is sent to the group's.
  const socketOptions = {
    ...(at === undefined ? {} : { interface: at, bind: "0.0.0.0" }),
    ...(port === undefined ? {} : { port }),
  };
  const bonjour = new Bonjour(socketOptions as Partial<ServiceConfig>, onError);
  // Errors of the socket are events of an emitter that the library does not show, and would end the program.
  const { mdns } = (bonjour as unknown as { readonly server: { readonly mdns: EventEmitter } }).server;
  mdns.on("error", onError);
  return { bonjour, close: () => new Promise((resolve) => bonjour.destroy(() => resolve())) };
}
