/** A serial port, and what is on it. */
export interface PortReport {
  readonly path: string;
  /** `303a:1001`; undefined of what is not on USB. */
  readonly usb: string | undefined;
  readonly holds: string | undefined;
  readonly serialNumber: string | undefined;
  /** Where the chip was asked and has answered. */
  readonly chip?: {
    readonly name: string;
    readonly revision: string;
    /** 0 where it is not an ESP32-P4. */
    readonly flashBytes: number;
    readonly mac: string;
  };
  /** Why it has not. */
  readonly problem?: string;
}
