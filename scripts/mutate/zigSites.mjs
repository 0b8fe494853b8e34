// Where a small, plausible fault can be put into a Zig file, and which. Works on tokens, so that comments, strings and
// tests are left alone.

/** What a token becomes; each alternative is a fault of its own. */
const OPERATORS = {
  "<": ["<="],
  "<=": ["<"],
  ">": [">="],
  ">=": [">"],
  "==": ["!="],
  "!=": ["=="],
  "+": ["-"],
  "-": ["+"],
  "+%": ["-%"],
  "-%": ["+%"],
  "+|": ["+"],
  "-|": ["-"],
  "+=": ["-="],
  "-=": ["+="],
  "*": ["+"],
  "/": ["*"],
  "<<": [">>"],
  ">>": ["<<"],
  "&": ["|"],
  "|": ["&"],
  and: ["or"],
  or: ["and"],
  true: ["false"],
  false: ["true"],
  "@min": ["@max"],
  "@max": ["@min"],
  break: ["continue"],
};

/** What a statement that is no call begins with. */
const KEYWORDS = new Set(
  (
    "const var pub fn return if while for switch comptime inline defer errdefer test break continue export else " +
    "threadlocal extern usingnamespace"
  ).split(" "),
);
const COMMENT_OR_TEXT = /\/\/[^\n]*|\\\\[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/;
const NAME_OR_NUMBER = /@?[A-Za-z_][A-Za-z0-9_]*|0x[0-9a-fA-F_.p+-]+|[0-9][0-9_]*(?:\.[0-9_]+)?(?:e[+-]?[0-9]+)?/;
const OPERATOR = /\.\.\.|\.\.|\.\*|=>|\|\||[-+*]%=?|[-+*]\|=?|<<=?|>>=?|[<>=!]=|[-+*/%&|^]=|\+\+|\*\*|[^\s]/;
const TOKEN = new RegExp([COMMENT_OR_TEXT, NAME_OR_NUMBER, OPERATOR].map(({ source }) => source).join("|"), "gy");

/** `{ text, at }` of every token that is code; tests and what only a compiler reads are left out. */
export function tokens(source) {
  const found = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < source.length) {
    const space = /\s*/y;
    space.lastIndex = TOKEN.lastIndex;
    space.exec(source);
    TOKEN.lastIndex = space.lastIndex;
    if (TOKEN.lastIndex >= source.length) break;
    const match = TOKEN.exec(source);
    if (match === null) throw new Error(`no token at ${space.lastIndex}`);
    const [text] = match;
    if (text.startsWith("//") || text.startsWith("\\\\")) continue;
    found.push({ text, at: match.index });
  }
  return withoutCaptures(withoutTests(found));
}

/** Drops `test "name" { .. }` and `test { .. }` at the top of a file. */
function withoutTests(all) {
  const kept = [];
  let depth = 0;
  for (let i = 0; i < all.length; i++) {
    const { text } = all[i];
    if (depth === 0 && text === "test") {
      while (all[i].text !== "{") i++;
      let inner = 0;
      do {
        if (all[i].text === "{") inner++;
        if (all[i].text === "}") inner--;
        i++;
      } while (inner > 0);
      i--;
      continue;
    }
    if (text === "{") depth++;
    if (text === "}") depth--;
    kept.push(all[i]);
  }
  return kept;
}

/** Drops `|value, *index|`: names, and no operators. */
function withoutCaptures(all) {
  const kept = [];
  for (let i = 0; i < all.length; i++) {
    const end = all[i].text === "|" ? captureEnd(all, i) : -1;
    if (end < 0) kept.push(all[i]);
    else i = end;
  }
  return kept;
}

