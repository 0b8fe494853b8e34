import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { compareTimes, interleave, median } from "./interleave.mjs";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const PROGRAM = path("../../host/bin/synapse-host.js");
const PEAK_MEMORY = path("peakMemory.cjs");

/** Time of the program's help over that of Node with an empty program, at most. */
const RATIO_MAX = 2.5;
const PEAK_BYTES_MAX = 60e6;

/** What everybody waits for before anything else: the program says its help, beside Node that does nothing. */
export async function startSection({ quick, progress }) {
  progress("start");
  const peaks = { help: [], node: [] };
  const measured = (name, args) => async () => void peaks[name].push(await peakBytes(args));
  const contestants = { help: measured("help", [PROGRAM, "--help"]), node: measured("node", ["-e", "0"]) };
  const times = await interleave(contestants, { runs: quick ? 7 : 15 });
  return {
    ...compareTimes(times.help, times.node),
    ratioMax: RATIO_MAX,
    helpMsP50: median(times.help),
    nodeMsP50: median(times.node),
    helpPeakBytes: median(peaks.help),
    nodePeakBytes: median(peaks.node),
    peakBytesMax: PEAK_BYTES_MAX,
  };
}

/** Runs Node to its end and answers how much memory it had resident at most. */
async function peakBytes(args) {
  const child = spawn(process.execPath, ["--require", PEAK_MEMORY, ...args], {
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
  const [kibibytes, [code, signal]] = await Promise.all([text(child.stdio[3]), once(child, "close")]);
  if (code !== 0) throw new Error(`node ${args.join(" ")} ended with ${signal ?? `exit code ${code}`}`);
  return Number(kibibytes) * 1024;
}
