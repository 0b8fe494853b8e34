import { connect, type Socket } from "node:net";
import { inputError } from "../files/inputError.js";
import type { FlashPort } from "../flash/espChip.js";
import type { ResetMode } from "../flash/esptool.js";
import { portFailure } from "./portFailure.js";
import { rfc2217Line } from "./rfc2217.js";
import { type ListedPort, listPorts, loadSerialPort, type SerialStream } from "./serialModule.js";
import { type Line, StreamPort } from "./streamPort.js";

/** A port, and how a chip behind it is brought into its loader. */
export interface KnownPort {
  readonly port: FlashPort;
  readonly reset: ResetMode;
}

const CONNECT_MS = 5000;
const ESPRESSIF = 0x303a;
const USB_JTAG = 0x1001;

/**
 * The port of a name: a device such as `/dev/ttyACM0` or `COM3`, `socket://host:port` of a simulated chip, or
 * `rfc2217://host:port` of a serial port on another machine. It is opened by whoever uses it. Rejects with an
 * InputError `PORT_ADDRESS` or `SERIALPORT_MISSING`.
 */
export async function findPort(name: string): Promise<KnownPort> {
  if (/^[a-z0-9+.-]+:\/\//i.test(name)) return networkPort(name);
  const listed = await listPorts();
  const usb = usbOf(listed.find(({ path }) => path === name));
  const others = listed.map(({ path }) => path);
  const port = new StreamPort({ name, usb, openLine: (baudRate) => openSerial(name, baudRate, others) });
  if (/^\/dev\/pts\/\d+$/.test(name)) return { port, reset: "no_reset" };
  const own = usb.usbVendorId === ESPRESSIF && usb.usbProductId === USB_JTAG;
  return { port, reset: own ? "usb_reset" : "default_reset" };
}

function usbOf(listed: ListedPort | undefined): ReturnType<FlashPort["getInfo"]> {
  if (listed?.vendorId === undefined || listed.productId === undefined) return {};
  return { usbVendorId: Number.parseInt(listed.vendorId, 16), usbProductId: Number.parseInt(listed.productId, 16) };
}

async function openSerial(path: string, baudRate: number, others: readonly string[]): Promise<Line> {
  const SerialPort = await loadSerialPort(path);
  const stream = new SerialPort({ path, baudRate, autoOpen: false });
  try {
    await done((end) => stream.open(end));
  } catch (error) {
    throw await portFailure(path, error as Error, others);
  }
  return {
    stream,
    setBaudRate: (next) => done((end) => stream.update({ baudRate: next }, end)),
    setSignals: (signals) => setSignals(stream, signals),
    close: async () => {
      if (stream.isOpen) await done((end) => stream.close(end));
    },
  };
}

async function setSignals(stream: SerialStream, signals: Parameters<FlashPort["setSignals"]>[0]): Promise<void> {
  const { dataTerminalReady: dtr, requestToSend: rts, break: brk } = signals;
  const set = { ...(dtr === undefined ? {} : { dtr }), ...(rts === undefined ? {} : { rts }) };
  try {
    await done((end) => stream.set(brk === undefined ? set : { ...set, brk }, end));
  } catch (error) {
    // A pseudo terminal has no such lines.
    if (!/inappropriate ioctl|ENOTTY|cannot set/i.test((error as Error).message)) throw error;
  }
}

const done = (run: (end: (error: Error | null) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => run((error) => (error ? reject(error) : resolve())));

function networkPort(name: string): KnownPort {
  const url = URL.canParse(name) ? new URL(name) : undefined;
  const signals = url?.protocol === "rfc2217:";
  if (url === undefined || !(signals || url.protocol === "socket:") || url.port === "" || url.hostname === "") {
    throw inputError(name, "PORT_ADDRESS", "this is no address of a port", {
      expected:
        "socket:// or rfc2217://host:port, as `synapse-host sim --serial` prints it, or a device such as /dev/ttyACM0",
    });
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const openLine = async (baudRate: number): Promise<Line> => {
    const socket = await openSocket(name, host, Number(url.port));
    return signals ? rfc2217Line(socket, baudRate) : bareLine(socket);
  };
  return { port: new StreamPort({ name, openLine }), reset: signals ? "default_reset" : "no_reset" };
}

/** A line of bytes and nothing else. */
const bareLine = (stream: Socket): Line => ({
  stream,
  setBaudRate: async () => undefined,
  setSignals: async () => undefined,
  close: () => new Promise((closed) => (stream.destroyed ? closed() : stream.once("close", closed).destroySoon())),
});

function openSocket(name: string, host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const stream = connect({ host, port, noDelay: true });
    const fail = (error: Error) => {
      stream.destroy();
      reject(
        inputError(name, "PORT_MISSING", `nobody answers there (${error.message})`, {
          expected: "a simulated chip, which `synapse-host sim --serial` starts, or a server of serial ports",
        }),
      );
    };
    stream.setTimeout(CONNECT_MS, () => fail(new Error("timeout")));
    stream.once("error", fail);
    stream.once("connect", () => {
      stream.setTimeout(0).off("error", fail);
      resolve(stream);
    });
  });
}
