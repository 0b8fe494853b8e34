// Preloaded with --require: writes the most memory that the process ever had resident, in KiB, to file descriptor 3 when it ends.
const { existsSync, readFileSync, writeSync } = require("node:fs");

/** What Linux says of the program itself. The usage of resources counts the process that started it too, from before there was a program of its own. */
const STATUS = "/proc/self/status";

function peakKibibytes() {
  const [, kibibytes] = existsSync(STATUS) ? (/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(STATUS, "utf8")) ?? []) : [];
  return kibibytes ?? String(process.resourceUsage().maxRSS);
}

process.on("exit", () => writeSync(3, peakKibibytes()));
