import type { FlashMap, FlashPlace, FlashReport } from "../flashReport.js";
import { formatBytes } from "../format.js";
import { renderFields, renderTable } from "../table.js";
import { printable } from "./printable.js";
import { joinSections, type TextStyle } from "./style.js";

/** Cells of the picture: one for a 64th of the flash. */
const CELLS = 64;

const address = (value: number): string => `0x${value.toString(16).padStart(7, "0")}`;

/** The flash as a picture and a table: `█` is written, `▒` belongs to a partition that is left alone, `·` to none. */
export function flashMapText({ paint }: TextStyle, map: FlashMap): string {
  const cellBytes = map.flashBytes / CELLS;
  const cells = Array.from({ length: CELLS }, (_, i) => cellOf(map.places, i * cellBytes, (i + 1) * cellBytes));
  const picture = cells.map((cell) => (cell === "█" ? paint.cyan(cell) : paint.dim(cell))).join("");
  const rows = map.places.map((place) => [
    address(place.offset),
    place.name,
    formatBytes(place.sizeBytes),
    place.usedBytes === 0 ? "" : formatBytes(place.usedBytes),
    place.usedBytes === 0 ? "" : `${Math.ceil((100 * place.usedBytes) / place.sizeBytes)} %`,
    place.holds === undefined ? paint.dim("left alone") : printable(place.holds),
  ]);
  const columns = [
    { title: "address" },
    { title: "place" },
    { title: "size", align: "right" as const },
    { title: "written", align: "right" as const },
    { title: "", align: "right" as const },
    { title: "holds" },
  ];
  return joinSections([`${address(0)} ${picture} ${address(map.flashBytes)}`, renderTable(columns, rows, paint.dim)]);
}

function cellOf(places: readonly FlashPlace[], start: number, end: number): string {
  const here = places.filter(({ offset, sizeBytes }) => offset < end && start < offset + sizeBytes);
  if (here.some(({ offset, usedBytes }) => usedBytes > 0 && offset < end && start < offset + usedBytes)) return "█";
  return here.length > 0 ? "▒" : "·";
}

export function flashText(style: TextStyle, report: FlashReport): string {
  const { paint } = style;
  const { chip, port } = report;
  const kept = report.keptBytes > 0 ? `, ${formatBytes(report.keptBytes)} were there already` : "";
  const again = report.repetitions > 0 ? `, ${report.repetitions} pieces more than once` : "";
  const rate = report.seconds > 0 ? ` in ${report.seconds.toFixed(1)} s` : "";
  const done = `${formatBytes(report.writtenBytes)}${rate}${kept}${again}, verified by MD5`;
  return joinSections([
    renderFields(
      [
        ["board", report.map.board],
        ["port", port],
        ["chip", chip && `${chip.name} ${chip.revision}, ${formatBytes(chip.flashBytes)} of flash, ${chip.mac}`],
      ],
      paint.dim,
    ),
    flashMapText(style, report.map),
    renderFields(
      [
        report.dryRun ? ["would write", formatBytes(report.totalBytes)] : ["written", done],
        ["erased", report.erased ? "all of the flash, before" : undefined],
        ["owner", report.tokenFile && `you: the token is kept in ${printable(report.tokenFile)}`],
        ...nextSteps(style, report),
      ],
      paint.dim,
    ),
  ]);
}

/** What one does with a board that was just flashed. */
function nextSteps({ paint }: TextStyle, { dryRun, chip, port, tokenFile }: FlashReport): [string, string][] {
  if (dryRun || chip === undefined || port === undefined) return [];
  const id = chip.mac.replaceAll(":", "");
  const claim = `synapse-host claim http://synapse-${id.slice(-6)}.local`;
  const monitor: [string, string] = ["next", paint.cyan(`synapse-host monitor --port ${printable(port)}`)];
  if (tokenFile === undefined) return [monitor, ["", paint.cyan(claim)]];
  const elsewhere = paint.dim(`(at another address, with --id ${id})`);
  return [monitor, ["", `${paint.cyan(claim)}  ${elsewhere}`]];
}
