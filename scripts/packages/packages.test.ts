import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import { isBuiltin } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";
import { type Browser, chromium } from "playwright-core";
import { rolldown } from "rolldown";
import sharp from "sharp";
import { findChromium } from "synapse-sim/testing/chromium";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LEWM_SMALL } from "../../host/src/parity/lewmShapes.js";
import { writeSeededCheckpoint } from "../../host/src/parity/seededCheckpoint.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PACK = join(ROOT, "sim", "fixtures", "lewm-test.syn");
/** The addon of this machine, where it is one that packages have. */
const PLATFORM = process.platform === "linux" && process.arch === "x64" ? "linux-x64-gnu" : undefined;
const PAGE_BYTES_MAX = 60 * 1024;
/** Nobody downloads both builds, but whoever serves a page keeps them. */
const ARCHIVE_BYTES_MAX = 66 * 1024;
const WRAPPER_BYTES_MAX = 32 * 1024;

interface Made {
  readonly name: string;
  readonly file: string;
  readonly bytes: number;
}

/** Node and npm alone: no Zig, no Python, no compiler. */
const ENV = {
  PATH: dirname(process.execPath),
  HOME: process.env.HOME ?? tmpdir(),
  npm_config_cache: process.env.npm_config_cache,
};
const scratch = mkdtempSync(join(tmpdir(), "synapse-installed-"));
const empty = join(scratch, "empty");
let made: Made[];

function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = ENV,
): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env,
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  if (error) throw error;
  return { status, stdout, stderr };
}

function right(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = ENV): string {
  const { status, stdout, stderr } = run(command, args, cwd, env);
  expect(status, `${command} ${args.join(" ")}\n${stdout}\n${stderr}`).toBe(0);
  return stdout;
}

const program = join("node_modules", "synapse-host", "bin", "synapse-host.js");
const cli = (...args: string[]): string => right(process.execPath, [program, ...args], empty);

beforeAll(() => {
  const args = [
    "scripts/make-packages.mjs",
    "--out",
    join(scratch, "tarballs"),
    "--platforms",
    PLATFORM ?? "none",
    "--json",
  ];
  made = JSON.parse(right(process.execPath, args, ROOT, process.env));
  mkdirSync(empty);
  writeFileSync(join(empty, "package.json"), '{ "private": true, "type": "module" }\n');
  right("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...made.map(({ file }) => file)], empty);
}, 900_000);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test("the tarballs have a licence, a readme, and neither tests nor what tests use", () => {
  for (const { name, file, bytes } of made) {
    const files = right("tar", ["-tzf", file], scratch, process.env).split("\n");
    expect(files, name).toEqual(
      expect.arrayContaining(["package/LICENSE", "package/README.md", "package/package.json"]),
    );
    expect(files.filter((each) => /\.test\.|\/testing\/|\/fixtures\/|Suite\.|\.map$/.test(each))).toEqual([]);
    process.stdout.write(`${name}: ${(bytes / 1024).toFixed(0)} KiB\n`);
  }
});

test("a readme links to nothing that npm has not, and says what is needed to import the package", () => {
  for (const { name } of made.filter(({ name }) => !name.startsWith("synapse-engine-"))) {
    const text = readFileSync(join(empty, "node_modules", name, "README.md"), "utf8");
    expect([...text.matchAll(/\]\((?!https:\/\/)[^)]*\)/g)].map(([link]) => link)).toEqual([]);
    expect(text).toContain(`npm install ${name}`);
    expect(text).toContain("ESM only");
    expect(text).not.toContain("In this repository");
  }
});

/** Packages that one needs without an import of its own: an optional peer of another, which it makes use of. */
const WITHOUT_IMPORT: Readonly<Record<string, readonly string[]>> = { "synapse-host": ["sharp"] };

test.each(["synapse-engine", "synapse-client", "synapse-sim", "synapse-host"])(
  "%s depends on what its modules import, and on nothing else",
  (name) => {
    const folder = join(empty, "node_modules", name);
    const modules = (readdirSync(folder, { recursive: true }) as string[]).filter(
      (file) => /\.(js|d\.ts)$/.test(file) && !file.startsWith(join("dist", "browser", "files")),
    );
    const imported = modules.flatMap((file) => {
      const text = readFileSync(join(folder, file), "utf8");
      return [...text.matchAll(/(?:^|[\s;}])(?:from|import)\s*\(?\s*"(@?[a-z][\w./:-]*)"/g)].map(
        ([, from]) => from as string,
      );
    });
    const needed = imported
      .filter((from) => !isBuiltin(from))
      .map((from) => from.split("/", from.startsWith("@") ? 2 : 1).join("/"))
      .concat(WITHOUT_IMPORT[name] ?? []);
    const {
      dependencies = {},
      optionalDependencies = {},
      peerDependencies = {},
    } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    // Addons are opened by a path, which no import says.
    const addons = new RegExp(`^${name}-`);
    const declared = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }).filter(
      (each) => !addons.test(each),
    );
    // A client of a broker is handed a connection that somebody else has made.
    const handed = name === "synapse-client" ? ["mqtt"] : [];
    expect([...new Set([...needed, ...handed])].sort()).toEqual(declared.sort());
  },
);

