// Builds the board of test_host, a program for this machine (Linux): the component's C between the declarations and
// functions of this folder, with AddressSanitizer and UndefinedBehaviorSanitizer, linked with the runtime and the
// device core. `node firmware/test_host/build.mjs` prints its path; a second run does nothing. With the name of an
// example of the component it builds that application instead; `--plain` leaves the sanitizers out. Where something has
// to be installed, it says what, and ends with 1.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const COMPILER = "clang-19";
const SOURCES = {
  "firmware/test_host/src": [
    "connection.c",
    "discovery.c",
    "engine_alone.c",
    "event_loop.c",
    "freertos.c",
    "http_client.c",
    "httpd.c",
    "httpd_answer.c",
    "httpd_request.c",
    "mqtt5_properties.c",
    "mqtt_client.c",
    "mqtt_connection.c",
    "mqtt_outbox.c",
    "mqtt_packet.c",
    "nvs.c",
    "ota.c",
    "partitions.c",
    "psa.c",
    "stacks.c",
    "system.c",
  ],
  "firmware/components/synapse/port": [
    "ask.c",
    "discovery.c",
    "engine.c",
    "events.c",
    "fetch.c",
    "firmware.c",
    "flash.c",
    "http.c",
    "http_io.c",
    "image.c",
    "log.c",
    "mqtt.c",
    "mqtt_failure.c",
    "mqtt_messages.c",
    "start.c",
    "work.c",
  ],
};
/** What calls the component: a board, or an example's application. */
const EXAMPLES = "firmware/components/synapse/examples";
const APPLICATIONS = {
  board: ["firmware/test_host/src/main.c"],
  camera_surprise: [
    "firmware/test_host/src/application.c",
    "firmware/test_host/src/embedded.c",
    ...["main.c", "observe_body.c", "stored_pictures.c"].map((name) => `${EXAMPLES}/camera_surprise/main/${name}`),
  ],
  engine_only: ["firmware/test_host/src/application.c", `${EXAMPLES}/engine_only/main/main.c`],
};
const application = process.argv.slice(2).find((argument) => !argument.startsWith("--")) ?? "board";
const INCLUDES = [
  "firmware/test_host/include",
  "firmware/test_host/settings",
  "firmware/components/synapse/include",
  "firmware/components/synapse/port",
  "kernels/include",
];
const LIBRARIES = ["zig-out/lib/test_host/libsynapse_device.a", "zig-out/lib/test_host/libsynapse.a"];
const SYSTEM_LIBRARIES = ["-lssl", "-lcrypto", "-ljpeg", "-lpng", "-lpthread", "-lm"];
const HEADERS = ["openssl/ssl.h", "jpeglib.h", "png.h"];
const PACKAGES = "clang-19 libclang-rt-19-dev libssl-dev libjpeg-dev libpng-dev";
/** Without sanitizers, for the sizes of stacks. */
const PLAIN = process.argv.includes("--plain");
const FOLDER = PLAIN ? "zig-out/test_host_plain" : "zig-out/test_host";
const PROGRAM = join(ROOT, FOLDER, application === "board" ? "synapse-test-board" : application);

const FLAGS = [
  "-std=gnu17",
  "-g",
  ...(PLAIN ? ["-Os"] : ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]),
  "-Wall",
  "-Wextra",
  "-Werror",
  "-fno-omit-frame-pointer",
  "-D_GNU_SOURCE",
];

function compile(args, options = {}) {
  return spawnSync(COMPILER, args, { cwd: ROOT, encoding: "utf8", ...options });
}

/** What has to be installed before the board can be built, as a sentence; undefined when nothing is missing. */
function missingForTestBoard() {
  if (process.platform !== "linux") return "the board of test_host is built on Linux only";
  if (!existsSync(join(ROOT, LIBRARIES[0]))) return `${LIBRARIES[0]} is missing: npm run zig -- build test-host`;
  const included = ["stdio.h", ...HEADERS].map((name) => `#include <${name}>\n`).join("");
  const program = `${included}int main(void) { return 0; }`;
  const folder = join(ROOT, FOLDER);
  mkdirSync(folder, { recursive: true });
  const output = join(folder, `probe-${process.pid}`);
  const tried = compile(["-fsanitize=address", "-x", "c", "-", "-o", output, ...SYSTEM_LIBRARIES], { input: program });
  rmSync(output, { force: true });
  return tried.status === 0 ? undefined : `the board of test_host needs: apt-get install ${PACKAGES}`;
}

