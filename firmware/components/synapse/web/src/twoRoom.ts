/** Pixels of the environment's frames. */
export const TWO_ROOM_SIDE = 224;

const BORDER = 14;
const BORDER_LINE = 4;
const RADIUS = 7;
const WALL_CENTER = 112;
const WALL_HALF = 5;
const DOOR_CENTER = 49;
const DOOR_HALF = 14;

/** Somewhere for the dot that is not inside the wall, in pixels. */
export function twoRoomPlace(): readonly [number, number] {
  const anywhere = () => BORDER + RADIUS + (TWO_ROOM_SIDE - 2 * (BORDER + RADIUS)) * Math.random();
  let x = anywhere();
  while (Math.abs(x - WALL_CENTER) <= WALL_HALF + RADIUS) x = anywhere();
  return [x, anywhere()];
}

/**
 * TwoRoom with its dot at (x, y) as the environment draws it, as RGBA, and made smaller as the model was trained: every
 * block of pixels becomes its mean. `side` divides 224.
 */
export function twoRoomPixels(side: number, x: number, y: number): Uint8ClampedArray {
  const block = TWO_ROOM_SIDE / side;
  const bell = (column: number, row: number) => Math.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * RADIUS * RADIUS));
  const peak = bell(Math.round(x), Math.round(y));
  const pixels = new Uint8ClampedArray(4 * side * side);
  for (let at = 0; at < side * side; at++) {
    let red = 0;
    let rest = 0;
    for (let inner = 0; inner < block * block; inner++) {
      const column = (at % side) * block + (inner % block);
      const row = Math.floor(at / side) * block + Math.floor(inner / block);
      const opacity = Math.min(1, bell(column, row) / peak);
      const faded = (isBlack(column, row) ? 0 : 255) * (1 - opacity);
      red += Math.floor(faded + 255 * opacity);
      rest += Math.floor(faded);
    }
    const mean = (sum: number) => Math.floor(sum / (block * block) + 0.5);
    pixels.set([mean(red), mean(rest), mean(rest), 255], 4 * at);
  }
  return pixels;
}

function isBlack(column: number, row: number): boolean {
  const inWall = Math.abs(column - WALL_CENTER) <= WALL_HALF && Math.abs(row - DOOR_CENTER) > DOOR_HALF;
  return inWall || isBorder(column) || isBorder(row);
}

function isBorder(at: number): boolean {
  const far = TWO_ROOM_SIDE - BORDER;
  return (at >= BORDER - BORDER_LINE && at < BORDER) || (at >= far && at < far + BORDER_LINE);
}
