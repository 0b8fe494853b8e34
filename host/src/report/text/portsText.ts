import { formatBytes } from "../format.js";
import type { PortReport } from "../portsReport.js";
import { renderTable } from "../table.js";
import { printable } from "./printable.js";
import type { TextStyle } from "./style.js";

/** Ports, one a line. */
export function portsText({ paint }: TextStyle, ports: readonly PortReport[]): string {
  const rows = ports.map(({ path, usb, holds, chip, problem }) => {
    const flash = chip && chip.flashBytes > 0 ? `, ${formatBytes(chip.flashBytes)} of flash` : "";
    const found = chip ? `${chip.name} ${chip.revision}${flash}, ${chip.mac}` : printable(problem ?? "");
    return [paint.cyan(printable(path)), usb ?? "", printable(holds ?? ""), found];
  });
  return renderTable(
    ["port", "USB", "what", "chip"].map((title) => ({ title })),
    rows,
    paint.dim,
  );
}
