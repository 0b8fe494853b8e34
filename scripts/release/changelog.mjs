const HEADING = /^## Unreleased[ \t]*$/m;

/** What stands under "Unreleased", without its heading. Throws RangeError where there is no such section. */
export function unreleased(changelog) {
  const { body } = split(changelog);
  return body.trim();
}

/** The changelog with that section dated, and an empty one before it. */
export function datedChangelog(changelog, version, date) {
  const { before, body, after } = split(changelog);
  return `${before}## Unreleased\n\n## ${version} - ${date}\n\n${body.trim()}\n${after === "" ? "" : `\n${after}`}`;
}

function split(changelog) {
  const heading = HEADING.exec(changelog);
  if (heading === null) throw new RangeError('CHANGELOG.md has no section "## Unreleased"');
  const rest = changelog.slice(heading.index + heading[0].length);
  const next = rest.search(/^## /m);
  const end = next < 0 ? rest.length : next;
  return { before: changelog.slice(0, heading.index), body: rest.slice(0, end), after: rest.slice(end) };
}
