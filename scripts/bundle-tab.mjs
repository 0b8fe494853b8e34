// Bundles what a board in a browser's tab consists of, besides model and board file, into sim/dist/browser/files. Part of setup.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const SOURCES = join(ROOT, "sim", "src", "browser", "tab");
const FILES = join(ROOT, "sim", "dist", "browser", "files");
const PAGE = join(ROOT, "firmware", "components", "synapse", "web", "index.html");

async function bundle(name, output, format) {
  const build = await rolldown({ input: join(SOURCES, name), platform: "browser", tsconfig: false });
  await build.write({ file: join(FILES, output), format, minify: true });
  await build.close();
}

/** The board's page, with the script that makes it talk to the board in the tab before its own. */
function page() {
  const html = readFileSync(PAGE, "utf8");
  if (!html.includes("<script")) throw new Error(`${PAGE} has no script`);
  return html.replace("<script", '<script src="page.js"></script>\n<script');
}

mkdirSync(FILES, { recursive: true });
await bundle("tabPage.ts", "page.js", "iife");
await bundle("worker.ts", "worker.js", "esm");
await bundle("serviceWorker.ts", "serviceWorker.js", "iife");
writeFileSync(join(FILES, "index.html"), page());
