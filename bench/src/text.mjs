import { formatBytes, formatPercent } from "../../host/dist/report/format.js";
import { renderTable } from "../../host/dist/report/table.js";

const left = (title) => ({ title });
const right = (title) => ({ title, align: "right" });
const fixed = (digits) => (value) => (value === null || Number.isNaN(value) ? "-" : value.toFixed(digits));
const ratio = fixed(2);
const ms = fixed(1);

/** One section as lines for a terminal. */
export const sectionText = {
  native: nativeText,
  wasm: wasmText,
  rv32: rv32Text,
  open: openText,
  memory: memoryText,
  start: startText,
  flash: flashText,
};

function nativeText({ isa, onnxRuntime, rows }) {
  return section(
    `LeWM encoder, native (${isa}): time over ONNX Runtime ${onnxRuntime}`,
    raceTable(rows, "ONNX Runtime"),
  );
}

function wasmText({ onnxRuntimeWeb, rows, sizes }) {
  const sizeRows = sizes.map(({ file, bytes, gzipBytes }) => [file, formatBytes(bytes), formatBytes(gzipBytes)]);
  return section(
    `LeWM encoder, WebAssembly SIMD: time over onnxruntime-web ${onnxRuntimeWeb}`,
    raceTable(rows, "onnxruntime-web"),
    renderTable([left("engine"), right("size"), right("gzip")], sizeRows),
  );
}

function raceTable(rows, other) {
  const columns = [
    ...[left("type"), right("threads"), right("ratio"), right("quartiles"), right("at most"), left("")],
    ...[right("Synapse ms"), right(`${other} ms`), right("runs")],
    ...[right("cosine, worst"), right("centred"), right("error / variance")],
  ];
  return renderTable(
    columns,
    rows.map((row) => [
      row.type,
      `${row.threads}`,
      ratio(row.ratio),
      `${ratio(row.ratioP25)} - ${ratio(row.ratioP75)}`,
      ratio(row.ratioMax),
      verdict(row.ratio <= row.ratioMax),
      ms(row.synapseMsP50),
      ms(row.onnxRuntimeMsP50),
      `${row.runs}`,
      fixed(6)(row.cosineWorst),
      fixed(6)(row.centredCosineWorst),
      fixed(4)(row.relativeErrorWorst),
    ]),
  );
}

function rv32Text({ encoderLayers, rows, types }) {
  const columns = [
    left("type"),
    ...["encode", "predict"].flatMap((entry) => [right(`${entry}, linear`), right(`${entry}, all ops`)]),
  ];
  const table = types.map(({ type, encode, predict }) => [
    type,
    ...[encode, predict].flatMap(({ linear, all }) => [
      ratio(linear.instructionsPerMac),
      ratio(all.instructionsPerMac),
    ]),
  ]);
  return section(
    `RV32: instructions per MAC (encode with ${encoderLayers} layers of true size, predict whole on ${rows} rows)`,
    renderTable(columns, table),
    // What is not linear costs the same in every integer type; `--json` has them all.
    ...types
      .slice(0, 1)
      .flatMap(({ type, encode, predict }) => [kindTable(type, "encode", encode), kindTable(type, "predict", predict)]),
  );
}

function kindTable(type, entry, { kinds }) {
  const columns = [left(`${type} ${entry}`), right("instructions"), right("share"), right("MACs"), right("per MAC")];
  return renderTable(
    columns,
    kinds.map((kind) => [
      kind.op,
      kind.instructions.toLocaleString("en"),
      formatPercent(kind.share),
      kind.macs.toLocaleString("en"),
      ratio(kind.instructionsPerMac),
    ]),
  );
}

function openText({ fileBytes, openMsP50, openMsMax, readMsP50, openOverRead, runs }) {
  const columns = [
    right("open ms"),
    right("at most"),
    left(""),
    right("read ms"),
    right("open over read"),
    right("runs"),
  ];
  const row = [
    ms(openMsP50),
    `${openMsMax}`,
    verdict(openMsP50 < openMsMax),
    ms(readMsP50),
    ratio(openOverRead),
    `${runs}`,
  ];
  return section(`Opening an int8 pack of ${formatBytes(fileBytes)}, digest included`, renderTable(columns, [row]));
}

function memoryText({ fileBytes, plannedBytes, grownBytes, ratio: grown, ratioMax }) {
  const columns = [
    right("grown"),
    right("file"),
    right("file and regions"),
    right("ratio"),
    right("at most"),
    left(""),
  ];
  const row = [
    ...[grownBytes, fileBytes, plannedBytes].map(formatBytes),
    fixed(3)(grown),
    fixed(3)(ratioMax),
    verdict(grown <= ratioMax),
  ];
  return section("Resident memory while encoding in int8", renderTable(columns, [row]));
}

function startText({
  ratio: times,
  ratioP25,
  ratioP75,
  ratioMax,
  helpMsP50,
  nodeMsP50,
  helpPeakBytes,
  nodePeakBytes,
  peakBytesMax,
  runs,
}) {
  const columns = [
    left("synapse-host --help"),
    right("ratio"),
    right("quartiles"),
    right("here"),
    right("node"),
    right("at most"),
    left(""),
    right("runs"),
  ];
  const met = [verdict(times <= ratioMax), verdict(helpPeakBytes <= peakBytesMax)];
  const time = [
    "time",
    ratio(times),
    `${ratio(ratioP25)} - ${ratio(ratioP75)}`,
    `${ms(helpMsP50)} ms`,
    `${ms(nodeMsP50)} ms`,
    `${ratioMax} times`,
  ];
  const memory = [
    "peak memory",
    ratio(helpPeakBytes / nodePeakBytes),
    "",
    ...[helpPeakBytes, nodePeakBytes, peakBytesMax].map(formatBytes),
  ];
  const rows = [time, memory].map((row, i) => [...row, met[i], `${runs}`]);
  return section("Starting the program, beside Node with an empty one", renderTable(columns, rows));
}

function flashText({ bytes, baud, esptool, rows }) {
  const columns = [
    ...[left("flashing"), right("ratio"), right("quartiles"), right("at most"), left("")],
    ...[right("Synapse s"), right("esptool s"), right("Synapse"), right("esptool"), right("runs")],
  ];
  const table = rows.map((row) => [
    row.what,
    ratio(row.ratio),
    `${ratio(row.ratioP25)} - ${ratio(row.ratioP75)}`,
    `${row.ratioMax}`,
    verdict(row.ratio <= row.ratioMax),
    ...[row.synapseMsP50, row.esptoolMsP50].map((value) => fixed(2)(value / 1000)),
    ...[row.synapseMsP50, row.esptoolMsP50].map((value) => `${formatBytes((bytes * 1000) / value)}/s`),
    `${row.runs}`,
  ]);
  const what = `${formatBytes(bytes)} onto a simulated chip at ${baud.toLocaleString("en")} baud`;
  return section(`Flashing ${what}: time over esptool ${esptool}`, renderTable(columns, table));
}

const verdict = (met) => (met ? "met" : "MISSED");

function section(title, ...tables) {
  return [title, ...tables].join("\n\n");
}
