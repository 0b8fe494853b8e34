/** Text from a file or from the network must neither break the line nor move the cursor. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what has to go.
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
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
