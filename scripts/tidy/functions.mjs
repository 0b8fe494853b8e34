// Where functions begin and end, by the structure of the text alone.
import { blank } from "./blank.mjs";
import { lineAt } from "./sources.mjs";

/** The offset behind the bracket that closes the one at `open`, or undefined. */
function closing(code, open) {
  const pairs = { "(": ")", "[": "]", "{": "}" };
  const stack = [];
  for (let at = open; at < code.length; at++) {
    if (pairs[code[at]]) stack.push(pairs[code[at]]);
    else if (code[at] === stack.at(-1)) {
      stack.pop();
      if (stack.length === 0) return at + 1;
    }
  }
  return undefined;
}

/** `{ name, line, lines }` of every function with a body. */
export function functionsOf({ text, language }) {
  if (language === "python") return pythonFunctions(text);
  const code = blank(text, language);
  const spans =
    language === "zig"
      ? zigSpans(code, text)
      : language === "typescript"
        ? scriptSpans(code)
        : language === "c"
          ? cSpans(code)
          : [];
  return spans.map(({ name, start, end }) => {
    const line = lineAt(text, start);
    return { name, line, lines: lineAt(text, end - 1) - line + 1 };
  });
}

function zigSpans(code, text) {
  const spans = [];
  for (const match of code.matchAll(/\bfn\s+(\w+|@"[^"]*")?\s*\(|^\s*test\s*("[^"]*"|\w+)?\s*\{/gm)) {
    const start = match.index + match[0].search(/\S/);
    if (/^test\b/.test(match[0].trim())) {
      const end = closing(code, match.index + match[0].length - 1);
      const name = text.slice(start, match.index + match[0].length - 1).trim();
      if (end !== undefined) spans.push({ name, start, end });
      continue;
    }
    const body = zigBody(code, closing(code, match.index + match[0].length - 1));
    if (body !== undefined) spans.push({ name: match[1] ?? "fn", start, end: body });
  }
  return spans;
}

/**
 * Where the body behind a signature ends. A function that answers a type holds declarations, and is none to measure.
 */
function zigBody(code, from) {
  for (let at = from; at !== undefined && at < code.length; at++) {
    if (code[at] === ";" || code[at] === ",") return undefined;
    if (code[at] !== "{") continue;
    const before = code.slice(from, at);
    if (/\btype\s*$/.test(before)) return undefined;
    const end = closing(code, at);
    if (!/\b(?:error|struct|union|enum)(?:\([^)]*\))?\s*$/.test(before)) return end;
    at = end - 1;
  }
  return undefined;
}

const CONTROL = new Set(["if", "for", "while", "switch", "catch", "with", "return", "await", "function", "super"]);

function scriptSpans(code) {
  const spans = [];
  for (const match of code.matchAll(/\bfunction\b\s*\*?\s*(\w*)\s*(?:<[^(]*>)?\(/g)) {
    const end = scriptBody(code, closing(code, match.index + match[0].length - 1));
    if (end !== undefined) spans.push({ name: match[1] || "function", start: match.index, end });
  }
  for (const match of code.matchAll(
    /^[ \t]+((?:(?:public|private|protected|static|async|override|get|set)\s+)*\*?)(#?\w+)\s*(?:<[^(\n]*>)?\(/gm,
  )) {
    if (CONTROL.has(match[2])) continue;
    const end = scriptBody(code, closing(code, match.index + match[0].length - 1));
    if (end !== undefined) spans.push({ name: match[2], start: match.index + match[0].search(/\S/), end });
  }
  for (const match of code.matchAll(/=>\s*\{/g)) {
    const lineStart = code.lastIndexOf("\n", match.index) + 1;
    const head = code.slice(lineStart, match.index);
    // What describes a group of tests holds functions and is none to measure.
    if (/\bdescribe\b/.test(head) || /^\]\)\(/.test(head.trim())) continue;
    const end = closing(code, match.index + match[0].length - 1);
    const start = lineStart + head.search(/\S|$/);
    if (end !== undefined) spans.push({ name: /(?:const|let)\s+(\w+)/.exec(head)?.[1] ?? "a function", start, end });
  }
  // A function that declares tests is a group of them, too.
  return spans.filter(({ start, end }) => !/^\s*(?:test|it|describe)[.\w]*\(/m.test(code.slice(start, end)));
}

/**
 * Where the body behind parameters ends: directly there, or behind the type of the answer,
 * which may hold braces of its own.
 */
function scriptBody(code, from) {
  if (from === undefined) return undefined;
  let at = from + code.slice(from).search(/\S|$/);
  if (code[at] === "{") return closing(code, at);
  if (code[at] !== ":") return undefined;
  for (at++; at < code.length; at++) {
    if (code[at] === ";" || code[at] === ")" || code[at] === "=") return undefined;
    if (code[at] === "(" || code[at] === "[") at = (closing(code, at) ?? code.length) - 1;
    if (code[at] !== "{") continue;
    const end = closing(code, at);
    if (!/[:|&<,]\s*$/.test(code.slice(from, at))) return end;
    at = (end ?? code.length) - 1;
  }
  return undefined;
}

function cSpans(code) {
  const spans = [];
  for (const match of code.matchAll(/^[A-Za-z_][\w\s*]*?\b(\w+)\s*\([^;{}]*\)\s*\{/gm)) {
    const end = closing(code, match.index + match[0].length - 1);
    if (end !== undefined && !CONTROL.has(match[1])) spans.push({ name: match[1], start: match.index, end });
  }
  return spans;
}

function pythonFunctions(text) {
  const lines = text.split("\n");
  const found = [];
  lines.forEach((line, index) => {
    const [, indent, name] = /^(\s*)(?:async\s+)?def\s+(\w+)/.exec(line) ?? [];
    if (name === undefined) return;
    // Behind the signature: its closing bracket may stand at the function's own indentation.
    let signed = index;
    while (signed < lines.length && !/:\s*(#.*)?$/.test(lines[signed])) signed++;
    let last = signed;
    for (let at = signed + 1; at < lines.length; at++) {
      if (lines[at].trim() === "") continue;
      if (/^\s*/.exec(lines[at])[0].length <= indent.length) break;
      last = at;
    }
    found.push({ name, line: index + 1, lines: last - index + 1 });
  });
  return found;
}
