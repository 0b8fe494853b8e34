import { createHash } from "node:crypto";
import { basename } from "node:path";
import { InputError } from "synapse-engine/errors";
import { readInput } from "../files/readInput.js";
import { PACK_BYTES_MAX } from "../open/openModelFile.js";
import { readPack } from "../pack/readPack.js";
import type { FleetBoard } from "./inventory.js";

/** A file that a fleet is to run. */
export interface UpdateFile {
  readonly kind: "model" | "firmware";
  /** Without its folder. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Of the whole file, hexadecimal. */
  readonly sha256: string;
  /** What a board that runs it says of itself: the digest in the pack, or the version of the firmware. */
  readonly identity: string;
  /** The model's name, or the version. */
  readonly title: string;
}

const FIRMWARE_BYTES_MAX = 16 << 20;
const DESCRIPTION_OFFSET = 32;
const DESCRIPTION_MAGIC = 0xabcd5432;
const VERSION_OFFSET = DESCRIPTION_OFFSET + 16;

/** Throws an InputError of `readPack` where the file is no model. */
export async function readModelFile(path: string): Promise<UpdateFile> {
  const bytes = await readInput(path, "a .syn file", PACK_BYTES_MAX);
  const { sha256, header } = readPack(bytes, path);
  return { kind: "model", name: basename(path), bytes, sha256: digestOf(bytes), identity: sha256, title: header.name };
}

/** Throws an InputError `NOT_AN_IMAGE` where the file is no application image of ESP-IDF. */
export async function readFirmwareFile(path: string): Promise<UpdateFile> {
  const bytes = await readInput(path, "an application image", FIRMWARE_BYTES_MAX);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const described =
    bytes.length > DESCRIPTION_OFFSET + 256 &&
    bytes[0] === 0xe9 &&
    view.getUint32(DESCRIPTION_OFFSET, true) === DESCRIPTION_MAGIC;
  if (!described)
    throw new InputError({
      code: "NOT_AN_IMAGE",
      source: path,
      message: "this is no application image",
      expected: "the application that ESP-IDF builds, such as firmware/build/synapse.bin",
    });
  const field = bytes.subarray(VERSION_OFFSET, VERSION_OFFSET + 32);
  const version = new TextDecoder().decode(field.subarray(0, (field.indexOf(0) + 33) % 33));
  return {
    kind: "firmware",
    name: basename(path),
    bytes,
    sha256: digestOf(bytes),
    identity: version,
    title: version,
  };
}

const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Whether a board says that it runs the file. */
export function runs(board: FleetBoard, { kind, identity }: Pick<UpdateFile, "kind" | "identity">): boolean {
  return kind === "model" ? board.model?.sha256 === identity : board.firmware === identity;
}
