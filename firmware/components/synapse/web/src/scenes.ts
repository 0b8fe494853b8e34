import type { Slot } from "./api.js";
import { blobOf, canvasOf, type Picture } from "./picture.js";

/** A frame like those that the board's model knows; a new one each time. */
export function sampleScene(slot: Slot | null): Promise<Picture> {
  const side = slot?.image?.width;
  const twoRoom = /two.?room/i.test(slot?.name ?? "") && side !== undefined && side === slot?.image?.height && TWO_ROOM.side % side === 0;
  return twoRoom ? twoRoomScene(side) : pushTScene();
}

/** Push-T: a T to be pushed onto its outline, and the pusher. */
async function pushTScene(): Promise<Picture> {
  const { canvas, context } = canvasOf(448, 448);
  const tee = (x: number, y: number, angle: number, fill: string) => {
    context.save();
    context.translate(x, y);
    context.rotate(angle);
    context.fillStyle = fill;
    context.fillRect(-105, -52, 210, 52);
    context.fillRect(-26, 0, 52, 140);
    context.restore();
  };
  context.fillStyle = "#fff";
  context.fillRect(0, 0, 448, 448);
  tee(224, 210, Math.PI / 4, "#bfe3c4");
  tee(150 + 150 * Math.random(), 150 + 130 * Math.random(), 2 * Math.PI * Math.random(), "#8b9bb4");
  context.fillStyle = "#3d6fd1";
  context.beginPath();
  context.arc(60 + 330 * Math.random(), 60 + 330 * Math.random(), 26, 0, 2 * Math.PI);
  context.fill();
  const blob = await blobOf(canvas, "image/png");
  return { sent: blob, shown: blob, label: "sample scene" };
}

/** The environment's measures in pixels: two rooms, a wall with a door between them, a dot. */
const TWO_ROOM = { side: 224, border: 14, line: 4, wall: 112, wallHalf: 5, door: 49, doorHalf: 14, radius: 7 };

/** TwoRoom as its environment draws it, and made smaller as the model was trained: every block of pixels becomes its mean. */
async function twoRoomScene(side: number): Promise<Picture> {
  const { border, line, wall, wallHalf, radius } = TWO_ROOM;
  const near = wallHalf + radius + 1;
  const reach = TWO_ROOM.side - 2 * (border + radius);
  const along = () => border + radius + reach * Math.random();
  let x = along();
  while (Math.abs(x - wall) < near) x = along();
  const y = along();
  const black = (column: number, row: number): boolean => {
    const onLine = (at: number) =>
      (at >= border - line && at < border) || (at >= TWO_ROOM.side - border && at < TWO_ROOM.side - border + line);
    const inWall = Math.abs(column - wall) <= wallHalf && Math.abs(row - TWO_ROOM.door) > TWO_ROOM.doorHalf;
    return inWall || onLine(column) || onLine(row);
  };
  const bell = (column: number, row: number) => Math.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * radius * radius));
  const peak = bell(Math.round(x), Math.round(y));
  const colour = (column: number, row: number): readonly [number, number] => {
    const opacity = Math.min(1, bell(column, row) / peak);
    const base = black(column, row) ? 0 : 255;
    return [Math.floor(base * (1 - opacity) + 255 * opacity), Math.floor(base * (1 - opacity))];
  };
  const draw = (pixels: number): Promise<Blob> => {
    const { canvas, context } = canvasOf(pixels, pixels);
    const image = context.createImageData(pixels, pixels);
    const block = TWO_ROOM.side / pixels;
    for (let at = 0; at < pixels * pixels; at++) {
      let red = 0;
      let rest = 0;
      for (let inner = 0; inner < block * block; inner++) {
        const column = (at % pixels) * block + (inner % block);
        const row = Math.floor(at / pixels) * block + Math.floor(inner / block);
        const [r, other] = colour(column, row);
        red += r;
        rest += other;
      }
      const mean = (sum: number) => Math.floor(sum / (block * block) + 0.5);
      image.data.set([mean(red), mean(rest), mean(rest), 255], at * 4);
    }
    context.putImageData(image, 0, 0);
    return blobOf(canvas, "image/png");
  };
  const [sent, shown] = await Promise.all([draw(side), draw(TWO_ROOM.side)]);
  return { sent, shown, label: "sample scene" };
}
