// The packages as npm would serve them: `node scripts/make-packages.mjs` leaves one tarball
// each and prints their sizes.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { PACKAGES, PLATFORMS, stagePackage, stagePlatform } from "./packages/stage.mjs";
import { ROOT, setup, zig } from "./setup.mjs";

const HELP = `Usage: node scripts/make-packages.mjs [options]

  --out <folder>       where the tarballs go (default: dist-packages)
  --platforms <names>  systems to build the addon for, with commas, or none (default: all)
                       ${PLATFORMS.join(", ")}
  --json               name, file and bytes of each as one JSON document on standard output
  --help               this text
`;

function options() {
  const { values } = parseArgs({
    options: {
      out: { type: "string", default: "dist-packages" },
      platforms: { type: "string", default: PLATFORMS.join(",") },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false, short: "h" },
    },
  });
  const platforms = values.platforms === "none" ? [] : values.platforms.split(",");
  const unknown = platforms.find((name) => !PLATFORMS.includes(name));
  if (unknown !== undefined)
    throw new TypeError(`no platform ${JSON.stringify(unknown)}; expected ${PLATFORMS.join(", ")}`);
  return { ...values, out: resolve(values.out), platforms };
}

/** Packs a staged folder; answers the tarball. */
function pack(folder, out) {
  const { status, stdout, stderr } = spawnSync(
    "npm",
    ["pack", "--json", "--ignore-scripts", "--pack-destination", out, folder],
    {
      encoding: "utf8",
      shell: process.platform === "win32",
    },
  );
  if (status !== 0) throw new Error(`npm pack ${folder}: ${stderr.trim()}`);
  const [{ filename, unpackedSize }] = JSON.parse(stdout);
  const file = join(out, filename);
  return { file, bytes: statSync(file).size, unpackedBytes: unpackedSize };
}

function main() {
  const { out, platforms, json, help } = options();
  if (help) return process.stdout.write(HELP);
  setup();
  if (platforms.length > 0) zig(["build", ...platforms.map((name) => `prebuild-${name}`)]);
  mkdirSync(out, { recursive: true });
  // Those of another version would be published with these.
  for (const name of readdirSync(out)) if (/^synapse-.*\.tgz$/.test(name)) rmSync(join(out, name));
  const staged = mkdtempSync(join(tmpdir(), "synapse-packages-"));
  try {
    const names = [
      ...PACKAGES.map((each) => stagePackage(ROOT, each, staged)),
      ...platforms.map((each) => stagePlatform(ROOT, each, staged)),
    ];
    const made = names.map((name) => ({ name, ...pack(join(staged, name), out) }));
    if (json) return process.stdout.write(`${JSON.stringify(made)}\n`);
    for (const { file, bytes, unpackedBytes } of made) {
      const kib = (count) => `${(count / 1024).toFixed(0).padStart(7)} KiB`;
      process.stdout.write(`${kib(bytes)}  ${kib(unpackedBytes)} unpacked  ${relative(process.cwd(), file)}\n`);
    }
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}

try {
  main();
} catch (error) {
  process.stderr.write(`make-packages: ${error.message}\n`);
  process.exitCode = error instanceof TypeError ? 2 : 1;
}
