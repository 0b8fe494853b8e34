import type { Latent } from "../api.js";
import { largest, least } from "../vector.js";
import { type Plane, planeOf } from "./plane.js";
import { useWidth } from "./useWidth.js";

export interface Path {
  readonly latents: readonly Latent[];
  readonly colour: string;
}

interface Props {
  readonly label: string;
  /** All begin at the same latent. */
  readonly paths: readonly Path[];
  readonly goal?: Latent;
  /** Told below the picture, with the share of the movement that it shows. */
  readonly caption: (share: number) => string;
}

const MARGIN = 26;

/**
 * Where latents lie, seen along the two directions in which they move most. The ring is the start, the target the goal.
 */
export function PathChart({ label, paths, goal, caption }: Props) {
  const [ref, width] = useWidth<HTMLDivElement>();
  const height = Math.round(Math.min(300, width * 0.62));
  const rows = paths.flatMap(({ latents }) => latents);
  const plane = planeOf(goal === undefined ? rows : [...rows, goal]);
  const place = placing(plane, width, height);
  const target = goal === undefined ? undefined : place(rows.length);
  let first = 0;
  const drawn = paths.map(({ latents, colour }) => {
    const points = latents.map((_, i) => place(first + i));
    first += latents.length;
    return { points, colour };
  });
  const start = place(0);
  const last = drawn[0]?.points.at(-1);
  return (
    <figure class="chart">
      <div ref={ref}>
        <svg role="img" aria-label={label} width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
          {target !== undefined && last !== undefined && (
            <path class="gap" d={`M${last.join(" ")}L${target.join(" ")}`} />
          )}
          {drawn.map(({ points, colour }) => (
            <g key={colour}>
              <polyline class={`line ${colour}`} points={points.map((point) => point.join()).join(" ")} />
              {points.slice(1).map(([x, y], i) => (
                <circle class={`dot ${colour}`} key={`${i}`} cx={x} cy={y} r={i === points.length - 2 ? 5 : 2.2} />
              ))}
            </g>
          ))}
          <circle class="start" cx={start[0]} cy={start[1]} r="5.5" />
          {target !== undefined && (
            <g class="goal">
              <circle cx={target[0]} cy={target[1]} r="8" />
              <circle cx={target[0]} cy={target[1]} r="2.5" />
            </g>
          )}
        </svg>
      </div>
      <figcaption class="caption">{caption(plane.share)}</figcaption>
    </figure>
  );
}

/** From the plane to the picture, with one scale for both directions. */
function placing({ points }: Plane, width: number, height: number): (i: number) => readonly [string, string] {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [left, right, bottom, top] = [least(xs), largest(xs), least(ys), largest(ys)];
  const reachX = Math.max(right - left, 1e-6);
  const reachY = Math.max(top - bottom, 1e-6);
  const scale = Math.min((width - 2 * MARGIN) / reachX, (height - 2 * MARGIN) / reachY);
  return (i) => {
    const [x, y] = points[i] ?? [0, 0];
    const across = width / 2 + (x - (left + right) / 2) * scale;
    const down = height / 2 - (y - (bottom + top) / 2) * scale;
    return [across.toFixed(1), down.toFixed(1)];
  };
}
