/** What turns the direction of a line round, or is not seen at all: one name must not look like another. */
const DECEIVING = /[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** Text from a file or from the network must neither break the line nor move the cursor. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what has to go.
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").replaceAll(DECEIVING, "");
}

/** The same of a text that somebody else made as long as they liked, for a cell of a table. */
export function printableCell(text: string, charactersMax = 40): string {
  const characters = [...printable(text.slice(0, 4 * charactersMax))];
  if (characters.length <= charactersMax) return characters.join("");
  return `${characters.slice(0, charactersMax - 1).join("")}…`;
}

/** The same for every text of a report, keys included: a pack is named by whoever made it. */
export function printableReport<Report>(report: Report): Report {
  return deep(report) as Report;
}

function deep(value: unknown): unknown {
  if (typeof value === "string") return printable(value);
  if (Array.isArray(value)) return value.map(deep);
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [printable(key), deep(item)]));
}
