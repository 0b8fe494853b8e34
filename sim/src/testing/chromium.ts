import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/**
 * The path of the browser on this machine, or undefined after saying how to install it. A missing browser is no failure
 * on a developer's machine; on a build server (`CI` is set) the name comes back anyway, so that the tests run and fail.
 */
export function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const found = folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(isExecutable);
  if (found !== undefined || process.env.CI) return found ?? NAMES[0];
  console.warn("no Chromium is installed, so the page is not tested in a browser; apt-get install chromium adds it");
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
