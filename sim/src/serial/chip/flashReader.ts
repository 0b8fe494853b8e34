import { createHash, type Hash } from "node:crypto";

/** Pieces on their way that the client has not confirmed. */
const IN_FLIGHT_MAX = 2;
const ACKNOWLEDGEMENT_BYTES = 4;

/** A stretch of flash on its way to the client, which confirms each piece with the number of bytes that it has. */
export class FlashReader {
  #data: Uint8Array;
  #pieceBytes: number;
  #sent = 0;
  #unconfirmed = 0;
  #digest: Hash = createHash("md5");
  #ended = false;

  constructor(data: Uint8Array, pieceBytes: number) {
    this.#data = data;
    this.#pieceBytes = pieceBytes;
  }

  /** Whether the frame confirms a piece; any other ends the reading. */
  acknowledged(frame: Uint8Array): boolean {
    if (frame.length !== ACKNOWLEDGEMENT_BYTES) return false;
    this.#unconfirmed = Math.max(0, this.#unconfirmed - 1);
    return true;
  }

  /** What may be sent now; after all pieces are confirmed, their MD5. */
  pieces(): Uint8Array[] {
    const out: Uint8Array[] = [];
    while (this.#sent < this.#data.length && this.#unconfirmed < IN_FLIGHT_MAX) {
      // A copy: the flash may change before the line has taken it.
      const piece = this.#data.slice(this.#sent, this.#sent + this.#pieceBytes);
      this.#digest.update(piece);
      this.#sent += piece.length;
      this.#unconfirmed++;
      out.push(piece);
    }
    if (this.#sent === this.#data.length && this.#unconfirmed === 0 && !this.#ended) {
      this.#ended = true;
      out.push(this.#digest.digest());
    }
    return out;
  }

  get done(): boolean {
    return this.#ended;
  }
}
