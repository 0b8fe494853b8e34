// Builds the page that a board serves: TypeScript, JSX and CSS of firmware/components/synapse/web/src become one HTML
// file that needs nothing else, and the Content-Security-Policy that allows just its script and its style.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "lightningcss";
import { rolldown } from "rolldown";
import { CLIENT_SOURCES } from "./client-sources.mjs";

const WEB = join(dirname(fileURLToPath(import.meta.url)), "..", "firmware", "components", "synapse", "web");
const SOURCE = join(WEB, "src");
const OUT = join(WEB, "dist");
/** Oldest browsers that the page is for: nested CSS and `:has` reach back this far. */
const BROWSERS = { chrome: 120 << 16, firefox: 121 << 16, safari: (17 << 16) | (2 << 8) };

async function script() {
  const built = await rolldown({
    input: join(SOURCE, "main.tsx"),
    platform: "browser",
    resolve: {
      alias: CLIENT_SOURCES,
      extensionAlias: { ".js": [".ts", ".tsx", ".js"] },
    },
  });
  const { output } = await built.generate({ format: "esm", minify: true, comments: false });
  await built.close();
  if (output.length !== 1)
    throw new Error(`expected one script, got ${output.map(({ fileName }) => fileName).join(", ")}`);
  // Inside a script element these would end it, or hide its end.
  return output[0].code.trim().replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");
}

function style() {
  const { code, warnings } = bundle({ filename: join(SOURCE, "styles.css"), minify: true, targets: BROWSERS });
  if (warnings.length > 0) throw new Error(`styles.css: ${warnings.map(({ message }) => message).join("; ")}`);
  return code.toString();
}

function replaceOnce(text, part, replacement) {
  if (text.split(part).length !== 2) throw new Error(`page.html: expected ${part} once`);
  return text.replace(part, () => replacement);
}

function policy(code, css) {
  const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  return [
    "default-src 'none'",
    `script-src ${hash(code)}`,
    `style-src ${hash(css)}`,
    "img-src 'self' data: blob:",
    "connect-src 'self'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join("; ");
}

const [code, css] = [await script(), style()];
const shell = readFileSync(join(SOURCE, "page.html"), "utf8");
const styled = replaceOnce(shell, "<style></style>", `<style>${css}</style>`);
const page = replaceOnce(styled, '<script type="module"></script>', `<script type="module">${code}</script>`);
mkdirSync(OUT, { recursive: true });
writeFileSync(join(OUT, "index.html"), page);
writeFileSync(join(OUT, "content-security-policy.txt"), policy(code, css));