test("the packages' addresses are the root's, which may have none", () => {
  const { repository, homepage, bugs } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  for (const { name } of made.filter(({ name }) => !name.startsWith("synapse-engine-"))) {
    const manifest = JSON.parse(readFileSync(join(empty, "node_modules", name, "package.json"), "utf8"));
    expect([manifest.repository?.url, manifest.homepage, manifest.bugs]).toEqual([repository?.url, homepage, bugs]);
  }
});

test("packages name each other by this version, and the engine every system's addon", () => {
  const manifest = JSON.parse(readFileSync(join(empty, "node_modules", "synapse-engine", "package.json"), "utf8"));
  expect(manifest.devDependencies).toBeUndefined();
  expect(Object.keys(manifest.optionalDependencies)).toHaveLength(8);
  expect(new Set(Object.values(manifest.optionalDependencies))).toEqual(new Set([manifest.version]));
});

describe("the program", () => {
  test("starts, and lists its engines", () => {
    expect(cli("--version").trim()).toBe(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version);
    const { engines } = JSON.parse(cli("engines", "--json"));
    const ready = engines
      .filter(({ available }: { available: boolean }) => available)
      .map(({ name }: { name: string }) => name);
    expect(ready).toEqual(
      expect.arrayContaining(["wasm", "wasm-baseline", ...(PLATFORM === undefined ? [] : ["native"])]),
    );
  });

  test("inspects a pack against the boards that it brings", () => {
    expect(JSON.parse(cli("inspect", PACK, "--json")).boards.length).toBeGreaterThan(0);
  });

  test("runs a model", () => {
    const { outputs } = encode();
    expect(outputs[0].values).toHaveLength(32);
  });

  test("packs a checkpoint", async () => {
    const [checkpoint, packed] = ["small.safetensors", "packed.syn"].map((name) => join(scratch, name)) as [
      string,
      string,
    ];
    await writeSeededCheckpoint(checkpoint, LEWM_SMALL, 1);
    const { fileBytes, sha256 } = JSON.parse(
      cli("pack", checkpoint, "--config", join(ROOT, "configs", "lewm-test.json"), "-o", packed, "--json"),
    );
    expect(fileBytes).toBe(statSync(packed).size);
    expect(JSON.parse(cli("inspect", packed, "--json")).sha256).toBe(sha256);
  });

  test("knows configs by their names, and lists them where it knows none", () => {
    const unknown = run(process.execPath, [program, "pack", "none.pt", "--config", "lwem", "--json"], empty);
    expect(unknown.status).toBe(2);
    expect(unknown.stderr + unknown.stdout).toMatch(
      /CONFIG_UNKNOWN[\s\S]*one of dinov2-small, lewm, vit-tiny-classifier/,
    );
    // The config is found: what is missing is the checkpoint.
    const known = run(process.execPath, [program, "pack", "none.pt", "--config", "lewm", "--json"], empty);
    expect(known.stderr + known.stdout).toMatch(/none\.pt/);
    expect(known.stderr + known.stdout).not.toMatch(/CONFIG_/);
  });
});

test("CommonJS is told how to load them, or loads them", () => {
  for (const name of ["synapse-engine", "synapse-client", "synapse-sim", "synapse-host"]) {
    const { status, stderr } = run(process.execPath, ["-e", `require(${JSON.stringify(name)})`], empty);
    if (status !== 0) expect(stderr).toMatch(/ERR_REQUIRE_ESM[\s\S]*import\(\)|import\(\)[\s\S]*ERR_REQUIRE_ESM/);
  }
});

