import { BoardClient, slotPath } from "./boardClient.js";
import type { Call, CallOptions } from "./call.js";
import { BoardError, BoardUnreachable } from "./errors.js";
import { HttpChannel, type HttpOptions } from "./httpChannel.js";
import type { ClaimAnswer, ClaimRequest, FirmwareAnswer, Slot } from "./types.js";

export interface UploadOptions extends CallOptions {
  readonly onProgress?: (sentBytes: number, totalBytes: number) => void;
}

/** Models are sent in parts, so that progress can be told and a broken connection costs one part. */
const PART_BYTES = 256 * 1024;
/** How often, and how many times, a board is asked whether it has checked a file that arrived whole. */
const CHECK_POLL_MS = 500;
const CHECK_LOOKS_MAX = 60;

/**
 * A board over HTTP, for Node and browsers. Requests that change nothing are repeated when the network fails; all are when the board is too
 * busy and says how long.
 */
export class SynapseClient extends BoardClient {
  readonly #transport: HttpChannel;

  constructor(options: HttpOptions) {
    const transport = new HttpChannel(options);
    super(transport);
    this.#transport = transport;
  }

  /** The owner's token, if there is one. `claim` sets it. */
  get token(): string | undefined {
    return this.#transport.token;
  }

  /** Makes this client the board's owner and keeps the token. */
  async claim(request: ClaimRequest = {}, options?: CallOptions): Promise<ClaimAnswer> {
    const answer = await this.send<ClaimAnswer>("POST", "/v1/claim", request, options);
    this.#transport.token = answer.token;
    return answer;
  }

  /** Forgets the owner and everything the owner set. */
  async release(options?: CallOptions): Promise<void> {
    await this.#transport.json({ method: "DELETE", path: "/v1/claim" }, options);
    this.#transport.token = undefined;
  }

  /**
   * Writes an application image of ESP-IDF beside the firmware that runs, and starts it on trial. An upload that breaks off begins anew.
   */
  async uploadFirmware(image: Uint8Array, options: CallOptions & { readonly reboot?: boolean } = {}): Promise<FirmwareAnswer> {
    const path = options.reboot === false ? "/v1/firmware?reboot=false" : "/v1/firmware";
    const headers = { "content-type": "application/octet-stream" };
    return (await this.channel.json({ method: "POST", path, headers, body: image }, options)) as FirmwareAnswer;
  }

  /**
   * Writes a packed model to a slot that is not running. Goes on where an upload of the same file broke off, its own included. The model
   * runs once it is activated.
   */
  async uploadModel(slot: string, pack: Uint8Array, options: UploadOptions = {}): Promise<Slot> {
    let now = await this.#checked(slot, pack, options);
    if (holds(now, pack)) return now;
    let sent = resumeAt(now, pack);
    let failures = 0;
    while (true) {
      options.onProgress?.(sent, pack.length);
      const end = Math.min(pack.length, sent + PART_BYTES);
      const range = pack.length === 0 ? {} : { "content-range": `bytes ${sent}-${end - 1}/${pack.length}` };
      const headers = { "content-type": "application/octet-stream", ...range };
      try {
        const call: Call = { method: "PUT", path: slotPath(slot), headers, body: pack.subarray(sent, end) };
        const answer = (await this.channel.json(call, options)) as Slot;
        sent = end;
        failures = 0;
        if (sent < pack.length) continue;
        options.onProgress?.(sent, pack.length);
        return answer;
      } catch (error) {
        // A board that was reset has forgotten what had arrived.
        const forgotten = error instanceof BoardError && error.code === "RANGE_MISMATCH";
        if (!(forgotten || error instanceof BoardUnreachable) || ++failures > 3) throw error;
        now = await this.#checked(slot, pack, options);
        if (forgotten && now.upload !== undefined && !isOf(now, pack)) throw error;
        // The answer to the last part was lost, the part was not.
        if (holds(now, pack)) return now;
        sent = resumeAt(now, pack);
      }
    }
  }

  /** The slot, after the board has checked this file if all of it is there: what the check says may go to a connection that was lost. */
  async #checked(slot: string, pack: Uint8Array, options: CallOptions): Promise<Slot> {
    for (let looks = 1; ; looks++) {
      const now = await this.model(slot, options);
      const { upload } = now;
      const arrived = isOf(now, pack) && upload?.bytes === pack.length && upload.received_bytes === pack.length;
      if (!arrived || looks === CHECK_LOOKS_MAX) return now;
      await this.channel.sleep(CHECK_POLL_MS, options.signal);
    }
  }
}

/** Whether the slot has, or had, this very file, or a part of it: its digest stands in the file's prefix, bytes 32 to 63. */
function isOf(slot: Slot, pack: Uint8Array): boolean {
  return slot.sha256 === Array.from(pack.subarray(32, 64), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether nothing is left to send. */
function holds(slot: Slot, pack: Uint8Array): boolean {
  return isOf(slot, pack) && slot.upload === undefined && slot.state === "VALID" && slot.bytes === pack.length && !slot.active;
}

/** Where to go on; at the first byte when all of them were sent and nothing came of it. */
function resumeAt(slot: Slot, pack: Uint8Array): number {
  if (!isOf(slot, pack) || slot.upload?.bytes !== pack.length) return 0;
  return slot.upload.received_bytes % pack.length;
}
