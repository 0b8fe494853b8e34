import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeFlashSite } from "../boards/flashSite.js";
import { atomicWrite } from "../files/atomicWrite.js";
import { inputError } from "../files/inputError.js";
import { makeFolder } from "../files/makeFolder.js";
import { serveFiles } from "../files/serveFiles.js";
import { writeFailed } from "../files/writeFailed.js";
import { SITE_FILES } from "../flash/flashSite.js";
import { formatBytes } from "../report/format.js";
import { renderFields } from "../report/table.js";
import { printable } from "../report/text/printable.js";
import { untilInterrupted } from "./boardText.js";
import { type CliContext, print, printJson } from "./context.js";
import type { CommonOptions } from "./options.js";

export interface FlashPageOptions extends CommonOptions {
  readonly build: readonly string[];
  readonly model: readonly string[];
  readonly board: readonly string[];
  readonly project: string;
  readonly output?: string;
  readonly port: number;
}

/** Writes the site, or serves it until it is interrupted. Rejects with an InputError. */
export async function flashPage(context: CliContext, options: FlashPageOptions): Promise<void> {
  const { build, model, board, project, output, json = false } = options;
  const files = await makeFlashSite({ builds: build, models: model, boards: board, project });
  const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0);
  const about = { command: "flash-page", builds: build, models: model, bytes };
  const show = (first: readonly [string, string], last: string) => {
    const rows: [string, string][] = [
      [...first],
      ["firmware", build.map(printable).join(", ") || "none: the visitor chooses a file"],
      ["models", model.map(printable).join(", ") || "none: the visitor chooses a file"],
    ];
    print(context, `${renderFields(rows, context.paint.dim)}\n\n${context.paint.dim(last)}`);
  };
  if (output !== undefined) {
    await writeSite(output, files);
    if (json) return printJson(context, { ...about, output, url: null });
    const written = `${printable(output)}  (${files.size} files, ${formatBytes(bytes)})`;
    return show(["site", written], "Any server of files over HTTPS serves it.");
  }
  const server = await serveFiles(files, options.port);
  try {
    if (json) printJson(context, { ...about, output: null, url: server.url });
    else show(["page", context.paint.cyan(server.url)], "Open it in Chrome or Edge. Ctrl-C stops it.");
    await untilInterrupted(context.signal);
  } finally {
    await server.close();
  }
}

/** Replaces a site that was written there before. What is not of it is left alone, and a folder of others refused. */
async function writeSite(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const there: readonly string[] = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw writeFailed(folder, error);
  });
  if (there.length > 0 && !there.includes(SITE_FILES.manifest)) {
    throw inputError(folder, "OUTPUT_NOT_EMPTY", "the folder holds other files", {
      expected: "a new or empty folder, or a site of this command",
    });
  }
  for (const [path, bytes] of files) {
    const file = join(folder, path);
    await makeFolder(dirname(file)).catch((error) => {
      throw writeFailed(file, error);
    });
    await atomicWrite(file, bytes);
  }
}
