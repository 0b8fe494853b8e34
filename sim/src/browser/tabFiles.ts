import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { EngineError } from "synapse-engine/errors";
import { boardModule } from "../board/boardBuilds.js";
import type { Board } from "../board/boardSchema.js";

/**
 * What scripts/bundle-tab.mjs makes. This file is two levels below `sim`'s parts, as source (`src/browser`) and
 * compiled (`dist/browser`).
 */
const BUNDLES = new URL("../../dist/browser/files/", import.meta.url);

/** A board in a browser's tab. */
export interface TabSource {
  readonly board: Board;
  /** A packed model; it is in the board's first model partition when it boots for the first time. */
  readonly model: Uint8Array;
  /** Names the model in errors. */
  readonly modelSource: string;
}

export interface TabFile {
  readonly bytes: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

const JAVASCRIPT = "text/javascript; charset=utf-8";

/** Everything a tab loads, by path. */
export async function tabFiles({ board, model, modelSource }: TabSource): Promise<ReadonlyMap<string, TabFile>> {
  const [page, script, worker, serviceWorker, core] = await Promise.all([
    bundle("index.html"),
    bundle("page.js"),
    bundle("worker.js"),
    bundle("serviceWorker.js"),
    readFile(boardModule()),
  ]);
  const files = new Map<string, TabFile>([
    [
      "/",
      file(page, "text/html; charset=utf-8", {
        "content-security-policy": pagePolicy(page.toString()),
        "synapse-tab": "1",
      }),
    ],
    ["/page.js", file(script, JAVASCRIPT)],
    ["/worker.js", file(worker, JAVASCRIPT, { "content-security-policy": WORKER_POLICY })],
    ["/board.wasm", file(core, "application/wasm")],
    ["/board.json", file(Buffer.from(JSON.stringify({ board, modelSource })), "application/json")],
    ["/model.syn", file(model, "application/octet-stream")],
  ]);
  const version = digest(
    Buffer.concat([...files.values()].map(({ headers }) => Buffer.from(headers.etag ?? ""))),
  ).toString("hex");
  const tab = `const TAB = ${JSON.stringify({ version, files: [...files.keys()] })};\n`;
  return files.set(
    "/serviceWorker.js",
    file(Buffer.from(tab + serviceWorker), JAVASCRIPT, { "content-security-policy": WORKER_POLICY }),
  );
}

async function bundle(name: string): Promise<Buffer> {
  const path = new URL(name, BUNDLES);
  if (!existsSync(path))
    throw new EngineError("BUILD_MISSING", `${fileURLToPath(path)} does not exist; \`npm run build\` makes it`);
  return readFile(path);
}

const digest = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();

function file(bytes: Uint8Array, type: string, headers: Readonly<Record<string, string>> = {}): TabFile {
  return {
    bytes,
    headers: {
      "content-type": type,
      etag: `"${digest(bytes).toString("base64url")}"`,
      // Kept, but asked about each time: the next board may be another one.
      "cache-control": "no-cache",
      "content-security-policy": "default-src 'none'",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      ...headers,
    },
  };
}

/** Worker and service worker load the tab's own files, and the worker compiles WebAssembly. */
const WORKER_POLICY = "default-src 'none'; connect-src 'self'; script-src 'wasm-unsafe-eval'";

/** The page itself connects to nothing, runs its own script only, and has no style but the one in the document. */
function pagePolicy(html: string): string {
  const [, style = ""] = /<style>([\s\S]*?)<\/style>/.exec(html) ?? [];
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'sha256-${digest(Buffer.from(style)).toString("base64")}'`,
    "img-src 'self' blob: data:",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
