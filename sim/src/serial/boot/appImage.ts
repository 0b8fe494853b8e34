import { createHash } from "node:crypto";
import { CHIP_ID, type Silicon } from "../chip/silicon.js";
import { hex } from "./bootLog.js";

const MAGIC = 0xe9;
const HEADER_BYTES = 24;
const SEGMENT_HEAD_BYTES = 8;
const SEGMENTS_MAX = 16;
const DIGEST_BYTES = 32;
const CHECKSUM_SEED = 0xef;
const DESCRIPTION_AT = HEADER_BYTES + SEGMENT_HEAD_BYTES;
const DESCRIPTION_BYTES = 256;
const DESCRIPTION_MAGIC = 0xabcd_5432;

export interface ImageSegment {
  /** From the flash's start. */
  readonly offset: number;
  readonly address: number;
  readonly bytes: number;
}

export interface AppImage {
  readonly segments: readonly ImageSegment[];
  /** Empty where the image has no description, as bootloaders have none. */
  readonly project: string;
  readonly version: string;
}

/** Thrown with the bootloader's own words and the tag under which it says them. */
export class ImageInvalid extends Error {
  readonly tag: string;

  constructor(tag: string, message: string) {
    super(message);
    this.tag = tag;
  }
}

const text = (bytes: Uint8Array): string => new TextDecoder("latin1").decode(bytes).split("\0")[0] ?? "";

const revision = (full: number): string => `v${Math.floor(full / 100)}.${full % 100}`;

/**
 * Checks an image as ESP-IDF's bootloader does before it starts one: header, chip and revision, segments, checksum, and
 * its SHA-256 where it has one. `place` is where it may lie, `offset` its address in flash. Throws ImageInvalid.
 */
export function checkImage(place: Uint8Array, offset: number, silicon: Silicon): AppImage {
  const view = new DataView(place.buffer, place.byteOffset, place.byteLength);
  if (place[0] !== MAGIC)
    throw new ImageInvalid("esp_image", `image at 0x${hex(offset)} has invalid magic byte (nothing flashed here?)`);
  checkChip(view, silicon);
  const count = place[1] as number;
  if (count < 1 || count > SEGMENTS_MAX)
    throw new ImageInvalid("esp_image", `image at 0x${hex(offset)} segment count ${count} exceeds max ${SEGMENTS_MAX}`);
  const segments: ImageSegment[] = [];
  let at = HEADER_BYTES;
  let checksum = CHECKSUM_SEED;
  for (let index = 0; index < count; index++) {
    const bytes = at + SEGMENT_HEAD_BYTES <= place.length ? view.getUint32(at + 4, true) : Number.MAX_SAFE_INTEGER;
    const start = at + SEGMENT_HEAD_BYTES;
    if (bytes % 4 !== 0 || start + bytes > place.length)
      throw new ImageInvalid("esp_image", `invalid segment length 0x${hex(bytes)}`);
    segments.push({ offset: offset + start, address: view.getUint32(at, true), bytes });
    for (const byte of place.subarray(start, start + bytes)) checksum ^= byte;
    at = start + bytes;
  }
  checkSeals(place, at, checksum);
  const described =
    (segments[0]?.bytes ?? 0) >= DESCRIPTION_BYTES && view.getUint32(DESCRIPTION_AT, true) === DESCRIPTION_MAGIC;
  const description = place.subarray(DESCRIPTION_AT, DESCRIPTION_AT + DESCRIPTION_BYTES);
  return {
    segments,
    project: described ? text(description.subarray(48, 80)) : "",
    version: described ? text(description.subarray(16, 48)) : "",
  };
}

function checkChip(view: DataView, silicon: Silicon): void {
  const [chip, lowest, highest] = [view.getUint16(12, true), view.getUint16(15, true), view.getUint16(17, true)];
  if (chip !== CHIP_ID) throw new ImageInvalid("boot_comm", `mismatch chip ID, expected ${CHIP_ID}, found ${chip}`);
  const own = `but chip is ${revision(silicon.revision)}`;
  if (silicon.revision < lowest)
    throw new ImageInvalid("boot_comm", `Image requires chip rev >= ${revision(lowest)}, ${own}`);
  // 0xffff, which is no revision, means any.
  if (silicon.revision > highest)
    throw new ImageInvalid("boot_comm", `Image requires chip rev <= ${revision(highest)}, ${own}`);
}

function checkSeals(place: Uint8Array, end: number, checksum: number): void {
  const sealAt = end + 15 - (end % 16);
  const stored = place[sealAt];
  if (stored !== checksum)
    throw new ImageInvalid("esp_image", `Checksum failed. Calculated 0x${hex(checksum)} read 0x${hex(stored ?? 0)}`);
  if (place[HEADER_BYTES - 1] !== 1) return;
  const body = place.subarray(0, sealAt + 1);
  const digest = createHash("sha256").update(body).digest();
  if (!digest.equals(place.subarray(body.length, body.length + DIGEST_BYTES)))
    throw new ImageInvalid("esp_image", "Image hash failed - image is corrupt");
}
