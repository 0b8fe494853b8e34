import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { atomicWrite } from "../files/atomicWrite.js";
import { makeFolder } from "../files/makeFolder.js";
import { readJsonInput } from "../files/readInput.js";
import { writeFailed } from "../files/writeFailed.js";
import type { WrittenPiece } from "../flash/writeFlash.js";
import { stateFolder } from "./userFolders.js";

const stateSchema = z.object({
  pieces: z.array(z.object({ offset: z.number(), bytes: z.number(), md5: z.string() })),
});
const FILE_BYTES_MAX = 1 << 20;

/** How far a transfer to one chip has come. It is a hint: what it says is held against the chip. */
export class FlashState {
  readonly path: string;
  #pieces: WrittenPiece[] = [];

  constructor(env: Readonly<Record<string, string | undefined>>, mac: string) {
    this.path = join(stateFolder(env), `flash-${mac.replaceAll(":", "")}.json`);
  }

  /** Pieces of a transfer that was not finished; none where nothing can be read. */
  async earlier(): Promise<readonly WrittenPiece[]> {
    const json = await readJsonInput(this.path, "how far a transfer has come", FILE_BYTES_MAX).catch(() => undefined);
    return stateSchema.safeParse(json).data?.pieces ?? [];
  }

  /** Rejects with an InputError `WRITE_FAILED`. */
  async add(piece: WrittenPiece): Promise<void> {
    this.#pieces.push(piece);
    try {
      await makeFolder(dirname(this.path));
    } catch (error) {
      throw writeFailed(this.path, error);
    }
    await atomicWrite(this.path, `${JSON.stringify({ pieces: this.#pieces })}\n`);
  }

  /** The transfer is finished. A file that cannot be removed does no harm: the chip is asked about all that it says. */
  async clear(): Promise<void> {
    await rm(this.path, { force: true }).catch(() => undefined);
  }
}
