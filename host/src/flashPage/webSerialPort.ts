import { inputError } from "../files/inputError.js";
import type { FlashPort } from "../flash/espChip.js";
import type { LoaderPort, ResetMode } from "../flash/esptool.js";

/** A port of a browser (wicg.github.io/serial), as far as it is used here. */
export interface BrowserSerialPort extends LoaderPort {
  addEventListener(type: "disconnect", listener: () => void): void;
  removeEventListener(type: "disconnect", listener: () => void): void;
}

interface BrowserSerial {
  requestPort(options?: { filters?: readonly { usbVendorId: number }[] }): Promise<BrowserSerialPort>;
}

/** Undefined in a browser without Web Serial, or on a page that came neither over HTTPS nor from this machine. */
export const browserSerial = (): BrowserSerial | undefined =>
  (navigator as unknown as { readonly serial?: BrowserSerial }).serial;

const ESPRESSIF = 0x303a;
const USB_JTAG = 0x1001;

/** How the chip behind a port is brought into its loader. */
export function resetModeOf(port: BrowserSerialPort): ResetMode {
  const { usbVendorId, usbProductId } = port.getInfo();
  return usbVendorId === ESPRESSIF && usbProductId === USB_JTAG ? "usb_reset" : "default_reset";
}

/** A browser's port that says when its cable is pulled. */
export class WebSerialPort implements FlashPort {
  readonly name = "the chosen port";
  readonly lost: Promise<never>;
  readonly #port: BrowserSerialPort;
  readonly #forget: () => void;

  constructor(port: BrowserSerialPort) {
    this.#port = port;
    let gone = () => {};
    this.lost = new Promise((_, reject) => {
      gone = () =>
        reject(
          inputError(this.name, "CABLE_LOST", "the connection to the board has broken", {
            expected: "the cable in its place; flashing again goes on where it broke",
          }),
        );
    });
    this.lost.catch(() => undefined);
    port.addEventListener("disconnect", gone);
    this.#forget = () => port.removeEventListener("disconnect", gone);
  }

  get readable() {
    return this.#port.readable;
  }

  get writable() {
    return this.#port.writable;
  }

  /** Rejects with an InputError `PORT_BUSY` when another program or page has it. */
  async open(options: { baudRate: number }): Promise<void> {
    try {
      await this.#port.open(options);
    } catch (error) {
      if ((error as Error).name === "InvalidStateError" && this.#port.readable !== null) return;
      throw inputError(this.name, "PORT_BUSY", `the port cannot be opened: ${(error as Error).message}`, {
        expected:
          "to have it alone: close the monitor or the other page that reads it. On Linux this user has to be a " +
          "member of the port's group, mostly dialout or uucp",
      });
    }
  }

  async close(): Promise<void> {
    if (this.#port.readable === null && this.#port.writable === null) return;
    await this.#port.close();
  }

  setSignals(signals: Parameters<FlashPort["setSignals"]>[0]): Promise<void> {
    return this.#port.setSignals(signals);
  }

  getInfo(): ReturnType<FlashPort["getInfo"]> {
    return this.#port.getInfo();
  }

  /** Nobody waits for the cable any more. */
  release(): void {
    this.#forget();
  }
}
