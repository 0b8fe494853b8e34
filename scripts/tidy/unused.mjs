// Declarations that nothing names, by counting words: what is told is unused for certain, and what shares its name with
// something else is not seen.
import { blank } from "./blank.mjs";
import { lineAt } from "./sources.mjs";

const WORD = /[A-Za-z_]\w*/g;
const ZIG_TOP = /^(pub )?(?:extern )?(?:inline )?(?:threadlocal )?(const|var|fn) (\w+)/gm;
const SCRIPT_EXPORT =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:const|let|function\*?|class|interface|type|enum) (\w+)/gm;

function countWords(text, counts) {
  for (const [word] of text.matchAll(WORD)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/**
 * Top-level declarations of Zig files: private ones that their file does not name again, public ones that no file does.
 */
export function unusedZig(sources) {
  const files = sources.filter(({ language }) => language === "zig");
  const everywhere = new Map();
  // A name in a JSON file is that of a declaration which Zig prints by reflection.
  for (const { path, text } of sources) if (path.endsWith(".json")) countWords(text, everywhere);
  // Strings count, since @field names declarations in them; paths of files do not.
  for (const { text } of files) countWords(text.replace(/\/\/[^\n]*|"[^"\n]*\.zig"/g, ""), everywhere);
  return files.flatMap(({ path, text, language }) => {
    const code = blank(text, language);
    const own = countWords(code, new Map());
    return [...code.matchAll(ZIG_TOP)].flatMap((match) => {
      const [, isPublic, kind, name] = match;
      if (name === "_" || isEntry(isPublic, name) || (isPublic ? everywhere : own).get(name) !== 1) return [];
      const line = text.slice(match.index).split("\n", 1)[0];
      const imported = kind === "const" && /=\s*@import\(/.test(line);
      return [
        {
          path,
          line: lineAt(text, match.index),
          name,
          what: imported ? "import" : isPublic ? "public declaration" : "declaration",
        },
      ];
    });
  });
}

/** What the compiler or its runtime looks for by name. */
function isEntry(isPublic, name) {
  return isPublic !== undefined && ["main", "build", "panic", "std_options", "std_options_debug_io"].includes(name);
}

/** Exports of TypeScript and JavaScript files whose name stands nowhere else. */
export function unusedExports(sources) {
  const files = sources.filter(({ language }) => language === "typescript");
  const everywhere = new Map();
  for (const { text } of files) countWords(text, everywhere);
  const written = files.filter(({ made }) => !made);
  return written.flatMap(({ path, text, language }) =>
    [...blank(text, language).matchAll(SCRIPT_EXPORT)]
      .filter(([, name]) => everywhere.get(name) === 1)
      .map((match) => ({ path, line: lineAt(text, match.index), name: match[1] })),
  );
}
