import { InputError } from "synapse-engine/errors";

/** What would be right, by what the system said. */
const EXPECTED: Readonly<Record<string, string>> = {
  ENOENT: "a file name in a folder that exists",
  ENOTDIR: "a file name in a folder that exists: a part of the path is a file",
  EISDIR: "a file name: this is a folder",
  EACCES: "a file that may be written, in a folder that may be",
  EPERM: "a file that may be written, in a folder that may be",
  EROFS: "a disk that may be written",
  ENOSPC: "a disk with space",
  EDQUOT: "a disk with space within your quota",
  EFBIG: "a disk that takes files of this size",
  ENAMETOOLONG: "a shorter name: most disks take 255 bytes",
  ELOOP: "symbolic links that lead to a file",
};

/**
 * A failure to write as InputError `WRITE_FAILED`, naming the file and what would be right. What the file system did
 * not say (an error with a code of its own, a fault of the program) is answered as it is.
 */
export function writeFailed(path: string, error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (error instanceof InputError || typeof code !== "string" || (syscall === undefined && code !== "ELOOP"))
    return error;
  return new InputError({
    code: "WRITE_FAILED",
    source: path,
    message: `cannot be written (${code})`,
    expected: EXPECTED[code] ?? "a file name in a folder that exists and may be written, on a disk with space",
  });
}
