import type { Duplex } from "node:stream";
import { inputError } from "../files/inputError.js";

/** A port as the system lists it; identities are hexadecimal, and there for USB only. */
export interface ListedPort {
  readonly path: string;
  readonly manufacturer?: string;
  readonly serialNumber?: string;
  readonly vendorId?: string;
  readonly productId?: string;
}

/** What is used of the package `serialport`, which is native and therefore optional. */
export interface SerialStream extends Duplex {
  open(done: (error: Error | null) => void): void;
  close(done: (error: Error | null) => void): void;
  update(options: { baudRate: number }, done: (error: Error | null) => void): void;
  set(signals: { dtr?: boolean; rts?: boolean; brk?: boolean }, done: (error: Error | null) => void): void;
  readonly isOpen: boolean;
}

interface SerialModule {
  readonly SerialPort: {
    new (options: { path: string; baudRate: number; autoOpen: false }): SerialStream;
    list(): Promise<ListedPort[]>;
  };
}

/** Loads the package. Rejects with an InputError `SERIALPORT_MISSING`. */
export async function loadSerialPort(source: string): Promise<SerialModule["SerialPort"]> {
  try {
    return ((await import("serialport" as string)) as SerialModule).SerialPort;
  } catch (cause) {
    const reason = (cause as Error).message.split("\n")[0] ?? "";
    throw inputError(source, "SERIALPORT_MISSING", `the package that opens serial ports does not load (${reason})`, {
      expected: "it to be installed: `npm install serialport@13.0.0`",
    });
  }
}

/** The serial ports of this machine; those that can only be consoles of the machine itself are left out. */
export async function listPorts(): Promise<ListedPort[]> {
  const SerialPort = await loadSerialPort("serial ports");
  const ports = await SerialPort.list();
  return ports
    .filter(({ path, vendorId }) => vendorId !== undefined || !/^\/dev\/ttyS\d+$/.test(path))
    .sort((a, b) => a.path.localeCompare(b.path));
}
