// What tidy asks of each file. A finding is `{ rule, path, line, text }`, where `text` says what would be right.
import { deadFiles } from "./deadFiles.mjs";
import { functionsOf } from "./functions.mjs";
import { cyclesOf, importGraph } from "./imports.mjs";
import { unusedExports, unusedZig } from "./unused.mjs";

const COLUMNS_MAX = 120;
const FUNCTION_LINES_MAX = 70;
const FILE_LINES_MAX = 500;

export const RULES = {
  "line-length": lineLength,
  "function-length": functionLength,
  "file-length": fileLength,
  title: titles,
  unused: unused,
  "import-cycle": importCycles,
  "dead-file": dead,
};

/** Findings of all rules, in the order of their files. */
export function findings(sources) {
  const found = Object.values(RULES).flatMap((rule) => rule(sources));
  return found.sort((a, b) => (a.path === b.path ? a.line - b.line : a.path < b.path ? -1 : 1));
}

/** What begins a test. Its title is one string, so that a search for its words finds it. */
const TEST_TITLE =
  /^\s*(?:(?:test|it|describe)[\w.]*\((["'`]).*\1, (?:[A-Z_]+, )?(?:async )?\(.*\) => \{|test ".*" \{)$/;

/**
 * Rows of a Markdown table cannot be broken, nor can addresses: a line is measured without the targets of its links.
 */
function lineLength(sources) {
  return sources.flatMap(({ path, text, language, made }) => {
    if (made || language === undefined) return [];
    return text.split("\n").flatMap((line, index) => {
      if (line.length <= COLUMNS_MAX || (language === "markdown" && /^\s*\|/.test(line))) return [];
      if (TEST_TITLE.test(line)) return [];
      const columns = [...line.replace(/\]\([^)]*\)/g, "]()").replace(/https?:\/\/[^\s)"'`]+/g, "")].length;
      if (columns <= COLUMNS_MAX) return [];
      return [{ rule: "line-length", path, line: index + 1, text: `${columns} columns; at most ${COLUMNS_MAX}` }];
    });
  });
}

function functionLength(sources) {
  return sources.flatMap((file) => {
    if (file.made || file.language === undefined) return [];
    return functionsOf(file)
      .filter(({ lines }) => lines > FUNCTION_LINES_MAX)
      .map(({ name, line, lines }) => {
        const text = `${name} has ${lines} lines; at most ${FUNCTION_LINES_MAX}`;
        return { rule: "function-length", path: file.path, line, text };
      });
  });
}

function fileLength(sources) {
  return sources.flatMap(({ path, text, language, made }) => {
    const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
    if (made || language === undefined || language === "markdown" || lines <= FILE_LINES_MAX) return [];
    return [{ rule: "file-length", path, line: FILE_LINES_MAX + 1, text: `${lines} lines; at most ${FILE_LINES_MAX}` }];
  });
}

/** Templates of issues and pull requests take their title from elsewhere. */
function titles(sources) {
  return sources.flatMap(({ path, text, language }) => {
    if (language !== "markdown" || path.startsWith(".github/")) return [];
    const withoutCode = text.replace(/^(```|~~~)[\s\S]*?^\1/gm, (code) => code.replace(/[^\n]/g, " "));
    const lines = withoutCode.split("\n").flatMap((line, index) => (/^# \S/.test(line) ? [index + 1] : []));
    if (lines.length === 1) return [];
    return [{ rule: "title", path, line: lines[1] ?? 1, text: `${lines.length} titles (# ..); one a document` }];
  });
}

function unused(sources) {
  const zig = unusedZig(sources).map(({ name, what, ...place }) => ({
    ...place,
    text: `${name}: nothing names this ${what}; remove it`,
  }));
  const script = unusedExports(sources).map(({ name, ...place }) => ({
    ...place,
    text: `${name}: nothing names this export; remove it`,
  }));
  return [...zig, ...script].map((finding) => ({ rule: "unused", ...finding }));
}

function importCycles(sources) {
  return cyclesOf(importGraph(sources)).map((way) => {
    const text = `imports itself: ${way.join(" -> ")}; cut the way somewhere`;
    return { rule: "import-cycle", path: way[0], line: 1, text };
  });
}

function dead(sources) {
  return deadFiles(sources, importGraph(sources)).map(({ path }) => {
    return { rule: "dead-file", path, line: 1, text: "nothing imports, names or runs it; remove it" };
  });
}
