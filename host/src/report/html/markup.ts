import { printable } from "../text/printable.js";

/** Text as it stands in HTML, in an element or between quotes: names come from files that anybody may have made. */
export function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return printable(text).replaceAll(/[&<>"']/g, (character) => entities[character] as string);
}

/** A table with its titles; cells are text and are escaped here. */
export function htmlTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = titles.map((title) => `<th scope="col">${escaped(title)}</th>`).join("");
  const body = rows.map(
    ([first = "", ...others]) =>
      `<tr><th scope="row">${escaped(first)}</th>${others.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`,
  );
  return `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${body.join("\n")}</tbody></table></div>`;
}

/** One file that asks nothing of the network, for phones and desks, light and dark. `body` is markup. */
export function htmlDocument(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c1e21; --dim: #5f6670; --line: #d5d9de; --ground: #fff;
  --first: #0b62c4; --second: #b4540a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaed; --dim: #a3abb5; --line: #3a4048; --ground: #15181c; --first: #6cb2ff; --second: #ffac5c; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { margin: .5rem 0; } .dim { color: var(--dim); } .first { color: var(--first); } .second { color: var(--second); }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child { text-align: left; } thead th { color: var(--dim); font-weight: 600; }
svg { width: 100%; height: auto; max-width: 44rem; display: block; font: 12px system-ui, sans-serif; }
svg text { fill: var(--dim); } .axis { stroke: var(--line); } .band.first, .bar.first { fill: var(--first); }
.band.second, .bar.second { fill: var(--second); } .band { opacity: .2; } .bar { opacity: .8; }
path.first, path.second { fill: none; stroke-width: 2; } path.first { stroke: var(--first); }
path.second { stroke: var(--second); stroke-dasharray: 5 3; }
`;
