// Opens and runs the pack of argument 1 and prints how much resident memory that took. Started by memory.mjs
// with --expose-gc, so that what JavaScript no longer uses is not counted.
import { openNativeEngine } from "synapse-engine";
import { lewmImage } from "./lewm.mjs";
import { readAligned } from "./open.mjs";

const [path, runs] = process.argv.slice(2);
const engine = await openNativeEngine();
const { rgb } = lewmImage();
const before = resident();
const model = await engine.openModel(readAligned(path));
const session = await model.createSession({ threads: 1 });
for (let i = 0; i < Number(runs); i++) await session.run("encode", [rgb]);
const { fastBytes, slowBytes, stateBytes, threadBytes, sessionBytes } = session.requirements;
process.stdout.write(
  JSON.stringify({ grownBytes: resident() - before, fastBytes, slowBytes, stateBytes, threadBytes, sessionBytes }),
);

function resident() {
  globalThis.gc();
  return process.memoryUsage.rss();
}
