// Preloaded with --import: writes the URL of every module that a program loads into the file that LOADED_MODULES names,
// a line each.
import { appendFileSync } from "node:fs";
import { register } from "node:module";
import { isMainThread } from "node:worker_threads";

// Node runs hooks on a thread of their own, where it loads this file once more.
if (isMainThread) register(import.meta.url);

export async function load(url, context, next) {
  appendFileSync(process.env.LOADED_MODULES, `${url}\n`);
  return next(url, context);
}