function version() {
  return JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version;
}

function sources() {
  const shared = Object.entries(SOURCES).flatMap(([folder, names]) => names.map((name) => join(folder, name)));
  return [...shared, ...APPLICATIONS[application]];
}

/** Of everything that the program is made of. */
function fingerprint() {
  const hash = createHash("sha256").update(FLAGS.join(" "));
  const add = (path) => {
    if (statSync(join(ROOT, path)).isDirectory())
      for (const name of readdirSync(join(ROOT, path)).sort()) add(join(path, name));
    else if (/\.(c|h|a|mjs)$/.test(path)) hash.update(path).update(readFileSync(join(ROOT, path)));
  };
  for (const path of [...sources(), ...INCLUDES, ...LIBRARIES, "firmware/test_host/build.mjs"]) add(path);
  return hash.digest("hex");
}

function build() {
  const objects = [];
  const includes = INCLUDES.flatMap((path) => ["-I", path]);
  for (const source of sources()) {
    const text = readFileSync(join(ROOT, source));
    const headers = createHash("sha256").update(fingerprintOfHeaders()).update(text).digest("hex").slice(0, 16);
    const object = join(FOLDER, `${source.replaceAll("/", "_")}-${headers}.o`);
    objects.push(object);
    if (existsSync(join(ROOT, object))) continue;
    const define = `-DTEST_HOST_VERSION="${version()}"`;
    // In one step: another test may be building the same.
    const made = `${object}.${process.pid}`;
    const done = compile([...FLAGS, define, ...includes, "-c", source, "-o", made], { stdio: ["ignore", 2, 2] });
    if (done.status !== 0) throw new Error(`${source} does not compile`);
    renameSync(join(ROOT, made), join(ROOT, object));
  }
  const linked = compile([...FLAGS, ...objects, ...LIBRARIES, ...SYSTEM_LIBRARIES, "-o", `${PROGRAM}.${process.pid}`], {
    stdio: ["ignore", 2, 2],
  });
  if (linked.status !== 0) throw new Error("the board of test_host does not link");
}

let headers;
function fingerprintOfHeaders() {
  if (headers === undefined) {
    const hash = createHash("sha256").update(FLAGS.join(" ")).update(version());
    const add = (folder) => {
      for (const name of readdirSync(join(ROOT, folder)).sort()) {
        const path = join(folder, name);
        if (statSync(join(ROOT, path)).isDirectory()) add(path);
        else if (name.endsWith(".h")) hash.update(path).update(readFileSync(join(ROOT, path)));
      }
    };
    for (const folder of [...INCLUDES, "firmware/test_host/src"]) add(folder);
    headers = hash.digest("hex");
  }
  return headers;
}

/** Builds what is not current; answers the program's path. */
function buildTestBoard() {
  const stamp = `${PROGRAM}.stamp`;
  mkdirSync(join(ROOT, FOLDER), { recursive: true });
  const now = fingerprint();
  if (existsSync(PROGRAM) && existsSync(stamp) && readFileSync(stamp, "utf8") === now) return PROGRAM;
  build();
  // In one step: another test may be running the old one.
  renameSync(`${PROGRAM}.${process.pid}`, PROGRAM);
  writeFileSync(stamp, now);
  return PROGRAM;
}

if (APPLICATIONS[application] === undefined)
  throw new Error(`"${application}" is none of ${Object.keys(APPLICATIONS)}`);
const missing = missingForTestBoard();
if (missing === undefined) process.stdout.write(`${buildTestBoard()}\n`);
else process.stderr.write(`${missing}\n`);
process.exitCode = missing === undefined ? 0 : 1;
