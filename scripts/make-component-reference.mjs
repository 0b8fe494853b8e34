// Writes the reference part of docs/component.md from the component's header and its Kconfig.
// After a change of either: node scripts/make-component-reference.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PAGE = "docs/component.md";
const HEADER = "firmware/components/synapse/include/synapse_esp.h";
const KCONFIG = "firmware/components/synapse/Kconfig";
const MARK = "<!-- What follows is made by scripts/make-component-reference.mjs from the header and Kconfig. -->\n";

/** The page as it should be: what people wrote, and after the mark what the sources say. */
export function componentPage() {
  const [written] = textOf(PAGE).split(MARK);
  return `${written}${MARK}\n${reference()}`;
}

function reference() {
  const header = textOf(HEADER);
  const parts = [
    "## Configuration\n",
    `\`synapse_esp_config_t\`; \`SYNAPSE_ESP_CONFIG_DEFAULT()\` fills in the defaults.\n`,
    ...configuration(header),
    "## Events\n",
    "Of the base `SYNAPSE_ESP_EVENT`, on the default event loop.\n",
    table(["event", "data", "when"], events(header)),
    "## Functions\n",
    ...functions(header),
    "## Kconfig\n",
    "Facts of compile time only. The board's file sets most of them (`firmware/boards`).\n",
    table(["option", "type", "default", "what"], options()),
  ];
  return `${parts.join("\n")}`;
}

/** A group of the struct a table: field, type, default, meaning. */
function configuration(header) {
  const struct = /typedef struct synapse_esp_config \{\n(.*?)\n\} synapse_esp_config_t;/s.exec(header)?.[1] ?? "";
  const defaults = defaultsOf(header);
  const groups = struct.matchAll(/(?:^ {2}\/\*((?:(?!\*\/).)*)\*\/\n)? {2}struct \{\n(.*?)\n {2}\} (\w+);/gms);
  return [...groups].flatMap(([, comment, body, name]) => {
    const rows = fieldsOf(body).map(({ field, type, what }) => [
      `\`${field}\``,
      `\`${type}\``,
      code(defaults.get(`${name}.${field}`) ?? (/^(?:bool|.*_t|int)$/.test(type) ? "0" : "NULL")),
      what,
    ]);
    const said = comment === undefined ? [] : [`${sentence(comment)}\n`];
    return [`### \`${name}\`\n`, ...said, table(["field", "type", "default", "what"], rows)];
  });
}

/** "group.field" -> the text that the macro gives it. */
function defaultsOf(header) {
  const macro =
    /#define SYNAPSE_ESP_CONFIG_DEFAULT\(\)(.*?)\n\n/s.exec(header)?.[1].replaceAll(/\s*\\\n\s*/g, " ") ?? "";
  const groups = macro.matchAll(/\.(\w+) = \{([^{}]*)\}/g);
  return new Map(
    [...groups].flatMap(([, group, body]) =>
      [...body.matchAll(/\.(\w+) = ("[^"]*"|[^,]+)/g)].map(([, field, value]) => [`${group}.${field}`, value.trim()]),
    ),
  );
}

/** The fields of a struct's body; a comment belongs to the field it follows on its line, else to the next one. */
function fieldsOf(body) {
  const fields = [];
  const declarations = body.matchAll(
    /(?:^\s*\/\*((?:(?!\*\/).)*)\*\/\n)?^\s*([^;/]+);(?: *\/\*((?:(?!\*\/).)*)\*\/)?/gms,
  );
  for (const [, before, declaration, after] of declarations) {
    const what = after !== undefined || before !== undefined ? sentence(after ?? before) : "";
    const pointer = /^(.*?)\(\*(\w+)\)(.*)$/s.exec(declaration);
    if (pointer !== null) {
      fields.push({ field: pointer[2], type: flat(`${pointer[1]}(*)${pointer[3]}`), what });
      continue;
    }
    const [, type, names] = /^((?:const )?\w+ )(.*)$/s.exec(declaration);
    for (const name of names.split(",").map((each) => each.trim()))
      fields.push({ field: name.replace("*", ""), type: flat(`${type}${name.startsWith("*") ? "*" : ""}`), what });
  }
  return fields;
}

function events(header) {
  const body = /typedef enum synapse_esp_event_id \{\n(.*?)\n\}/s.exec(header)?.[1] ?? "";
  return [...body.matchAll(/(\w+) = \d+, +\/\* (.*?): (.*?) \*\//g)].map(([, name, data, when]) => [
    `\`${name}\``,
    data === "no data" ? data : `\`${data}\``,
    when,
  ]);
}

/** Each declaration with the comment above it; those below the same comment share it. */
function functions(header) {
  const declarations = header.matchAll(
    /(?:^\/\*((?:(?!\*\/).)*)\*\/\n)?^((?:esp_err_t|void|syn_\w+ \*)[\w ]*\*?(synapse_esp_\w+)\([^;]*\);)/gms,
  );
  const parts = [...declarations].map(([, comment, declaration, name]) => {
    const said = comment === undefined ? "" : `\n${wrapped(sentence(comment))}\n`;
    return `### \`${name}\`\n\n\`\`\`c\n${declaration}\n\`\`\`\n${said}`;
  });
  const engine = parts.findIndex((part) => part.startsWith("### `synapse_esp_model_open_partition`"));
  return [...parts.slice(0, engine), "## The engine alone\n", ...parts.slice(engine)];
}

function options() {
  const blocks = textOf(KCONFIG)
    .split(/^\s*config (?=SYNAPSE_)/m)
    .slice(1);
  return blocks.map((block) => {
    const [, type, title] = /^\s+(string|int|bool) "(.*)"$/m.exec(block);
    const help = flat(
      /\n\s+help\n(.*?)(?=\n\s*(?:config|choice|endchoice|endmenu)\b|$)/s.exec(block)?.[1].replace(/endmenu.*/s, "") ??
        "",
    );
    const initial = /^\s+default (.*)$/m.exec(block)?.[1] ?? "";
    return [`\`CONFIG_${block.slice(0, block.indexOf("\n"))}\``, type, code(initial), `${title}. ${help}`];
  });
}

function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("");
}

function flat(text) {
  return text.replaceAll(/\s+/g, " ").trim();
}

/** A comment's text, without its stars, as a sentence. */
function sentence(comment) {
  const text = flat(comment.replaceAll(/^\s*\*/gm, ""));
  const first = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return /[.:]$/.test(first) ? first : `${first}.`;
}

function code(text) {
  return text === "" ? "" : `\`${text}\``;
}

/** At 120 columns. */
function wrapped(text) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.length - 1;
    if (`${lines[last]} ${word}`.length > 120) lines.push(word);
    else lines[last] = lines[last] === "" ? word : `${lines[last]} ${word}`;
  }
  return lines.join("\n");
}

function textOf(path) {
  return readFileSync(join(ROOT, path), "utf8");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(join(ROOT, PAGE), componentPage());
