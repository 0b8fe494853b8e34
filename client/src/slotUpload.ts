import type { Slot } from "./types.js";

/** Where a pack keeps the SHA-256 by which boards know it (docs/format.md). */
export const DIGEST_PLACE = { begin: 32, end: 64 } as const;

/** The digest as boards write it, of the bytes at `DIGEST_PLACE`. */
export const digestText = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** A packed model that is to go into a slot. */
export interface UploadFile {
  readonly bytes: number;
  readonly sha256: string;
}

/** How an upload reaches its slot. */
export interface SlotPort {
  look(): Promise<Slot>;
  /** Sends the file's bytes from `begin` to before `end`, with these headers. */
  send(begin: number, end: number, headers: Readonly<Record<string, string>>): Promise<Slot>;
  wait(milliseconds: number): Promise<void>;
  /** What an error of `send` means: the connection broke, or the board has forgotten what had arrived. */
  meaningOf(error: unknown): "broken" | "forgotten" | undefined;
}

/** Models are sent in parts, so that progress can be told and a broken connection costs one part. */
const PART_BYTES = 256 * 1024;
const FAILURES_IN_A_ROW_MAX = 3;
/** How often, and how many times, a board is asked whether it has checked a file that arrived whole. */
const CHECK_POLL_MS = 500;
const CHECK_LOOKS_MAX = 60;

/**
 * Writes a packed model to a slot that is not running, and goes on where an upload of the same file broke off, this one
 * included. Throws what `send` threw last when it cannot.
 */
export async function uploadToSlot(
  file: UploadFile,
  port: SlotPort,
  onProgress: (sentBytes: number) => void,
): Promise<Slot> {
  let now = await checked(file, port);
  if (holds(now, file)) return now;
  let sent = resumeAt(now, file);
  let failures = 0;
  while (true) {
    onProgress(sent);
    const end = Math.min(file.bytes, sent + PART_BYTES);
    const range: Record<string, string> =
      file.bytes === 0 ? {} : { "content-range": `bytes ${sent}-${end - 1}/${file.bytes}` };
    try {
      const answer = await port.send(sent, end, { "content-type": "application/octet-stream", ...range });
      sent = end;
      failures = 0;
      if (sent < file.bytes) continue;
      onProgress(sent);
      return answer;
    } catch (error) {
      const meaning = port.meaningOf(error);
      if (meaning === undefined || ++failures > FAILURES_IN_A_ROW_MAX) throw error;
      // A board that cannot be asked is gone: that the upload broke says more.
      now = await checked(file, port).catch(() => Promise.reject(error));
      // A board that was reset has forgotten what had arrived.
      if (meaning === "forgotten" && now.upload !== undefined && !isOf(now, file)) throw error;
      // The answer to the last part was lost, the part was not.
      if (holds(now, file)) return now;
      sent = resumeAt(now, file);
    }
  }
}

/**
 * The slot, after the board has checked this file if all of it is there:
 * what the check says may go to a connection that was lost.
 */
async function checked(file: UploadFile, port: SlotPort): Promise<Slot> {
  for (let looks = 1; ; looks++) {
    const now = await port.look();
    const { upload } = now;
    const arrived = isOf(now, file) && upload?.bytes === file.bytes && upload.received_bytes === file.bytes;
    if (!arrived || looks === CHECK_LOOKS_MAX) return now;
    await port.wait(CHECK_POLL_MS);
  }
}

/** Whether the slot has, or had, this very file, or a part of it. */
const isOf = (slot: Slot, file: UploadFile): boolean => slot.sha256 === file.sha256;

/** Whether nothing is left to send. */
function holds(slot: Slot, file: UploadFile): boolean {
  return (
    isOf(slot, file) && slot.upload === undefined && slot.state === "VALID" && slot.bytes === file.bytes && !slot.active
  );
}

/** Where to go on; at the first byte when all of them were sent and nothing came of it. */
function resumeAt(slot: Slot, file: UploadFile): number {
  if (!isOf(slot, file) || slot.upload?.bytes !== file.bytes) return 0;
  return slot.upload.received_bytes % file.bytes;
}