/** Where the capture that begins at `i` ends, or -1: between two operands stands no list of names. */
function captureEnd(all, i) {
  if (!/^(?:\)|=>|else|catch|errdefer)$/.test(all[i - 1]?.text ?? "")) return -1;
  const end = all.findIndex((token, index) => index > i && token.text === "|");
  const inside = all.slice(i + 1, end).map(({ text }) => text);
  return end > i + 1 && /^\*?\w+(?:,\*?\w+)*$/.test(inside.join("")) ? end : -1;
}

/** An operator between two operands and not a sign, a pointer or a range. */
function binary(before, after) {
  const ends = /^(?:[\w"')\]}]|@)/;
  const keyword = /^(?:return|if|while|for|switch|else|and|or|orelse|catch|try|in|const|var|fn|inline|comptime)$/;
  return (
    before !== undefined &&
    after !== undefined &&
    ends.test(before.text.at(-1)) &&
    !keyword.test(before.text) &&
    !/^[,;)\]}=]$/.test(after.text)
  );
}

/** Sites of one file: `{ at, from, to, line }`, in order. */
export function sites(source) {
  const all = tokens(source);
  const found = [];
  const lineStarts = [0];
  for (let i = source.indexOf("\n"); i >= 0; i = source.indexOf("\n", i + 1)) lineStarts.push(i + 1);
  const lineOf = (at) => lineStarts.findLastIndex((start) => start <= at) + 1;
  const textOf = (at) => source.slice(lineStarts[lineOf(at) - 1], lineStarts[lineOf(at)] ?? source.length);
  let inAssert = 0;
  for (const [i, token] of all.entries()) {
    const { text, at } = token;
    const before = all[i - 1];
    const after = all[i + 1];
    if (/\bassert\(|@compileError|@import|^\s*(?:pub )?const \w+ = @import/.test(textOf(at))) inAssert = lineOf(at);
    if (inAssert === lineOf(at)) continue;
    const alternatives =
      /^[0-9]+$/.test(text) && before?.text !== "." ? [String(Number(text) + 1)] : (OPERATORS[text] ?? []);
    const symbol = /^[^\w@]/.test(text);
    if (symbol && !binary(before, after)) continue;
    // Between two operands it is an operator, before a type a pointer.
    if (
      text === "*" &&
      (before?.text === ")" || before?.text === "]" || after?.text === "const" || /^[A-Z]/.test(after?.text ?? ""))
    )
      continue;
    if (/^[0-9]+$/.test(text) && (/^(?:u|i|f)$/.test(before?.text ?? "") || after?.text === "...")) continue;
    for (const to of alternatives) found.push({ at, from: text, to, line: lineOf(at) });
  }
  return [...found, ...statements(source, all, lineOf)].sort((a, b) => a.at - b.at);
}

/** Whole statements that can be left out: an assignment or a call on a line of its own. */
function statements(source, all, lineOf) {
  const found = [];
  for (const [i, token] of all.entries()) {
    const previous = all[i - 1]?.text;
    if (previous !== ";" && previous !== "{" && previous !== "}") continue;
    if (!/^[a-z_]/.test(token.text) || KEYWORDS.has(token.text)) continue;
    let end = i;
    let depth = 0;
    while (end < all.length && !(depth === 0 && all[end].text === ";")) {
      if ("([{".includes(all[end].text)) depth++;
      if (")]}".includes(all[end].text)) depth--;
      if (depth < 0 || all[end].text === ":" || (depth === 0 && (all[end].text === "," || all[end].text === "=>")))
        break;
      end++;
    }
    if (all[end]?.text !== ";" || depth !== 0) continue;
    const from = source.slice(token.at, all[end].at + 1);
    if (from.includes("\n") || /\bassert\(/.test(from) || from.startsWith("_ =")) continue;
    found.push({
      at: token.at,
      from,
      to: from.startsWith("try ") || /^[\w.]+\(/.test(from) ? "{}" : "",
      line: lineOf(token.at),
    });
  }
  return found;
}

/** The source with one site changed. */
export function apply(source, { at, from, to }) {
  return source.slice(0, at) + to + source.slice(at + from.length);
}
