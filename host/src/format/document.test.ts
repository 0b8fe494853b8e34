import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { limits } from "./limits.js";
import { activationFunctions, inPlaceKey, operandKeys, opKeys, opNames } from "./ops.js";
import { format } from "./table.js";
import { type PanelPiece, panelBytes, type StorageTypeName, storageTypeNames, weightTraits } from "./types.js";

const DOCUMENT = readFileSync(new URL("../../../docs/format.md", import.meta.url), "utf8");

/** The cells of all rows of tables whose first cell names one of `names`, several names in a cell each for itself. */
function rows(names: readonly string[], section: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const begin = DOCUMENT.indexOf(`## ${section}\n`);
  expect(begin, `a section "${section}"`).toBeGreaterThan(0);
  const end = DOCUMENT.indexOf("\n## ", begin);
  for (const line of DOCUMENT.slice(begin, end < 0 ? undefined : end).split("\n")) {
    const cells = line.split("|").map((cell) => cell.trim());
    for (const [, name] of (cells[1] ?? "").matchAll(/`(\w+)`/g))
      if (names.includes(name as string)) found.set(name as string, cells.slice(2));
  }
  return found;
}

function described({ columns, fields }: PanelPiece): string {
  if (columns === 1) return fields.map(({ element }) => `\`[K][16] ${element}\``).join(", ");
  if (columns === 16) return fields.map(({ element }) => `\`[Kp][16] ${element}\`, rows K..Kp-1 zero`).join(", ");
  const parts = fields.map(({ name, rows, element }) => `\`${name} ${rows === 1 ? "" : `[${rows}]`}[16] ${element}\``);
  return `for each ${columns} of K: ${parts.join(", ")}`;
}

/** What follows all blocks of a panel: one row for so many columns. */
function describedRest({ columns, fields }: PanelPiece): string {
  return fields.map(({ name, element }) => `; then \`[ceil(K/${columns})][16] ${element}\` group ${name}`).join("");
}

function typeRow(name: StorageTypeName): string[] {
  const { k_multiple, panel, row_scales } = weightTraits(name);
  const bits = (panelBytes(name, 1 << 16) * 8) / (2 ** 16 * 16);
  const [first, ...rest] = panel as readonly [PanelPiece, ...PanelPiece[]];
  const blocks = k_multiple === 1 ? "" : `${k_multiple}`;
  return [
    String(bits),
    blocks,
    described(first) + rest.map(describedRest).join(""),
    row_scales ? "`[Np] f32` scale" : "",
    "",
  ];
}

/** The keys that a cell names, with those after "optional" marked. */
function keysOf(cell: string): string[] {
  const [needed, optional] = cell.replace(/\([^()]*\)/g, "").split(/;\s*optional/);
  const names = (text: string | undefined, mark: string) =>
    [...(text ?? "").matchAll(/`([a-z_]\w*)[^`]*`/g)].map(([, name]) => name + mark);
  return [...names(needed, ""), ...names(optional, "?")].sort();
}

interface Piece {
  readonly element_bytes: number;
  readonly factors: readonly { readonly of: string; readonly multiple: number; readonly divisor: number }[];
}

const SYMBOLS: Readonly<Record<string, string>> = { rows: "M", fine_rows: "F", k_padded: "Kp", keys: "T", dim: "D" };

function term({ element_bytes, factors }: Piece): string {
  const parts = factors.map(({ of, multiple, divisor }) => {
    const symbol = `${SYMBOLS[of] ?? of}${multiple === 16 ? "p" : ""}`;
    return divisor === 1 ? symbol : `(${symbol}/${divisor})`;
  });
  return [...(element_bytes === 1 ? [] : [String(element_bytes)]), ...parts].join("*");
}

describe("docs/format.md says what the runtime does", () => {
  it("limits", () => {
    const formatLimits: Partial<Record<string, number>> = { ...limits };
    // What a session may be given, which no file says.
    delete formatLimits.threads_max;
    const described = [...rows(Object.keys(limits), "Limits")].map(([name, cells]) => [name, Number(cells[0])]);
    expect(Object.fromEntries(described)).toEqual(formatLimits);
  });

  it.each(storageTypeNames)("type %s", (name) => {
    expect(rows(storageTypeNames, "Storage types").get(name)).toEqual(typeRow(name));
  });

  it("activation functions", () => {
    const list = /`act` is one of ([^.]*)\./.exec(DOCUMENT)?.[1] ?? "";
    expect([...list.matchAll(/`(\w+)`/g)].map(([, name]) => name)).toEqual([...activationFunctions]);
  });

  it.each(opNames)("op %s", (name) => {
    const [keys, meaning] = rows(opNames, "Header").get(name) as [string, string];
    const expected = opKeys(name).map(([key, { optional }]) => (optional ? `${key}?` : key));
    expect(keysOf(keys)).toEqual(expected.sort());
    const inPlace = inPlaceKey(name);
    const alone = operandKeys(name).filter(([, use]) => use === "activation").length === 1;
    if (inPlace === undefined) expect(meaning).not.toMatch(/in place/i);
    else
      expect(meaning).toMatch(
        inPlace === "x" && alone
          ? /In place allowed/
          : new RegExp(`In place on \`${inPlace}\` allowed|may be \`${inPlace}\` in place|In place allowed`),
      );
  });

  it.each(opNames)("scratch of %s", (name) => {
    const block = /```\nround64[^`]*```/.exec(DOCUMENT)?.[0] ?? "";
    const lines = block.split("\n").slice(2, -1);
    const from = lines.findIndex((line) => line.startsWith(name));
    const to = lines.findIndex((line, i) => i > from && /^\w/.test(line) && !line.startsWith(name));
    const described = from < 0 ? "" : lines.slice(from, to < 0 ? undefined : to).join("\n");
    const terms = [...described.matchAll(/round64\(((?:[^()]|\([^()]*\))*)\)/g)].map(([, text]) => text);
    expect(terms).toEqual(format.ops[name].scratch.map(term));
  });
});
