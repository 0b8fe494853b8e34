import type { Colors } from "picocolors/types.js";
import { printable } from "./printable.js";

/** How a text report is drawn: colours (which may all be off) and the columns there are. */
export interface TextStyle {
  readonly paint: Colors;
  readonly width: number;
}

/** Shown wherever the outputs of a model of made-up weights appear. */
export const UNTRAINED = "untrained: seeded weights, the numbers mean nothing";

/** A section of a report: a title in bold, its lines below. */
export function section(style: TextStyle, title: string, body: string): string {
  return `${style.paint.bold(title)}\n${body}`;
}

/** Sections with an empty line between them; empty ones are left out. */
export function joinSections(sections: readonly (string | undefined)[]): string {
  return sections.filter((text) => text).join("\n\n");
}

/** The first line of a report: the model, what it is run with, and a warning where its weights are made up. */
export function headline(style: TextStyle, parts: readonly (string | undefined)[], untrained: boolean): string {
  const [first = "", ...others] = parts.filter((part): part is string => part !== undefined).map(printable);
  const warning = untrained ? `\n${style.paint.yellow(UNTRAINED)}` : "";
  return `${style.paint.bold(first)}${others.map((part) => `  ${style.paint.dim("·")}  ${part}`).join("")}${warning}`;
}
