import { BoardClient, slotPath } from "./boardClient.js";
import type { Call, CallOptions } from "./call.js";
import { BoardError, BoardUnreachable } from "./errors.js";
import { HttpChannel, type HttpOptions } from "./httpChannel.js";
import { DIGEST_PLACE, digestText, type SlotPort, uploadToSlot } from "./slotUpload.js";
import type { ClaimAnswer, ClaimRequest, FirmwareAnswer, Slot } from "./types.js";

export interface UploadOptions extends CallOptions {
  readonly onProgress?: (sentBytes: number, totalBytes: number) => void;
}

/**
 * A board over HTTP, for Node and browsers. Requests that change nothing are repeated when the network fails; all are
 * when the board is too busy and says how long.
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
   * Writes an application image of ESP-IDF beside the firmware that runs, and starts it on trial. An upload that breaks
   * off begins anew.
   */
  async uploadFirmware(
    image: Uint8Array,
    options: CallOptions & { readonly reboot?: boolean } = {},
  ): Promise<FirmwareAnswer> {
    const path = options.reboot === false ? "/v1/firmware?reboot=false" : "/v1/firmware";
    const headers = { "content-type": "application/octet-stream" };
    return (await this.channel.json({ method: "POST", path, headers, body: image }, options)) as FirmwareAnswer;
  }

  /**
   * Writes a packed model to a slot that is not running. Goes on where an upload of the same file broke off, its own
   * included. The model runs once it is activated.
   */
  async uploadModel(slot: string, pack: Uint8Array, options: UploadOptions = {}): Promise<Slot> {
    const file = { bytes: pack.length, sha256: digestText(pack.subarray(DIGEST_PLACE.begin, DIGEST_PLACE.end)) };
    const port: SlotPort = {
      look: () => this.model(slot, options),
      send: async (begin, end, headers) => {
        const call: Call = { method: "PUT", path: slotPath(slot), headers, body: pack.subarray(begin, end) };
        return (await this.channel.json(call, options)) as Slot;
      },
      wait: (milliseconds) => this.channel.sleep(milliseconds, options.signal),
      meaningOf: (error) => {
        if (error instanceof BoardUnreachable) return "broken";
        return error instanceof BoardError && error.code === "RANGE_MISMATCH" ? "forgotten" : undefined;
      },
    };
    try {
      return await uploadToSlot(file, port, (sent) => options.onProgress?.(sent, pack.length));
    } catch (error) {
      options.signal?.throwIfAborted();
      throw error;
    }
  }
}
