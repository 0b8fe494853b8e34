// Where bundles find the parts of the client that the page uses: its sources, because the page is built before
// TypeScript is compiled.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const CLIENT = fileURLToPath(new URL("../client", import.meta.url));
const { name, exports } = JSON.parse(readFileSync(join(CLIENT, "package.json"), "utf8"));

export const CLIENT_SOURCES = Object.fromEntries(
  Object.entries(exports)
    .filter(([entry]) => entry !== ".")
    .map(([entry, built]) => [
      name + entry.slice(1),
      join(CLIENT, built.replace("dist/", "src/").replace(/\.js$/, ".ts")),
    ]),
);