test("without sharp, pictures are refused with what to install, and all else works", () => {
  const aside = join(scratch, "sharp");
  renameSync(join(empty, "node_modules", "sharp"), aside);
  try {
    const script = `
      import { decodeImage } from "synapse-engine";
      import { readFileSync } from "node:fs";
      const error = await decodeImage(readFileSync(process.argv[2]), { width: 8, height: 8 }).catch((error) => error);
      console.log(JSON.stringify({ name: error.name, code: error.code, message: error.message }));
    `;
    writeFileSync(join(empty, "picture.mjs"), script);
    const answer = right(process.execPath, ["picture.mjs", join(ROOT, "samples", "cat.jpg")], empty);
    expect(JSON.parse(answer)).toEqual({
      name: "EngineError",
      code: "DECODER_MISSING",
      message: "pictures are decoded by the package sharp, which is not installed: npm install sharp",
    });
    expect(JSON.parse(cli("inspect", PACK, "--json")).name).toBeDefined();
  } finally {
    renameSync(aside, join(empty, "node_modules", "sharp"));
  }
});

function encode(...more: string[]): { engine: { name: string }; outputs: { values: number[] }[] } {
  return JSON.parse(cli("run", PACK, "encode", join(ROOT, "samples", "cat.jpg"), "--json", ...more));
}

test.skipIf(PLATFORM === undefined)(
  "without the addon, WebAssembly gives the same numbers, and engines says why",
  () => {
    const before = encode();
    expect(before.engine.name).toBe("native");
    const addon = join(empty, "node_modules", `synapse-engine-${PLATFORM}`);
    const aside = join(scratch, "addon");
    cpSync(addon, aside, { recursive: true });
    rmSync(addon, { recursive: true });
    try {
      const after = encode();
      expect(after.engine.name).toBe("wasm");
      expect(after.outputs).toEqual(before.outputs);
      expect(cli("engines")).toMatch(
        /native\W+missing.*the optional package synapse-engine-linux-x64-gnu or \S+-x64-musl is not installed/,
      );
    } finally {
      cpSync(aside, addon, { recursive: true });
    }
  },
);

test("a simulated board starts from the packages alone, without an addon of the board", async () => {
  const script = `
    import { readFileSync } from "node:fs";
    import { readBoard } from "synapse-sim/boards";
    import { SimulatedBoard, serveBoard } from "synapse-sim";
    import { SynapseClient } from "synapse-client";
    const board = await SimulatedBoard.create({
      board: await readBoard("node_modules/synapse-host/boards/waveshare-esp32-p4-wifi6.json"),
      model: readFileSync(process.argv[2]),
    });
    const server = await serveBoard(board, { port: 0 });
    const client = new SynapseClient({ url: server.url });
    const { latent } = await client.encode({ bytes: readFileSync(process.argv[3]), type: "image/jpeg" });
    console.log(JSON.stringify({ engine: board.engine, latent: [...latent] }));
    await server.close();
    await board.close();
    process.exit(0);
  `;
  writeFileSync(join(empty, "board.mjs"), script);
  const answer = JSON.parse(right(process.execPath, ["board.mjs", PACK, join(ROOT, "samples", "cat.jpg")], empty));
  expect(answer.engine).toBe("wasm");
  expect(answer.latent).toEqual(encode().outputs[0]?.values);
});

const PROGRAM = `
import { openFastestEngine, openWasmEngine, type Engine, type EntryInfo } from "synapse-engine";
import { InputError } from "synapse-engine/errors";
import { SynapseClient, BoardError } from "synapse-client";
import { packCheckpoint, openModelFile, type PackReport } from "synapse-host";

export async function entries(engine: Engine, file: Uint8Array): Promise<readonly EntryInfo[]> {
  const model = await engine.openModel(file);
  return model.info.entries;
}
export const client: SynapseClient = new SynapseClient({ url: "http://192.0.2.1" });
export const failed = (error: unknown): boolean => error instanceof InputError || error instanceof BoardError;
export const report: Promise<PackReport> = packCheckpoint({ checkpoint: "a", config: "b", golden: true });
export const opened = openModelFile("a", undefined);
void openFastestEngine;
// @ts-expect-error: an engine of that name does not exist.
void openWasmEngine("cuda");
`;

test.each([
  ["node16", { module: "node16", moduleResolution: "node16" }],
  ["nodenext", { module: "nodenext", moduleResolution: "nodenext" }],
  ["bundler", { module: "esnext", moduleResolution: "bundler" }],
])("a TypeScript program compiles against them: %s", (name, options) => {
  const folder = join(empty, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "program.ts"), PROGRAM);
  const compilerOptions = {
    ...options,
    target: "es2022",
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    types: ["node"],
    lib: ["es2023", "dom"],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["program.ts"] }));
  if (!existsSync(join(empty, "node_modules", "@types", "node")))
    cpSync(join(ROOT, "node_modules", "@types"), join(empty, "node_modules", "@types"), { recursive: true });
  right(process.execPath, [join(ROOT, "node_modules", "typescript", "bin", "tsc"), "-p", folder], empty);
});

