// Source files that nothing imports, names or runs.
import { basename, dirname, extname, join } from "node:path/posix";

const CHECKED = new Set(["typescript", "zig", "python", "shell", "c"]);
/** Files that a test runner, an interpreter or a packager finds by their names. */
const FOUND_BY_NAME = [
  /\.test\.tsx?$/,
  /\.d\.ts$/,
  /^vitest\.config\.ts$/,
  /(^|\/)test_\w+\.py$/,
  /(^|\/)(conftest|__init__|__main__)\.py$/,
];

export function deadFiles(sources, graph) {
  const imported = new Set([...graph].flatMap(([from, to]) => [...to].filter((path) => path !== from)));
  const named = namedIn(sources);
  const modules = pythonModules(sources);
  return sources.filter(({ path, language, made }) => {
    if (made || !CHECKED.has(language) || imported.has(path) || FOUND_BY_NAME.some((pattern) => pattern.test(path)))
      return false;
    if ([basename(path), path].some((name) => [...(named.get(name) ?? [])].some((by) => by !== path))) return false;
    return language !== "python" || ![...(modules.get(basename(path, ".py")) ?? [])].some((by) => by !== path);
  });
}

/** Which files name a file `name.ext`; `name.js` is how TypeScript names `name.ts`. */
function namedIn(sources) {
  const named = new Map();
  const add = (name, path) => named.set(name, (named.get(name) ?? new Set()).add(path));
  for (const { path, text, language } of sources) {
    for (const [name] of text.matchAll(/[\w-]+(?:\.[\w-]+)*\.(?:tsx?|mjs|js|zig|py|sh|c|h)\b/g)) {
      add(name, path);
      if (name.endsWith(".js")) for (const end of [".ts", ".tsx"]) add(name.replace(/\.js$/, end), path);
    }
    // By its stem alone: a tool in a build, a process that a file beside it starts.
    const end = basename(path) === "build.zig" ? ".zig" : language === "typescript" ? extname(path) : undefined;
    if (end !== undefined)
      for (const [, stem] of text.matchAll(/"([\w-]+)"/g))
        add(end === ".zig" ? `${stem}.zig` : join(dirname(path), `${stem}${end}`), path);
  }
  return named;
}

function pythonModules(sources) {
  const modules = new Map();
  for (const { path, text, language } of sources) {
    if (language !== "python") continue;
    for (const [line] of text.matchAll(/^\s*(?:from|import)\b.*(?:\n(?=\s+\w+,?$).*)*/gm))
      for (const [word] of line.matchAll(/\w+/g)) modules.set(word, (modules.get(word) ?? new Set()).add(path));
  }
  return modules;
}
