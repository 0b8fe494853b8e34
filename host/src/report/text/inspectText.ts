import type { ActionSpace } from "../../config/configSchema.js";
import { bar } from "../bars.js";
import { bytesInFull, formatBytes, formatInteger, formatShape, plural } from "../format.js";
import type { InspectReport, OpLine } from "../inspectPack.js";
import { type BoardFit, slotFitText } from "../slotFit.js";
import { type Field, renderFields, renderTable } from "../table.js";
import { entriesText, memoryText, programText, sizesText } from "./packText.js";
import { printableReport } from "./printable.js";
import { headline, joinSections, section, type TextStyle } from "./style.js";

export interface InspectTextOptions {
  readonly ops: boolean;
  readonly tensors: boolean;
}

export function inspectText(style: TextStyle, inspected: InspectReport, options: InspectTextOptions): string {
  const { paint } = style;
  const report = printableReport(inspected);
  const summary = { ...report.weights, entries: report.programs, regions: report.regions };
  const about = renderFields(
    [
      ["file", `${report.file}, ${bytesInFull(report.fileBytes)}`],
      ["sha256", report.sha256],
      ["written by", report.generator],
      ["signed", report.signedBy === null ? "no" : `by key ${report.signedBy}; verify checks that`],
      [
        "numbers",
        report.numeric === "exact" ? "exact: the same bytes on every build" : "reference: equal to 1e-5 between builds",
      ],
      ["self-test", report.goldenCount > 0 ? plural(report.goldenCount, "golden vector") : "none"],
      ["validated", `by the ${report.validatedBy} runtime: structure, every op, digest`],
    ],
    paint.dim,
  );
  return joinSections([
    `${headline(style, [report.name], report.untrained)}\n${about}`,
    entriesText(style, report.entries),
    sizesText(style, summary),
    programText(style, summary),
    memoryText(style, report.regions),
    report.boards.length > 0 ? boardsText(style, report.boards) : undefined,
    report.actions ? actionsText(style, report.actions) : undefined,
    metaText(style, report.meta),
    ...(options.ops ? Object.entries(report.ops).map(([entry, ops]) => opsText(style, entry, ops)) : []),
    options.tensors ? tensorsText(style, report) : undefined,
  ]);
}

/**
 * Whether the model fits each board and both of its slots, and what it needs of each memory, with a bar of how full
 * that gets.
 */
export function boardsText(style: TextStyle, boards: readonly BoardFit[]): string {
  const { paint } = style;
  const rows = boards.flatMap(({ board, fits, updatableInPlace, lines }) =>
    lines.map(({ memory, neededBytes, availableBytes }, index) => {
      const enough = neededBytes <= availableBytes;
      const share = availableBytes > 0 ? neededBytes / availableBytes : 1;
      const gauge = bar(share, 16);
      return [
        index === 0 ? board : "",
        index === 0 ? verdict(paint, fits, updatableInPlace) : "",
        memory,
        formatBytes(neededBytes),
        formatBytes(availableBytes),
        enough ? paint.cyan(gauge) : paint.red(`${formatBytes(neededBytes - availableBytes)} too much`),
      ];
    }),
  );
  const columns = [
    { title: "board" },
    { title: "" },
    { title: "memory" },
    { title: "needs", align: "right" },
    { title: "has", align: "right" },
    { title: "" },
  ] as const;
  // Where a slot is too small: which one, and what that means. Of other boards the table has said all, lack of memory
  // included.
  const short = boards
    .filter(({ slots }) => slots.some(({ fits }) => !fits))
    .map(({ board, slots }): [string, string] => [board, slotFitText(slots)]);
  const table = renderTable(columns, rows, paint.dim);
  return section(style, "Boards", short.length > 0 ? `${table}\n\n${renderFields(short, paint.dim)}` : table);
}

function verdict(paint: TextStyle["paint"], fits: boolean, updatableInPlace: boolean): string {
  if (!fits) return paint.red("does not fit");
  return updatableInPlace ? paint.green("fits both slots") : paint.yellow("fits one slot");
}

function actionsText(style: TextStyle, { units, bounds }: ActionSpace): string {
  const range = bounds?.min.map((low, i) => `${low} to ${bounds.max[i]}`);
  const all = range && new Set(range).size === 1 ? `${range[0]} each` : range?.join(", ");
  const fields: Field[] = [
    ["units", units],
    ["bounds", all && `${all}, of ${plural(range?.length ?? 0, "value")} of an environment action`],
  ];
  return section(style, "Actions", renderFields(fields, style.paint.dim));
}

function metaText(style: TextStyle, meta: InspectReport["meta"]): string | undefined {
  const fields = Object.entries(meta).map(([key, value]): [string, string] => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return [key, text.length > style.width - 24 ? `${text.slice(0, style.width - 25)}…` : text];
  });
  return fields.length > 0 ? section(style, "Meta", renderFields(fields, style.paint.dim)) : undefined;
}

function opsText(style: TextStyle, entry: string, ops: readonly OpLine[]): string {
  const rows = ops.map(({ op, weight, weightType, shape, region, settings }, index) => [
    `${index}`,
    op,
    weight ? `${weight} ${style.paint.dim(weightType ?? "")}` : "",
    formatShape(shape),
    region ?? "",
    Object.entries(settings)
      .map(
        ([key, value]) =>
          `${key} ${Array.isArray(value) ? value.map((item) => Number(item).toPrecision(3)).join("/") : value}`,
      )
      .join(", "),
  ]);
  const columns = [
    { title: "#", align: "right" },
    { title: "op" },
    { title: "weight" },
    { title: "gives" },
    { title: "in" },
    { title: "with" },
  ] as const;
  return section(style, `Ops of ${entry}`, renderTable(columns, rows, style.paint.dim));
}

function tensorsText(style: TextStyle, { tensors }: InspectReport): string {
  const rows = tensors.map(({ name, type, shape, offset, bytes, region }, index) => [
    `${index}`,
    name,
    type,
    formatShape(shape),
    region ?? "file",
    formatInteger(offset),
    bytes === undefined ? "" : formatBytes(bytes),
  ]);
  const columns = [
    { title: "#", align: "right" },
    { title: "tensor" },
    { title: "type" },
    { title: "shape" },
    { title: "in" },
    { title: "offset", align: "right" },
    { title: "size", align: "right" },
  ] as const;
  return section(style, "Tensors", renderTable(columns, rows, style.paint.dim));
}
