import { formatInteger, formatPercent } from "../format.js";
import { HISTOGRAM_EDGES, type JudgedFigures, type JudgedRow, type Judgement, rowName } from "../judgement.js";
import { actionsText, calibratedText, judgedOn } from "../text/judgementText.js";
import { UNTRAINED } from "../text/style.js";
import { escaped, htmlDocument, htmlTable } from "./markup.js";
import { histogramPlot, quantilePlot } from "./plots.js";

const HALF_PIXEL = "f32, half a pixel";
/** Steps of the rollout whose samples are shown one by one. */
const SHOWN_STEPS = 20;

/** A judgement as one HTML file. */
export function judgementHtml(judged: Judgement): string {
  const title = `${judged.model}, judged`;
  return htmlDocument(
    title,
    [
      `<h1>${escaped(title)}</h1>`,
      paragraph(
        `${formatInteger(judged.fileBytes)} bytes, against ${judged.reference} in f32, by ${judged.engine}. ` +
          `${judgedOn(judged)}.`,
      ),
      judged.untrained ? paragraph(UNTRAINED) : "",
      ...judged.warnings.map((warning) => paragraph(`Warning: ${warning}.`)),
      verdict(judged),
      "<h2>How near it stays</h2>",
      legend("lines are medians, bands reach from the 5th to the 95th of a hundred samples"),
      quantiles(judged.rows),
      histogram(judged.rows),
      "<h2>Centred cosine</h2>",
      figuresTable(judged.rows, "centredCosine"),
      "<h2>Plain cosine</h2>",
      figuresTable(judged.rows, "cosine"),
      "<h2>Mean squared error over the variance</h2>",
      figuresTable(judged.rows, "relativeError"),
      "<h2>Share of samples above</h2>",
      sharesTable(judged.rows),
      known(judged),
      "<h2>What judged</h2>",
      paragraph(`Pictures: ${judged.sets.source}, episodes test-NN. Actions: ${actionsText(judged)}.`),
      paragraph(`Calibrated by: ${calibratedText(judged)}. Settings chosen by: ${chosenText(judged)}.`),
      paragraph(
        "Cosines are between the two models' latents; centred ones after the mean of the f32 model's is taken " +
          "from both. Rollouts start from each model's own encoding. The yardstick is the f32 model on the same " +
          "pictures, the whole of each moved to the right by half a pixel.",
      ),
    ]
      .filter((part) => part !== "")
      .join("\n"),
  );
}

function paragraph(text: string): string {
  return `<p>${escaped(text)}</p>`;
}

function legend(text: string): string {
  return (
    `<p><span class="first">■ the pack</span>, <span class="second">■ ${HALF_PIXEL}</span> ` +
    `<span class="dim">(${escaped(text)})</span></p>`
  );
}

function verdict({ bars, pass }: Judgement): string {
  const list = [
    bars.minCentredCosine === undefined ? "" : `worst centred cosine at least ${bars.minCentredCosine}`,
    bars.maxRelativeError === undefined ? "" : `worst relative error at most ${bars.maxRelativeError}`,
  ].filter((text) => text !== "");
  return list.length === 0
    ? ""
    : paragraph(`Bar: ${list.join(", ")}: ${pass ? "reached by every row" : "not reached"}.`);
}

function quantiles(rows: readonly JudgedRow[]): string {
  const of = (pick: (row: JudgedRow) => JudgedFigures) => rows.map((row) => pick(row).centredCosine?.quantiles ?? null);
  return quantilePlot(
    "Centred cosine over the steps of a rollout",
    rows.map(({ steps }) => rowName(steps)),
    [
      { kind: "second", quantiles: of(({ halfPixel }) => halfPixel) },
      { kind: "first", quantiles: of(({ pack }) => pack) },
    ],
  );
}

function histogram(rows: readonly JudgedRow[]): string {
  const row = rows.find(({ steps }) => steps === SHOWN_STEPS);
  if (row === undefined) return "";
  const shares = ({ histogram: counts, count }: JudgedFigures) => counts.map((each) => each / count);
  const title = `Centred cosines after ${SHOWN_STEPS} steps: share of the samples below each bound`;
  return [
    paragraph(`${title}.`),
    histogramPlot(
      title,
      HISTOGRAM_EDGES.map((edge) => `${edge}`.replace(/^0\./, ".")),
      [
        { kind: "first", shares: shares(row.pack) },
        { kind: "second", shares: shares(row.halfPixel) },
      ],
    ),
  ].join("\n");
}

function figuresTable(rows: readonly JudgedRow[], key: "cosine" | "centredCosine" | "relativeError"): string {
  const show = (value: number) => (key === "relativeError" ? value.toPrecision(3) : value.toFixed(5));
  const cells = (figures: JudgedFigures) => {
    const { [key]: spread } = figures;
    return spread === null ? ["none", "none", "none"] : [spread.mean, spread.median, spread.worst].map(show);
  };
  return htmlTable(
    ["", "mean", "median", "worst", `${HALF_PIXEL}: mean`, "median", "worst"],
    rows.map((row) => [rowName(row.steps), ...cells(row.pack), ...cells(row.halfPixel)]),
  );
}

function sharesTable(rows: readonly JudgedRow[]): string {
  const cells = ({ shares }: JudgedFigures) =>
    shares.map(({ share, low, high }) => `${formatPercent(share)} (${formatPercent(low)} to ${formatPercent(high)})`);
  return htmlTable(
    ["", "0.95", "0.99", `${HALF_PIXEL}: 0.95`, "0.99", "above 0.95: pack alone, half a pixel alone, p"],
    rows.map(({ steps, pack, halfPixel, paired }) => [
      rowName(steps),
      ...cells(pack),
      ...cells(halfPixel),
      `${paired.packOnly}, ${paired.halfPixelOnly}, ${paired.p.toPrecision(2)}`,
    ]),
  );
}

function known({ probe, surprise }: Judgement): string {
  const figure = (value: number | null) => (value === null ? "none" : value.toFixed(4));
  const rows: (readonly [string, number | null, number | null])[] = [];
  if (probe !== null) {
    rows.push(
      [`R2 of a linear probe fitted on ${formatInteger(probe.fittedOn)} frames of f32`, probe.reference, probe.pack],
      ["the same, fitted on the latents of each", probe.reference, probe.packOwn],
    );
  }
  if (surprise !== null) {
    const { reference, pack } = surprise;
    rows.push(
      ["surprise AUROC, frames of the same episode", reference.sameEpisode, pack.sameEpisode],
      ["surprise AUROC, frames of another episode", reference.otherEpisode, pack.otherEpisode],
    );
  }
  if (rows.length === 0) return "";
  const cells = rows.map(([name, reference, pack]) => [name, figure(reference), figure(pack)]);
  return `<h2>What the latents know</h2>\n${htmlTable(["", "f32", "pack"], cells)}`;
}

function chosenText({ sets }: Judgement): string {
  return sets.chosenBy === "named" ? "pictures that the pack names, none of which judge" : "not told by the pack";
}
