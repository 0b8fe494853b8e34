// Bundles the page that flashes boards over Web Serial into host/dist/flashPage/files. Part of setup.
import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const SOURCES = join(ROOT, "host", "src", "flashPage");
const FILES = join(ROOT, "host", "dist", "flashPage", "files");

mkdirSync(FILES, { recursive: true });
const build = await rolldown({
  input: join(SOURCES, "flashPage.ts"),
  platform: "browser",
  tsconfig: false,
  resolve: { extensionAlias: { ".js": [".ts", ".js"] } },
});
await build.write({ file: join(FILES, "flash.js"), format: "esm", minify: true, codeSplitting: false });
await build.close();
copyFileSync(join(SOURCES, "page.html"), join(FILES, "index.html"));
copyFileSync(join(SOURCES, "style.css"), join(FILES, "style.css"));
