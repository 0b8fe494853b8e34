import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Latent } from "../api.js";
import { largest, least, length } from "../vector.js";

interface Props {
  readonly values: Latent;
  /** The value under the pointer or the keyboard's mark; -1 for none. */
  readonly marked: number;
  readonly onMark: (index: number, byKey: boolean) => void;
}

const PIXELS = 960;

/**
 * A latent as a grid of coloured cells: blue below zero, orange above. Arrow keys and the pointer read single values.
 */
export function HeatMap({ values, marked, onMark }: Props) {
  const element = useRef<HTMLCanvasElement>(null);
  const dark = useDark();
  const { columns, rows } = gridOf(values.length);
  // The cells change together with the picture that they are of, and the colours with the scheme.
  useLayoutEffect(() => {
    if (element.current !== null) paint(element.current, values, marked);
  }, [values, marked, dark]);
  const underPointer = (event: PointerEvent) => {
    const canvas = event.currentTarget as HTMLCanvasElement;
    const box = canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
    const index = row * columns + column;
    onMark(column >= 0 && column < columns && index >= 0 && index < values.length ? index : -1, false);
  };
  const onKey = (event: KeyboardEvent) => {
    const move = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (move === undefined) return;
    event.preventDefault();
    onMark(marked < 0 ? 0 : Math.min(values.length - 1, Math.max(0, marked + move)), true);
  };
  return (
    <canvas
      ref={element}
      role="img"
      tabIndex={0}
      aria-label={
        `Heat map of ${values.length} values from ${least(values).toFixed(2)} to ${largest(values).toFixed(2)}, ` +
        `length ${length(values).toFixed(2)}. Arrow keys read single values.`
      }
      onPointerMove={underPointer}
      onPointerLeave={() => onMark(-1, false)}
      onBlur={() => onMark(-1, false)}
      onKeyDown={onKey}
    />
  );
}

/** Columns and rows that hold `count` cells, a little wider than tall, without a ragged last row where that can be. */
function gridOf(count: number): { columns: number; rows: number } {
  const wished = Math.max(1, Math.round(Math.sqrt(count * 1.4)));
  let columns = wished;
  for (let wider = wished; wider < wished * 1.6; wider++) {
    if (count % wider === 0) {
      columns = wider;
      break;
    }
  }
  return { columns, rows: Math.ceil(count / columns) };
}

function paint(canvas: HTMLCanvasElement, values: Latent, marked: number): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  const style = getComputedStyle(canvas);
  const [low, middle, high] = ["--low", "--mid", "--high"].map((name) =>
    channels(context, style.getPropertyValue(name)),
  );
  const span = largest(values.map(Math.abs)) || 1;
  const { columns, rows } = gridOf(values.length);
  const cell = Math.max(8, Math.floor(PIXELS / columns));
  const gap = cell > 20 ? 3 : 1;
  canvas.width = columns * cell;
  canvas.height = rows * cell;
  values.forEach((value, i) => {
    const [x, y] = [(i % columns) * cell, Math.floor(i / columns) * cell];
    context.fillStyle = mixed(middle ?? [], (value < 0 ? low : high) ?? [], Math.min(1, Math.abs(value) / span));
    context.fillRect(x, y, cell - gap, cell - gap);
    if (i !== marked) return;
    context.strokeStyle = style.color;
    context.lineWidth = 5;
    context.strokeRect(x + 2.5, y + 2.5, cell - gap - 5, cell - gap - 5);
  });
}

/** Red, green and blue of an opaque colour, however it is written: a canvas gives it back as #rrggbb. */
function channels(context: CanvasRenderingContext2D, colour: string): number[] {
  context.fillStyle = colour;
  const hex = String(context.fillStyle);
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}

function mixed(from: readonly number[], to: readonly number[], share: number): string {
  return `rgb(${from.map((value, i) => Math.round(value + ((to[i] ?? 0) - value) * share)).join()})`;
}

function useDark(): boolean {
  const [query] = useState(() => matchMedia("(prefers-color-scheme: dark)"));
  const [dark, setDark] = useState(query.matches);
  useEffect(() => {
    const change = () => setDark(query.matches);
    query.addEventListener("change", change);
    return () => query.removeEventListener("change", change);
  }, [query]);
  return dark;
}
