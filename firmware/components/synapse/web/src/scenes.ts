import type { Slot } from "./api.js";
import { blobOf, canvasOf, type Picture } from "./picture.js";
import { TWO_ROOM_SIDE, twoRoomPixels, twoRoomPlace } from "./twoRoom.js";

/** A frame like those that the board's model knows; a new one each time. */
export function exampleScene(slot: Slot | null): Promise<Picture> {
  const side = slot?.image?.width;
  const twoRoom =
    /two.?room/i.test(slot?.name ?? "") &&
    side !== undefined &&
    side === slot?.image?.height &&
    TWO_ROOM_SIDE % side === 0;
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
  return { sent: blob, shown: blob, label: "example picture" };
}

async function twoRoomScene(side: number): Promise<Picture> {
  const [x, y] = twoRoomPlace();
  const draw = (pixels: number): Promise<Blob> => {
    const { canvas, context } = canvasOf(pixels, pixels);
    const image = context.createImageData(pixels, pixels);
    image.data.set(twoRoomPixels(pixels, x, y));
    context.putImageData(image, 0, 0);
    return blobOf(canvas, "image/png");
  };
  const [sent, shown] = await Promise.all([draw(side), draw(TWO_ROOM_SIDE)]);
  return { sent, shown, label: "example picture" };
}
