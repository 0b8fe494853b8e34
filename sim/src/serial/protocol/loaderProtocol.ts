/**
 * The serial protocol of Espressif's ROM loaders and of the flasher stub: requests `00 command length16 checksum32
 * data`, responses `01 command length16 value32 data status`, all little-endian.
 */

export const COMMAND = {
  flashBegin: 0x02,
  flashData: 0x03,
  flashEnd: 0x04,
  memBegin: 0x05,
  memEnd: 0x06,
  memData: 0x07,
  sync: 0x08,
  writeReg: 0x09,
  readReg: 0x0a,
  spiSetParams: 0x0b,
  spiAttach: 0x0d,
  readFlashSlow: 0x0e,
  changeBaudrate: 0x0f,
  flashDeflBegin: 0x10,
  flashDeflData: 0x11,
  flashDeflEnd: 0x12,
  spiFlashMd5: 0x13,
  getSecurityInfo: 0x14,
  eraseFlash: 0xd0,
  eraseRegion: 0xd1,
  readFlash: 0xd2,
  runUserCode: 0xd3,
} as const;

/** Why a request is refused. The ROM and the stub have numbers of their own for it. */
export type Refusal =
  | "length"
  | "checksum"
  | "unknown"
  | "flash"
  | "notBegun"
  | "inflate"
  | "notEnough"
  | "tooMuch"
  | "failed";

const ROM_ERRORS: Readonly<Record<Refusal, number>> = {
  length: 0x05,
  unknown: 0x05,
  notEnough: 0x05,
  tooMuch: 0x05,
  notBegun: 0x06,
  failed: 0x06,
  checksum: 0x07,
  flash: 0x08,
  inflate: 0x0b,
};
const STUB_ERRORS: Readonly<Record<Refusal, number>> = {
  length: 0xc0,
  checksum: 0xc1,
  unknown: 0xc3,
  flash: 0xc4,
  failed: 0xc4,
  notBegun: 0xc6,
  inflate: 0xc7,
  notEnough: 0xc8,
  tooMuch: 0xc9,
};

export type LoaderKind = "rom" | "stub";

/** Thrown while a request is carried out; the client is told. */
export class RequestRefused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(`the loader refuses a request (${refusal})`);
    this.refusal = refusal;
  }
}

export const HEADER_BYTES = 8;
/** Of a request with its header: the length is 16 bits wide. */
export const REQUEST_BYTES_MAX = HEADER_BYTES + 0xffff;

export interface LoaderRequest {
  readonly command: number;
  readonly checksum: number;
  readonly data: Uint8Array;
}

/** Undefined: this is no request, and a loader is silent. */
export function parseRequest(frame: Uint8Array): LoaderRequest | "length" | undefined {
  if (frame.length < HEADER_BYTES || frame[0] !== 0) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint16(2, true) !== frame.length - HEADER_BYTES) return "length";
  return { command: view.getUint8(1), checksum: view.getUint32(4, true), data: frame.subarray(HEADER_BYTES) };
}

export interface LoaderAnswer {
  /** 0 unless given. */
  readonly value?: number;
  readonly data?: Uint8Array;
  readonly refusal?: Refusal;
}

/** The ROM ends its answers with four bytes, of which two mean something; the stub with those two. */
export function composeResponse(kind: LoaderKind, command: number, answer: LoaderAnswer): Uint8Array {
  const data = answer.data ?? new Uint8Array();
  const statusBytes = kind === "rom" ? 4 : 2;
  const out = new Uint8Array(HEADER_BYTES + data.length + statusBytes);
  const view = new DataView(out.buffer);
  out.set([1, command]);
  view.setUint16(2, data.length + statusBytes, true);
  view.setUint32(4, answer.value ?? 0, true);
  out.set(data, HEADER_BYTES);
  if (answer.refusal !== undefined) {
    const errors = kind === "rom" ? ROM_ERRORS : STUB_ERRORS;
    // The stub's codes are the low byte of a big-endian word, the ROM's follow a byte that says that it failed.
    out.set([1, errors[answer.refusal]], HEADER_BYTES + data.length);
  }
  return out;
}

/** Of blocks of data. */
export function dataChecksum(data: Uint8Array): number {
  return data.reduce((sum, byte) => sum ^ byte, 0xef);
}
