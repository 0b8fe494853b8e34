// What the examples share: pictures from files, and errors that are one line.
import { readFile } from "node:fs/promises";
import { BoardError, BoardTimeout, BoardUnreachable, UnexpectedAnswer } from "synapse-client";

/** Something that whoever calls an example can put right. */
class InputError extends Error {}

/** By the bytes that files of each type begin with; a file's name may lie. */
const PICTURE_TYPES = [
  { type: "image/png", begin: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] },
  { type: "image/jpeg", begin: [0xff, 0xd8, 0xff] },
];

/** Reads a PNG or JPEG file: `{ bytes, type }`, as the client takes it. */
export async function readPicture(path) {
  const bytes = await readBytes(path);
  const found = PICTURE_TYPES.find(({ begin }) => begin.every((byte, i) => bytes[i] === byte));
  if (found === undefined)
    throw new InputError(`${path} is not a picture that a board reads; expected a JPEG or PNG file [PICTURE_TYPE]`);
  return { bytes, type: found.type };
}

export async function readBytes(path) {
  try {
    return await readFile(path);
  } catch (error) {
    throw new InputError(`${path} cannot be read; expected a file [${error.code}]`);
  }
}

/**
 * Runs an example with what stands behind its name on the command line, at least `least` arguments of which are needed.
 * What goes wrong is said in one line: exit code 2 for what the caller can put right, 1 for what the board or the
 * network said.
 */
export async function example(usage, least, run) {
  const args = process.argv.slice(2);
  try {
    if (args.length < least) throw new InputError(`an argument is missing; expected node index.mjs ${usage} [USAGE]`);
    if (!/^(https?|mqtts?|wss?):\/\/[^/]/.test(args[0]))
      throw new InputError(`${args[0]} is not an address; expected ${usage.split(" ", 1)} [ADDRESS]`);
    await run(...args);
  } catch (error) {
    const [text, exitCode] = said(error);
    console.error(`error: ${text}`);
    process.exitCode = exitCode;
  }
}

function said(error) {
  if (error instanceof InputError) return [error.message, 2];
  if (error instanceof BoardError) {
    const { detail, expected, code } = error;
    return [`the board refused: ${detail}${expected === undefined ? "" : `; expected ${expected}`} [${code}]`, 1];
  }
  if (error instanceof BoardUnreachable || error instanceof BoardTimeout || error instanceof UnexpectedAnswer)
    return [`${error.message} [${error.name}]`, 1];
  throw error;
}
