import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/**
 * The packages of this repository by their folders, and which others the sources of each may import,
 * and its tests besides.
 */
const PACKAGES = {
  engines: { name: "synapse-engine", imports: [] },
  sim: { name: "synapse-sim", imports: ["synapse-engine", "synapse-page"] },
  client: { name: "synapse-client", imports: [], testImports: ["synapse-sim"] },
  host: { name: "synapse-host", imports: ["synapse-client", "synapse-engine", "synapse-sim"] },
  "firmware/components/synapse/web": { name: "synapse-page", imports: ["synapse-client"] },
} as const satisfies Record<string, { name: string; imports: readonly string[]; testImports?: readonly string[] }>;

type Folder = keyof typeof PACKAGES;
const FOLDERS = Object.keys(PACKAGES) as Folder[];
const NAMES: readonly string[] = Object.values(PACKAGES).map(({ name }) => name);

interface Import {
  /** The file that imports, from the repository's root. */
  readonly file: string;
  readonly line: number;
  readonly from: string;
  /** Erased when it is compiled. */
  readonly typeOnly: boolean;
  /** `import(..)`, when the program comes there. */
  readonly later: boolean;
}

const STATEMENT = /^\s*(?:import|export)\s(?:(type)\s)?(?:[^"';]*?\sfrom\s)?"([^"]+)"|\bimport\("([^"]+)"\)/gm;

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  return [...text.matchAll(STATEMENT)].map((match) => ({
    file,
    line: text.slice(0, match.index).split("\n").length + (/^\n*/.exec(match[0])?.[0].length ?? 0),
    from: match[2] ?? match[3] ?? "",
    typeOnly: match[1] !== undefined,
    later: match[3] !== undefined,
  }));
}

function sourcesOf(folder: Folder): string[] {
  const all = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
  return all
    .filter((path) => /\.tsx?$/.test(path) && !/(^|\/)(node_modules|dist)\//.test(path))
    .map((path) => `${folder}/${path}`);
}

const place = ({ file, line, from }: Import) => `${file}:${line} imports ${from}`;
const packageOf = (from: string) => from.split("/")[0] ?? "";
const imports = new Map(FOLDERS.map((folder) => [folder, sourcesOf(folder).flatMap(importsOf)]));
const of = (folder: Folder): readonly Import[] => imports.get(folder) ?? [];

describe.each(FOLDERS)("%s", (folder) => {
  test("has sources and imports to look at", () => {
    expect(of(folder).length).toBeGreaterThan(30);
  });

  test("imports no package above it", () => {
    const {
      name,
      imports: below,
      testImports = [],
    }: { name: string; imports: readonly string[]; testImports?: readonly string[] } = PACKAGES[folder];
    const allowed = ({ file, from }: Import) =>
      [name, ...below, ...(file.endsWith(".test.ts") ? testImports : [])].includes(packageOf(from));
    const wrong = of(folder).filter((one) => NAMES.includes(packageOf(one.from)) && !allowed(one));
    expect(wrong.map(place)).toEqual([]);
  });

  test("comes to other packages by their names, never by a path", () => {
    const wrong = of(folder).filter(({ file, from }) => {
      if (!from.startsWith(".")) return false;
      return relative(join(ROOT, folder), resolve(ROOT, dirname(file), from)).startsWith("..");
    });
    expect(wrong.map(place)).toEqual([]);
  });

  test("names in its package.json what its sources import", () => {
    const { dependencies = {}, devDependencies = {} } = JSON.parse(
      readFileSync(join(ROOT, folder, "package.json"), "utf8"),
    );
    const used = new Set(of(folder).map(({ from }) => packageOf(from)));
    const others = NAMES.filter((name) => name !== PACKAGES[folder].name);
    expect(others.filter((name) => used.has(name))).toEqual(
      others.filter((name) => name in { ...dependencies, ...devDependencies }),
    );
  });
});

/**
 * The way from a file to an import of `wanted` that is loaded with it, as the files between;
 * undefined where there is none.
 */
function wayTo(wanted: string, start: string): string[] | undefined {
  const ways = new Map([[start, [start]]]);
  for (const [file, way] of ways) {
    for (const { from, typeOnly, later } of importsOf(file)) {
      if (typeOnly || later) continue;
      if (from === wanted) return [...way, from];
      const next = from.startsWith(".")
        ? relative(ROOT, resolve(ROOT, dirname(file), from)).replace(/\.js$/, ".ts")
        : undefined;
      if (next !== undefined && !ways.has(next)) ways.set(next, [...way, next]);
    }
  }
  return undefined;
}

test.each([
  ["the program", "host/src/cli/main.ts"],
  ["the library", "host/src/index.ts"],
])("%s loads the simulated board when one is started, and not before", (_name, start) => {
  expect(wayTo("synapse-sim", start)).toBeUndefined();
  // What this looks for is found where it is.
  expect(wayTo("synapse-sim", "host/src/boards/startBoard.ts")).toBeDefined();
});
