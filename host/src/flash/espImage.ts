import { inputError } from "../files/inputError.js";

/**
 * What an application or a bootloader of ESP-IDF says about itself (esp_app_format.h, esp_app_desc.h):
 *
 *     0   magic e9 | segments u8 | SPI mode u8 | SPI size and speed u8 | entry u32
 *     8   WP pin u8 | drive u8 x 3 | chip u16 at 12 | revision (old) u8 | revision min u16 at 15 | max u16 at 17
 *     19  reserved | digest appended u8 at 23
 *     24  segments: address u32, length u32, bytes; of an application the first begins with esp_app_desc_t
 *     ... zeros, so that the checksum (XOR of all segments' bytes, begun with ef) ends a multiple of 16
 *     ... SHA-256 of everything before it, when appended
 */
export interface EspImage {
  /** 18 is the ESP32-P4. */
  readonly chipId: number;
  /** major * 100 + minor, both included. */
  readonly revisionMin: number;
  readonly revisionMax: number;
  /** Of the image itself, digest included: a file may go on with padding or a signature. */
  readonly bytes: number;
  /** Undefined of what is no application. */
  readonly app: AppDescription | undefined;
}

export interface AppDescription {
  readonly project: string;
  readonly version: string;
  /** Of ESP-IDF, such as `v6.0.1`. */
  readonly idfVersion: string;
}

export const ESP32_P4_CHIP_ID = 18;

const MAGIC = 0xe9;
const HEADER_BYTES = 24;
const SEGMENT_HEAD_BYTES = 8;
const SEGMENTS_MAX = 16;
const CHECKSUM_SEED = 0xef;
const DIGEST_BYTES = 32;
const APP_MAGIC = 0xabcd5432;
const APP_DESCRIPTION_BYTES = 256;

/**
 * Reads an image and checks all of it: segments, checksum and, where there is one, the digest. `source` names it in
 * errors: an InputError `IMAGE_NOT_ONE`, `IMAGE_TRUNCATED`, `IMAGE_CHECKSUM` or `IMAGE_DIGEST`.
 */
export async function readEspImage(file: Uint8Array, source: string): Promise<EspImage> {
  if (file.length < HEADER_BYTES || file[0] !== MAGIC) {
    throw inputError(source, "IMAGE_NOT_ONE", "this is no image for an Espressif chip", {
      where: "byte 0",
      expected: `a .bin file of idf.py build: it begins with the byte 0x${MAGIC.toString(16)}`,
    });
  }
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const checksumAt = checkSegments(file, view, source);
  const appended = view.getUint8(23) === 1;
  const bytes = checksumAt + 1 + (appended ? DIGEST_BYTES : 0);
  if (bytes > file.length) throw truncated(source, file.length, bytes);
  if (appended) await checkDigest(file, checksumAt + 1, source);
  return {
    chipId: view.getUint16(12, true),
    revisionMin: view.getUint16(15, true),
    revisionMax: view.getUint16(17, true),
    bytes,
    app: appDescription(file, view),
  };
}

/** Walks over the segments and answers where the checksum is, which is right. */
function checkSegments(file: Uint8Array, view: DataView, source: string): number {
  const count = view.getUint8(1);
  if (count === 0 || count > SEGMENTS_MAX) {
    throw inputError(source, "IMAGE_NOT_ONE", `it claims ${count} segments`, {
      where: "byte 1",
      expected: `1 to ${SEGMENTS_MAX}`,
    });
  }
  let at = HEADER_BYTES;
  let checksum = CHECKSUM_SEED;
  for (let segment = 0; segment < count; segment++) {
    if (at + SEGMENT_HEAD_BYTES > file.length) throw truncated(source, file.length, at + SEGMENT_HEAD_BYTES);
    const end = at + SEGMENT_HEAD_BYTES + view.getUint32(at + 4, true);
    if (end > file.length) throw truncated(source, file.length, end);
    for (let i = at + SEGMENT_HEAD_BYTES; i < end; i++) checksum ^= file[i] as number;
    at = end;
  }
  const checksumAt = at + (15 - (at % 16));
  if (checksumAt >= file.length) throw truncated(source, file.length, checksumAt + 1);
  if (file[checksumAt] !== checksum) {
    throw inputError(source, "IMAGE_CHECKSUM", "its checksum is another: the file is damaged", {
      where: `byte ${checksumAt}`,
      expected: "the file as idf.py build has left it: build or copy it again",
    });
  }
  return checksumAt;
}

async function checkDigest(file: Uint8Array, at: number, source: string): Promise<void> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", file.slice(0, at)));
  if (digest.every((byte, i) => byte === file[at + i])) return;
  throw inputError(source, "IMAGE_DIGEST", "its SHA-256 is another: the file is damaged", {
    where: `byte ${at}`,
    expected: "the file as idf.py build has left it: build or copy it again",
  });
}

function appDescription(file: Uint8Array, view: DataView): AppDescription | undefined {
  const at = HEADER_BYTES + SEGMENT_HEAD_BYTES;
  if (view.getUint32(HEADER_BYTES + 4, true) < APP_DESCRIPTION_BYTES || file.length < at + APP_DESCRIPTION_BYTES)
    return undefined;
  if (view.getUint32(at, true) !== APP_MAGIC) return undefined;
  const text = (offset: number, bytes: number) => {
    const field = file.subarray(at + offset, at + offset + bytes);
    const end = field.indexOf(0);
    return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
  };
  return { version: text(16, 32), project: text(48, 32), idfVersion: text(112, 32) };
}

function truncated(source: string, bytes: number, needed: number): Error {
  return inputError(source, "IMAGE_TRUNCATED", `it ends after ${bytes} bytes`, {
    where: `byte ${bytes}`,
    expected: `at least ${needed}: build or copy it again`,
  });
}

/** `v3.1` of 301. */
export const revisionText = (revision: number): string => `v${Math.floor(revision / 100)}.${revision % 100}`;
