import { InputError } from "synapse-engine/errors";
import { connectChip } from "../flash/espChip.js";
import { revisionText } from "../flash/espImage.js";
import type { PortReport } from "../report/portsReport.js";
import { usbName } from "./knownUsb.js";
import { findPort } from "./openPort.js";
import { type ListedPort, listPorts } from "./serialModule.js";

/** Chips that are there answer the first call or the second. */
const ATTEMPTS = 2;

/** The serial ports of this machine. With `probe` each is opened and its chip asked, which resets the chip. */
export async function probePorts(probe: boolean): Promise<PortReport[]> {
  const ports = await listPorts();
  const reports: PortReport[] = [];
  for (const port of ports) {
    const about = { path: port.path, usb: usbId(port), holds: usbName(port), serialNumber: port.serialNumber };
    reports.push({ ...about, ...(probe ? await chipAt(port.path) : {}) });
  }
  return reports;
}

const usbId = ({ vendorId, productId }: ListedPort): string | undefined =>
  vendorId === undefined ? undefined : `${vendorId.toLowerCase()}:${(productId ?? "").toLowerCase()}`;

/** What a port's chip says of itself, or why it says nothing. */
export async function chipAt(path: string): Promise<Pick<PortReport, "chip" | "problem">> {
  try {
    const { port, reset } = await findPort(path);
    const chip = await connectChip(port, { baudRate: 115_200, reset, attempts: ATTEMPTS });
    const { name, revision, flashBytes, mac } = chip.facts;
    await chip.restart();
    return { chip: { name, revision: revisionText(revision), flashBytes, mac } };
  } catch (error) {
    if (error instanceof InputError) return { problem: error.message };
    throw error;
  }
}
