import { plural } from "../format.js";
import type { MetadataReport } from "../metadataReport.js";

/** What a config was held against, in one line: what agrees, and what nothing is known of. */
export function metadataText({
  sources,
  parts,
  checked,
  unchecked,
  contradictions,
  ignoredBecause,
}: MetadataReport): string {
  const open = unchecked.length > 0 ? `; not checked: ${unchecked.join(", ")}` : "";
  if (parts.length === 0)
    return `none beside the weights that says what the model is: nothing but names and shapes was checked${open}`;
  const agreed = checked.filter((what) => !contradictions.some((contradiction) => contradiction.what === what));
  const ignored =
    ignoredBecause === null ? "" : `; ${plural(contradictions.length, "contradiction")} ignored: ${ignoredBecause}`;
  const named = parts.map((name) => `parts.${name}`).join(", ");
  return `${sources.join(", ")} and ${named} agree in ${agreed.join(", ") || "nothing"}${ignored}${open}`;
}
