import { valueText } from "../format.js";
import { largest, least } from "../vector.js";
import { useWidth } from "./useWidth.js";

export interface Line {
  readonly values: readonly number[];
  readonly colour: string;
}

interface Props {
  /** What a screen reader says instead of the picture. */
  readonly label: string;
  readonly lines: readonly Line[];
  /** Where the vertical axis begins: at zero, or at the lowest value. */
  readonly from: "zero" | "lowest";
  readonly begin: string;
  readonly end: string;
  /** A horizontal line that the values are compared with. */
  readonly mean?: number;
  readonly dots?: boolean;
  /** Values that the horizontal axis has room for, when there are fewer. */
  readonly roomFor?: number;
  readonly height?: number;
}

const LEFT = 40;
const RIGHT = 10;
const TOP = 10;
const BOTTOM = 22;

/** Values over steps. */
export function LineChart({ label, lines, from, begin, end, mean, dots = false, roomFor = 2, height = 140 }: Props) {
  const [ref, width] = useWidth<HTMLDivElement>();
  const all = lines.flatMap(({ values }) => values);
  if (mean !== undefined) all.push(mean);
  const high = largest([...all, from === "zero" ? 1e-6 : Number.NEGATIVE_INFINITY]);
  const lowest = from === "zero" ? 0 : least(all);
  const low = from === "lowest" && high - lowest < 1e-6 ? lowest - 1 : lowest;
  const steps = Math.max(roomFor, ...lines.map(({ values }) => values.length)) - 1;
  const bottom = height - BOTTOM;
  const x = (step: number) => LEFT + ((width - LEFT - RIGHT) * step) / Math.max(1, steps);
  const y = (value: number) => bottom - ((bottom - TOP) * (value - low)) / (high - low || 1);
  return (
    <div class="chart" ref={ref}>
      <svg role="img" aria-label={label} width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
        <path class="axis" d={`M${LEFT} ${TOP}V${bottom}H${width - RIGHT}`} />
        <text x={LEFT - 6} y={TOP + 8} text-anchor="end">
          {valueText(high)}
        </text>
        <text x={LEFT - 6} y={bottom} text-anchor="end">
          {low === 0 ? "0" : valueText(low)}
        </text>
        <text x={LEFT} y={height - 5}>
          {begin}
        </text>
        <text x={width - RIGHT} y={height - 5} text-anchor="end">
          {end}
        </text>
        {mean !== undefined && <path class="mean" d={`M${LEFT} ${y(mean).toFixed(1)}H${width - RIGHT}`} />}
        {lines.map(({ values, colour }) => (
          <g key={colour}>
            <polyline
              class={`line ${colour}`}
              points={values.map((value, step) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(" ")}
            />
            {values.map((value, step) =>
              dots || (step === values.length - 1 && values.length > 1) ? (
                <circle
                  class={`dot ${colour}`}
                  key={`${step}`}
                  cx={x(step).toFixed(1)}
                  cy={y(value).toFixed(1)}
                  r={step === values.length - 1 ? 4.5 : 2.5}
                />
              ) : null,
            )}
          </g>
        ))}
      </svg>
    </div>
  );
}
