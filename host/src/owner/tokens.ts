import { dirname, join } from "node:path";
import { InputError } from "synapse-engine/errors";
import { z } from "zod";
import { atomicWriteWith } from "../files/atomicWrite.js";
import { makeFolder } from "../files/makeFolder.js";
import { readJsonInput } from "../files/readInput.js";
import { schemaError } from "../files/schemaError.js";
import { writeFailed } from "../files/writeFailed.js";
import { configFolder } from "./userFolders.js";

const tokenSchema = z.strictObject({
  token: z.string().min(1),
  name: z.string().optional(),
  url: z.string().optional(),
});
const fileSchema = z.strictObject({ boards: z.record(z.string(), tokenSchema) });

/** What we keep of a board that we own. */
export type KeptToken = z.infer<typeof tokenSchema>;

const FILE_BYTES_MAX = 1 << 20;
/** For this user's eyes only. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** The owner's tokens of this user's boards, in one file that only they may read. */
export class TokenFile {
  readonly path: string;

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.path = join(configFolder(env), "tokens.json");
  }

  /**
   * The first that fits, with its board's identity in plain hexadecimal. Rejects with an InputError when the file is
   * damaged.
   */
  async find(fits: (id: string, kept: KeptToken) => boolean): Promise<(KeptToken & { id: string }) | undefined> {
    const found = Object.entries(await this.#read()).find(([id, kept]) => fits(id, kept));
    return found && { ...found[1], id: found[0] };
  }

  /** Every board that a token is kept of. Rejects as `find`. */
  async boards(): Promise<readonly { readonly id: string; readonly name: string | undefined }[]> {
    return Object.entries(await this.#read()).map(([id, { name }]) => ({ id, name }));
  }

  /** In place of an older one of the same board. Rejects with an InputError `WRITE_FAILED`. */
  async keep(boardId: string, token: KeptToken): Promise<void> {
    const boards = { ...(await this.#read()), [idKey(boardId)]: token };
    try {
      await makeFolder(dirname(this.path), FOLDER_MODE);
    } catch (error) {
      throw writeFailed(this.path, error);
    }
    await atomicWriteWith(this.path, async (file) => {
      // Before anything secret is in it.
      await file.chmod(FILE_MODE);
      await file.writeFile(`${JSON.stringify({ boards }, undefined, 2)}\n`);
    });
  }

  async #read(): Promise<Record<string, KeptToken>> {
    let json: unknown;
    try {
      json = await readJsonInput(this.path, "the tokens that were kept", FILE_BYTES_MAX);
    } catch (error) {
      if (error instanceof InputError && error.code === "FILE_ENOENT") return {};
      throw error;
    }
    const parsed = fileSchema.safeParse(json);
    if (!parsed.success) throw schemaError("TOKENS_FILE", parsed.error, this.path, "docs/flashing.md");
    return parsed.data.boards;
  }
}

/** Boards write their identity with colons or without. */
const idKey = (boardId: string): string => boardId.toLowerCase().replaceAll(/[^0-9a-z]/g, "");
