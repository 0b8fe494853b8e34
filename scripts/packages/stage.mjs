// What is in each published package: compiled modules that its entries reach, builds of the runtime, a licence, and a
// package.json without what only this project needs.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { present } from "../release/version.mjs";
import { reachable, withDeclarations } from "./reachable.mjs";
import { filesOnTheWeb, publishedReadme } from "./readme.mjs";

/** Node's names of systems; those of musl and glibc apart. */
export const PLATFORMS = [
  "linux-x64-gnu",
  "linux-x64-musl",
  "linux-arm64-gnu",
  "linux-arm64-musl",
  "darwin-x64",
  "darwin-arm64",
  "win32-x64",
  "win32-arm64",
];

/** What has been seen of the addons of each system; of others nothing. */
const TRIED = {
  "linux-x64-gnu": "The tests of the project install and run it.",
  "linux-x64-musl": "`node stress/addons.mjs` of the project runs it under a Node for musl.",
  "linux-arm64-gnu": "`node stress/addons.mjs` of the project runs it on a processor that QEMU emulates.",
  "linux-arm64-musl": "`node stress/addons.mjs` of the project runs it on a processor that QEMU emulates.",
};

/**
 * Each package's folder, modules that no import names, and other files,
 * from where in the project to where in the package.
 */
export const PACKAGES = [
  {
    folder: "engines",
    copies: ["synapse.wasm", "synapse-baseline.wasm", "synapse-rv32.elf"].map((name) => [
      join("zig-out", name),
      join("builds", name),
    ]),
  },

  { folder: "client" },
  {
    folder: "sim",
    modules: ["dist/image/decodeProcess.js"],
    copies: [
      [join("zig-out", "synapse-board.wasm"), join("builds", "synapse-board.wasm")],
      [join("zig-out", "synapse-cable.wasm"), join("builds", "synapse-cable.wasm")],
      [join("sim", "dist", "browser", "files"), join("dist", "browser", "files")],
    ],
  },
  {
    folder: "host",
    modules: ["dist/compress/linalg/linalgWorker.js"],
    copies: [
      [join("zig-out", "synapse-linalg.wasm"), join("builds", "synapse-linalg.wasm")],
      ...["boards", "configs"].map((name) => [name, name]),
      [join("host", "dist", "flashPage", "files"), join("dist", "flashPage", "files")],
    ],
  },
];

/** Makes `target/<name>` of a package of the workspace. Answers its name. */
export function stagePackage(root, { folder, modules = [], copies = [] }, target) {
  const from = join(root, folder);
  const manifest = published(read(join(from, "package.json")), root, folder);
  const to = fresh(join(target, manifest.name));
  const bins = Object.values(manifest.bin ?? {});
  const entries = [...entriesOf(manifest.exports), ...modules].flatMap((file) => withDeclarations(from, file));
  for (const file of reachable(from, [...entries, ...bins])) {
    mkdirSync(join(to, dirname(file)), { recursive: true });
    // The sources that maps point to are not in the package.
    writeFileSync(
      join(to, file),
      readFileSync(join(from, file), "utf8").replace(/^\/\/# sourceMappingURL=.*\n?/gm, ""),
    );
  }
  for (const [source, place] of copies)
    cpSync(join(root, source), join(to, place), { recursive: true, filter: isNotForTests });
  const readme = readFileSync(join(from, "README.md"), "utf8");
  writeFileSync(
    join(to, "README.md"),
    publishedReadme(readme, folder, filesOnTheWeb(read(join(root, "package.json")))),
  );
  finish(root, to, { ...manifest, files: ["*"] });
  return manifest.name;
}

/** Makes the package of one system's addon, which `zig build prebuilds` has made. Answers its name. */
export function stagePlatform(root, platform, target) {
  const [os, cpu, libc] = platform.split("-");
  const library = libc === "gnu" ? "glibc" : libc;
  const name = `synapse-engine-${platform}`;
  const to = fresh(join(target, name));
  cpSync(join(root, "zig-out", "prebuilds", platform, "synapse.node"), join(to, "synapse.node"));
  const text = [
    `# ${name}`,
    `The addon of synapse-engine for ${os} on ${cpu}${library === undefined ? "" : ` with ${library}`}.`,
    "It is installed with that package where it fits.",
    TRIED[platform] ?? "It is compiled and has never been loaded: where it fails, synapse-engine runs in WebAssembly.",
  ];
  writeFileSync(join(to, "README.md"), `${text.join("\n\n")}\n`);
  finish(root, to, {
    name,
    version: present(root),
    description: `The addon of synapse-engine for ${os} on ${cpu}.`,
    license: "Apache-2.0",
    ...addresses(root),
    os: [os],
    cpu: [cpu],
    ...(library === undefined ? {} : { libc: [library] }),
    exports: { "./synapse.node": "./synapse.node", "./package.json": "./package.json" },
    files: ["*"],
  });
  return name;
}

function fresh(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

function finish(root, folder, manifest) {
  cpSync(join(root, "LICENSE"), join(folder, "LICENSE"));
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

const read = (file) => JSON.parse(readFileSync(file, "utf8"));

const isNotForTests = (path) => !path.endsWith("-test.json");

/** Where the project is on the web, from the root's package.json: nothing while that says nothing. */
function addresses(root, folder) {
  const { repository, homepage, bugs } = read(join(root, "package.json"));
  const url = typeof repository === "string" ? repository : repository?.url;
  const directory = folder === undefined ? {} : { directory: folder };
  return {
    ...(url === undefined ? {} : { repository: { type: "git", url, ...directory } }),
    ...(homepage === undefined ? {} : { homepage }),
    ...(bugs === undefined ? {} : { bugs }),
  };
}

/** Without what is of use in the project alone; the engine names the addons of all systems. */
function published({ devDependencies, scripts, private: _, ...manifest }, root, folder) {
  const shown = Object.entries(manifest.exports).filter(([path]) => !path.startsWith("./testing"));
  const addons =
    manifest.name === "synapse-engine"
      ? Object.fromEntries(PLATFORMS.map((each) => [`synapse-engine-${each}`, present(root)]))
      : undefined;
  return {
    ...manifest,
    ...addresses(root, folder),
    exports: { ...Object.fromEntries(shown), "./package.json": "./package.json" },
    ...(addons === undefined ? {} : { optionalDependencies: addons }),
  };
}

/** The modules that an exports map names, under whatever condition. */
function entriesOf(exports) {
  const named = (value) => (typeof value === "string" ? [value] : Object.values(value).flatMap(named));
  return Object.values(exports)
    .flatMap(named)
    .filter((file) => file.endsWith(".js"))
    .map((file) => file.replace(/^\.\//, ""));
}