const executable = findChromium();

describe("a page", () => {
  const site = join(scratch, "site");
  let server: Server;
  let browser: Browser | undefined;
  let wrapperBytes = 0;

  beforeAll(async () => {
    mkdirSync(site, { recursive: true });
    const example = join(ROOT, "examples", "browser");
    cpSync(join(example, "page.js"), join(empty, "page.js"));
    const options = { platform: "browser", cwd: empty } as const;
    const bundle = await rolldown({ input: join(empty, "page.js"), ...options });
    await bundle.write({ file: join(site, "page.bundle.js"), format: "esm", minify: true });
    writeFileSync(join(empty, "wrapper.js"), 'export * from "synapse-engine";\n');
    const { output } = await (await rolldown({ input: join(empty, "wrapper.js"), ...options })).generate({
      format: "esm",
      minify: true,
    });
    wrapperBytes = Buffer.byteLength(output[0].code);
    writeFileSync(join(site, "wrapper.js"), output[0].code);
    cpSync(join(example, "index.html"), join(site, "index.html"));
    cpSync(PACK, join(site, "model.syn"));
    for (const name of ["synapse.wasm", "synapse-baseline.wasm"]) {
      cpSync(join(empty, "node_modules", "synapse-engine", "builds", name), join(site, name));
    }
    server = createServer((request, response) => {
      const file = join(site, basename(request.url === "/" ? "index.html" : (request.url as string)));
      if (!existsSync(file)) return response.writeHead(404).end();
      const types: Record<string, string> = {
        ".html": "text/html",
        ".js": "text/javascript",
        ".wasm": "application/wasm",
      };
      return response
        .writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream" })
        .end(readFileSync(file));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    if (executable !== undefined)
      browser = await chromium.launch({ executablePath: executable, args: ["--no-sandbox"] });
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  test("wrapper and builds together are small, and a page downloads the wrapper and one build", () => {
    expect(wrapperBytes).toBeLessThanOrEqual(WRAPPER_BYTES_MAX);
    const files = ["wrapper.js", "synapse.wasm", "synapse-baseline.wasm"].map((name) => readFileSync(join(site, name)));
    const all = brotliCompressSync(Buffer.concat(files)).length;
    process.stdout.write(`page: wrapper and both builds in one archive ${(all / 1024).toFixed(1)} KiB brotli\n`);
    expect(all).toBeLessThanOrEqual(ARCHIVE_BYTES_MAX);
    const wrapper = brotliCompressSync(files[0] as Buffer).length;
    for (const name of ["synapse.wasm", "synapse-baseline.wasm"]) {
      const together = wrapper + brotliCompressSync(readFileSync(join(site, name))).length;
      process.stdout.write(
        `page: wrapper ${(wrapperBytes / 1024).toFixed(1)} KiB, with ${name} ${(together / 1024).toFixed(1)} KiB ` +
          `brotli\n`,
      );
      expect(together).toBeLessThanOrEqual(PAGE_BYTES_MAX);
    }
  });

  test.skipIf(executable === undefined)(
    "encodes a picture in a browser, with the numbers that the program gives",
    async () => {
      const page = await (browser as Browser).newPage();
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      await page.getByText("ready", { exact: true }).waitFor();
      const picture = join(scratch, "picture.png");
      // A PNG has no decoder's choices; its size is odd, so that it is filtered on both axes.
      const pixels = Buffer.from(
        Array.from({ length: 61 * 47 * 3 }, (_, index) => (index * 37 + (index >> 5) * 11) % 256),
      );
      await sharp(pixels, { raw: { width: 61, height: 47, channels: 3 } })
        .png()
        .toFile(picture);
      await page.getByLabel("Picture").setInputFiles(picture);
      await page.locator("output", { hasNotText: "ready" }).waitFor();
      const shown = (await page.locator("output").innerText()).split(" ").map(Number);
      const { outputs } = JSON.parse(cli("run", PACK, "encode", picture, "--json"));
      expect(shown.map(Math.fround)).toEqual(outputs[0].values.map(Math.fround));
    },
  );
});

test("docs/browser.md shows the example's own lines", () => {
  const text = readFileSync(join(ROOT, "docs", "browser.md"), "utf8");
  expect(text).toContain(readFileSync(join(ROOT, "examples", "browser", "page.js"), "utf8").trim());
});
