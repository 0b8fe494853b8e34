// `npm run mutate -- kernels --count 100 --seed 1`: puts small, plausible faults into a folder's sources, one at a
// time, and says which of them no test notices. For Zig. The sample follows from the seed, so that two runs try the
// same faults as long as the sources are the same.
import { parseArgs } from "node:util";
import { allSites, tryFaults } from "./mutate/zig.mjs";

const FOLDERS = {
  kernels: { path: "kernels/src", step: "test-kernels" },
  core: { path: "firmware/components/synapse/core", step: "test-device" },
};

const HELP = `npm run mutate -- <folder> [options]

Puts small faults into a folder's sources, one at a time, and says which of them no test notices.
Works on a copy (.toolchain/mutate/); the tree is not touched.

folders
  kernels          the runtime, against zig build test-kernels
  core             the device core, against zig build test-device

options
  --count <n>      faults to try (20)
  --seed <n>       which ones (1)
  --file <text>    only in files whose path contains this
  --line <n>       only on this line
  --min-score <p>  exit with 1 when fewer percent are noticed
  --json           the results as one JSON document on stdout
`;

/** Uniform in 0..1, the same for the same seed everywhere: mulberry32. */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffled(items, seed) {
  const random = randomOf(seed);
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j], result[i]];
  }
  return result;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string", default: "20" },
    seed: { type: "string", default: "1" },
    file: { type: "string" },
    line: { type: "string" },
    "min-score": { type: "string" },
    json: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  },
});
const [name] = positionals;
const folder = FOLDERS[name];
if (values.help || folder === undefined) {
  (values.help ? process.stdout : process.stderr).write(HELP);
  process.exit(values.help ? 0 : 2);
}

const seed = Number(values.seed);
const count = Number(values.count);
const all = allSites(folder.path).filter(
  (site) =>
    (values.file === undefined || site.file.includes(values.file)) &&
    (values.line === undefined || site.line === Number(values.line)),
);
process.stderr.write(
  `${all.length} places for a fault in ${folder.path}; trying ${Math.min(count, all.length)} with seed ${seed}\n`,
);
const results = tryFaults({
  name,
  step: folder.step,
  chosen: shuffled(all, seed),
  count,
  say: ({ file, line, from, to, outcome }, done) => {
    const mark = outcome === "survived" ? "SURVIVED" : outcome;
    process.stderr.write(
      `${String(done).padStart(4)}  ${mark.padEnd(8)}  ${file}:${line}  ${from} -> ${to || "(nothing)"}\n`,
    );
  },
});
const survived = results.filter(({ outcome }) => outcome === "survived");
const score = results.length === 0 ? 100 : (100 * (results.length - survived.length)) / results.length;
if (values.json)
  process.stdout.write(
    `${JSON.stringify({ folder: name, seed, places: all.length, tried: results.length, score, results })}\n`,
  );
else
  process.stdout.write(
    `${name}: ${results.length - survived.length} of ${results.length} faults noticed (${score.toFixed(0)} %), ` +
      `seed ${seed}\n`,
  );
if (values["min-score"] !== undefined && score < Number(values["min-score"])) process.exitCode = 1;
