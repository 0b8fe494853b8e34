// Makes sim/fixtures/lewm-test.syn, the small model that the simulated board's tests run: configs/lewm-test.json with
// seeded weights, int8, with golden vectors.
// Run after `npm run build`: node scripts/make-sim-fixtures.mjs
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openNativeEngine } from "synapse-engine";
import { compile } from "../host/dist/compile/compile.js";
import { addGolden } from "../host/dist/pack/golden.js";
import { LEWM_SMALL } from "../host/dist/parity/lewmShapes.js";
import { seededCheckpoint } from "../host/dist/parity/seededCheckpoint.js";
import { ROOT } from "./setup.mjs";

const SEED = 1;
const config = JSON.parse(await readFile(join(ROOT, "configs", "lewm-test.json"), "utf8"));
const { bytes: plain } = await compile({
  checkpoint: seededCheckpoint(LEWM_SMALL, SEED),
  config,
  types: "i8",
  fastBytes: 256 * 1024,
  meta: { untrained: true },
});
const engine = await openNativeEngine();
const bytes = await addGolden(plain, engine);
await engine.close();
await writeFile(join(ROOT, "sim", "fixtures", "lewm-test.syn"), bytes);
process.stderr.write(`sim/fixtures/lewm-test.syn: ${bytes.length} bytes\n`);
