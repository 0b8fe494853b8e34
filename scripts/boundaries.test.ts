import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** The packages of this repository by their folders, and which others the sources of each may import. */
const PACKAGES = {
  engines: { name: "synapse-engine", imports: [] },
  sim: { name: "synapse-sim", imports: ["synapse-engine", "synapse-page"] },
  host: { name: "synapse-host", imports: ["synapse-engine", "synapse-sim"] },
  "firmware/components/synapse/web": { name: "synapse-page", imports: [] },
} as const satisfies Record<string, { name: string; imports: readonly string[] }>;

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
  return all.filter((path) => /\.tsx?$/.test(path) && !/(^|\/)(node_modules|dist)\//.test(path)).map((path) => `${folder}/${path}`);
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
    const allowed: readonly string[] = [...PACKAGES[folder].imports, PACKAGES[folder].name];
    const wrong = of(folder).filter(({ from }) => NAMES.includes(packageOf(from)) && !allowed.includes(packageOf(from)));
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
    const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8"));
    const used = new Set(of(folder).map(({ from }) => packageOf(from)));
    const others = NAMES.filter((name) => name !== PACKAGES[folder].name);
    expect(others.filter((name) => used.has(name))).toEqual(others.filter((name) => name in { ...dependencies, ...devDependencies }));
  });
});

test("the compiler has the simulated board loaded by what starts one, and by nothing else", () => {
  const isBoards = (file: string) => file.startsWith("host/src/boards/");
  const isTest = (file: string) => /\.test\.ts$|\/testing\//.test(file);
  const loads = of("host").filter(({ file, typeOnly, later }) => !typeOnly && !later && !isTest(file));
  const simulator = loads.filter(({ file, from }) => from === "synapse-sim" && !isBoards(file));
  const within = loads.filter(({ file, from }) => {
    return from.startsWith(".") && !isBoards(file) && isBoards(relative(ROOT, resolve(ROOT, dirname(file), from)));
  });
  // What these two do is start boards; the program and the library load them when that is asked for.
  const starters = ["host/src/cli/simulate.ts", "host/src/cli/demo.ts", "host/src/cli/brokerText.ts"];
  expect(simulator.map(place)).toEqual([]);
  expect(within.filter(({ file }) => !starters.includes(file)).map(place)).toEqual([]);
  for (const file of starters) expect(existsSync(join(ROOT, file))).toBe(true);
});
