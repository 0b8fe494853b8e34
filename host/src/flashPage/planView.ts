import type { FlashMap, FlashPlace } from "../report/flashReport.js";
import { formatBytes } from "../report/format.js";
import { byId } from "./elements.js";

const percent = (part: number, whole: number): string => `${(100 * part) / whole}%`;

/** Shows the flash as a picture and a table. */
export function showPlan({ flashBytes, places }: FlashMap): void {
  byId("plan").hidden = false;
  const picture = byId("picture");
  const written = places.filter(({ usedBytes }) => usedBytes > 0);
  picture.setAttribute(
    "aria-label",
    `${formatBytes(flashBytes)} of flash, written: ${written.map(({ name }) => name).join(", ")}`,
  );
  picture.replaceChildren(
    ...places.flatMap(({ offset, sizeBytes, usedBytes }) => [
      bar(offset, sizeBytes, flashBytes, ""),
      ...(usedBytes > 0 ? [bar(offset, usedBytes, flashBytes, "written")] : []),
    ]),
  );
  byId("places").replaceChildren(...places.map(row));
}

function bar(offset: number, bytes: number, flashBytes: number, name: string): HTMLElement {
  const span = document.createElement("span");
  span.className = name;
  span.style.left = percent(offset, flashBytes);
  span.style.width = percent(bytes, flashBytes);
  return span;
}

function row({ offset, name, usedBytes, holds }: FlashPlace): HTMLElement {
  const line = document.createElement("tr");
  if (usedBytes === 0) line.className = "idle";
  const written = usedBytes === 0 ? "" : formatBytes(usedBytes);
  for (const text of [`0x${offset.toString(16)}`, name, holds ?? "left alone", written]) {
    const cell = document.createElement("td");
    cell.textContent = text;
    line.append(cell);
  }
  return line;
}
