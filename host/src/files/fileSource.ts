import { readSync } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { InputError } from "synapse-engine/errors";
import { inputError } from "./inputError.js";

// Node refuses single reads of 2 GiB and more.
const READ_BYTES_MAX = 1 << 30;

/** What a failed file system call about `path` means to the user. */
export function unreadable(path: string, error: unknown): Error {
  if (error instanceof InputError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT" || code === "ENOTDIR") {
    return inputError(path, "CHECKPOINT_NOT_FOUND", "no such file or folder", { expected: "the path of a checkpoint" });
  }
  if (code === undefined) return error as Error;
  return inputError(path, "CHECKPOINT_UNREADABLE", `cannot be read (${code})`, {
    expected: "a file this user may read",
  });
}

/** True for a folder, false for anything else that exists. @throws InputError when there is nothing at `path` */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw unreadable(path, error);
  }
}

/**
 * A regular file of known size, read by position. Every read is checked against the size before anything is allocated.
 */
export class FileSource {
  readonly path: string;
  readonly size: number;
  #handle: FileHandle | undefined;

  private constructor(path: string, size: number, handle: FileHandle) {
    this.path = path;
    this.size = size;
    this.#handle = handle;
  }

  static async open(path: string): Promise<FileSource> {
    let handle: FileHandle | undefined;
    try {
      // Opening a FIFO would wait for a writer, so the kind is looked at first.
      const before = await stat(path);
      if (!before.isFile())
        throw inputError(path, "CHECKPOINT_NOT_A_FILE", "not a regular file", { expected: "a checkpoint file" });
      handle = await open(path, "r");
      const { size } = await handle.stat();
      return new FileSource(path, size, handle);
    } catch (error) {
      await handle?.close();
      throw unreadable(path, error);
    }
  }

  /** `length` bytes from `offset` in a fresh buffer of exactly that size, so typed arrays of every width fit it. */
  async readAt(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const handle = this.#checked(offset, length);
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const { bytesRead } = await handle.read(bytes, done, Math.min(length - done, READ_BYTES_MAX), offset + done);
      if (bytesRead === 0) throw this.#shrunk(offset + done);
      done += bytesRead;
    }
    return bytes;
  }

  /** As `readAt`, for header parsers that look at many small fields. */
  readAtSync(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const handle = this.#checked(offset, length);
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const bytesRead = readSync(handle.fd, bytes, done, Math.min(length - done, READ_BYTES_MAX), offset + done);
      if (bytesRead === 0) throw this.#shrunk(offset + done);
      done += bytesRead;
    }
    return bytes;
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  #checked(offset: number, length: number): FileHandle {
    if (this.#handle === undefined)
      throw inputError(this.path, "CHECKPOINT_CLOSED", "the checkpoint was closed before this read");
    if (
      !(
        Number.isSafeInteger(offset) &&
        Number.isSafeInteger(length) &&
        offset >= 0 &&
        length >= 0 &&
        offset <= this.size - length
      )
    ) {
      throw inputError(
        this.path,
        "CHECKPOINT_TRUNCATED",
        `${length} bytes are needed, the file has ${this.size} bytes`,
        {
          where: `byte ${offset}`,
        },
      );
    }
    return this.#handle;
  }

  #shrunk(offset: number): Error {
    return inputError(this.path, "CHECKPOINT_TRUNCATED", "the file became shorter while it was open", {
      where: `byte ${offset}`,
    });
  }
}
