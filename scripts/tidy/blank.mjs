// Source text with the contents of comments and strings replaced by spaces, so that what is left is structure. Offsets
// and lines stay; quotes stay.

const REGEX_AFTER = /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|do|else|await|yield))\s*$/;

/** @param language of `source()` */
export function blank(text, language) {
  if (language === "typescript") return blankScript(text, true);
  if (language === "c" || language === "css") return blankScript(text, false);
  if (language === "zig") return blankZig(text);
  return text;
}

function spaces(text) {
  return text.replace(/[^\n]/g, " ");
}

/**
 * Where a string that begins at `start` ends, its quote included; a line's end ends it too, since an apostrophe in a
 * page's text begins none.
 */
function stringEnd(text, start) {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "\n") return start + 1;
    else if (text[at] === text[start]) return at + 1;
  }
  return start + 1;
}

function regexEnd(text, start) {
  let inClass = false;
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "\n") return undefined;
    else if (text[at] === "[") inClass = true;
    else if (text[at] === "]") inClass = false;
    else if (text[at] === "/" && !inClass) return at + 1;
  }
  return undefined;
}

function quoted(text, start, end) {
  return end === start + 1 ? text[start] : text[start] + spaces(text.slice(start + 1, end - 1)) + text[end - 1];
}

/** JavaScript, TypeScript and, without templates and regular expressions, C and CSS. */
function blankScript(text, script) {
  let out = "";
  // Braces within each open template, outermost first: at 0 a closing one leads back into its text.
  const templates = [];
  let at = 0;
  const take = (end, replacement) => {
    out += replacement;
    at = end;
  };
  const template = (start) => {
    let end = start;
    while (end < text.length && text[end] !== "`" && !text.startsWith("${", end)) end += text[end] === "\\" ? 2 : 1;
    if (text.startsWith("${", end)) {
      templates.push(0);
      take(end + 2, `${spaces(text.slice(start, end))}\${`);
    } else take(end + 1, `${spaces(text.slice(start, end))}\``);
  };
  while (at < text.length) {
    const char = text[at];
    const two = text.slice(at, at + 2);
    if (two === "//" && script !== undefined) {
      const end = text.indexOf("\n", at);
      take(end < 0 ? text.length : end, spaces(text.slice(at, end < 0 ? text.length : end)));
    } else if (two === "/*") {
      const end = text.indexOf("*/", at + 2);
      take(end < 0 ? text.length : end + 2, spaces(text.slice(at, end < 0 ? text.length : end + 2)));
    } else if (char === '"' || char === "'") {
      const end = stringEnd(text, at);
      take(end, quoted(text, at, end));
    } else if (script && char === "`") {
      out += char;
      template(at + 1);
    } else if (script && char === "/" && REGEX_AFTER.test(out.slice(-40)) && regexEnd(text, at) !== undefined) {
      const end = regexEnd(text, at);
      take(end, quoted(text, at, end));
    } else if (script && char === "}" && templates.at(-1) === 0) {
      templates.pop();
      out += char;
      template(at + 1);
    } else {
      if (templates.length > 0 && (char === "{" || char === "}"))
        templates[templates.length - 1] += char === "{" ? 1 : -1;
      take(at + 1, char);
    }
  }
  return out;
}

function blankZig(text) {
  return text.replace(/\/\/[^\n]*|\\\\[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, (found) =>
    found.startsWith('"') || found.startsWith("'") ? quoted(found, 0, found.length) : spaces(found),
  );
}
