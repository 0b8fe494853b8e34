import type { PortInfo } from "synapse-engine";
import { decodeImagePort } from "../run/entryInputs.js";
import { type DigestedPicture, pictureDigest } from "./disjointSets.js";
import type { SetEpisode } from "./judgedSet.js";

const PNG = [0x89, 0x50, 0x4e, 0x47];

/** A picture as the model takes it. */
export interface SetPicture extends DigestedPicture {
  /** u8 `[height, width, 3]`. */
  readonly pixels: Uint8Array;
  /** It was of another size, and is scaled. */
  readonly scaled: boolean;
}

/** All pictures of some episodes, in order. */
export async function readPictures(
  episodes: readonly SetEpisode[],
  port: PortInfo,
  signal: AbortSignal | undefined,
): Promise<SetPicture[]> {
  const [height, width] = port.shape as readonly [number, number, number];
  const pictures: SetPicture[] = [];
  for (const { name, read } of episodes.flatMap(({ frames }) => frames)) {
    signal?.throwIfAborted();
    const file = await read();
    const scaled = PNG.every((byte, at) => file[at] === byte) && !isOfSize(file, width, height);
    pictures.push({ name, digest: pictureDigest(file), pixels: await decodeImagePort(port, file, name), scaled });
  }
  return pictures;
}

/** Whether a PNG's header, which follows its signature, says this size. */
function isOfSize(png: Uint8Array, width: number, height: number): boolean {
  if (png.length < 24) return false;
  const view = new DataView(png.buffer, png.byteOffset);
  return view.getUint32(16) === width && view.getUint32(20) === height;
}
