/** What a serial port must be for esptool-js: the part of Web Serial's SerialPort that it uses. */
export interface LoaderPort {
  open(options: { baudRate: number }): Promise<void>;
  close(): Promise<void>;
  readonly readable: ReadableStream<Uint8Array> | null;
  readonly writable: WritableStream<Uint8Array> | null;
  setSignals(signals: { dataTerminalReady?: boolean; requestToSend?: boolean; break?: boolean }): Promise<void>;
  getInfo(): { usbVendorId?: number; usbProductId?: number };
  /** Changes the speed without closing; a browser's port has to be reopened. */
  setBaudRate?(baudRate: number): Promise<void>;
}

/** How a chip is brought into its loader: by DTR and RTS of a bridge, as its own USB port wants it, or not at all. */
export type ResetMode = "default_reset" | "usb_reset" | "no_reset";

export interface EspTransport {
  trace(message: string): void;
  drainInput(): Promise<void>;
  disconnect(): Promise<void>;
}

/** A chip as esptool-js knows it. */
interface EspTarget {
  readonly CHIP_NAME: string;
  readonly IMAGE_CHIP_ID?: number;
  getChipRevision?(loader: EspLoader): Promise<number>;
  readMac(loader: EspLoader): Promise<string>;
  postConnect?(loader: EspLoader): Promise<void>;
}

export interface EspLoader {
  readonly chip: EspTarget;
  readonly secureDownloadMode: boolean;
  readonly CHIP_DETECT_MAGIC_REG_ADDR: number;
  readonly FLASH_WRITE_SIZE: number;
  readonly ESP_ERASE_FLASH: number;
  detectChip(mode: ResetMode, attempts: number): Promise<void>;
  runStub(): Promise<unknown>;
  changeBaud(): Promise<void>;
  readFlashId(): Promise<number>;
  readReg(address: number, timeoutMs?: number): Promise<number>;
  flashDeflBegin(bytes: number, compressedBytes: number, offset: number): Promise<number>;
  flashDeflBlock(block: Uint8Array, sequence: number, timeoutMs: number): Promise<void>;
  flashMd5sum(offset: number, bytes: number): Promise<string>;
  readFlash(offset: number, bytes: number): Promise<Uint8Array>;
  eraseFlash(): Promise<unknown>;
}

interface EspTool {
  readonly Transport: new (port: LoaderPort, tracing: boolean) => EspTransport;
  readonly ESPLoader: new (options: {
    transport: EspTransport;
    baudrate: number;
    terminal: { clean(): void; writeLine(text: string): void; write(text: string): void };
  }) => EspLoader;
}

/**
 * Espressif's own loader. Its types need those of a browser, so what is used of it is declared above; its bundle is
 * used because its modules import JSON in a way that Node has from 20.10 on only.
 */
export async function loadEspTool(): Promise<EspTool> {
  return (await import("esptool-js/bundle.js" as string)) as EspTool;
}
