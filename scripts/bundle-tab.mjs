// Bundles what a board in a browser's tab consists of, besides model and board file, into sim/dist/browser/files.
// Part of setup.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { CLIENT_SOURCES } from "./client-sources.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const SOURCES = join(ROOT, "sim", "src", "browser", "tab");
const FILES = join(ROOT, "sim", "dist", "browser", "files");
const PAGE = join(ROOT, "firmware", "components", "synapse", "web", "dist", "index.html");

async function bundle(name, output, format) {
  const build = await rolldown({
    input: join(SOURCES, name),
    platform: "browser",
    tsconfig: false,
    resolve: {
      alias: CLIENT_SOURCES,
      extensionAlias: { ".js": [".ts", ".tsx", ".js"] },
    },
    transform: { jsx: { runtime: "automatic", importSource: "preact" } },
  });
  await build.write({ file: join(FILES, output), format, minify: true });
  await build.close();
}

/** The board's page with another script: the same page, which talks to the board in the tab. */
function page() {
  const [html, ...others] = readFileSync(PAGE, "utf8").split(/<script type="module">[\s\S]*<\/script>/);
  if (others.length !== 1) throw new Error(`${PAGE}: expected one script`);
  return `${html}<script type="module" src="page.js"></script>${others[0]}`;
}

mkdirSync(FILES, { recursive: true });
await bundle("tabPage.ts", "page.js", "iife");
await bundle("worker.ts", "worker.js", "esm");
await bundle("serviceWorker.ts", "serviceWorker.js", "iife");
writeFileSync(join(FILES, "index.html"), page());
