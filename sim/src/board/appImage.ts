import { createHash } from "node:crypto";

export interface AppImageOptions {
  readonly version?: string;
  readonly project?: string;
  /** 18 is the ESP32-P4. */
  readonly chipId?: number;
  /** major * 100 + minor */
  readonly revisionMin?: number;
  readonly revisionMax?: number;
  readonly payloadBytes?: number;
}

/**
 * An application image of ESP-IDF that is right in every respect and holds nothing to run (esp_app_format.h,
 * esp_app_desc.h).
 */
export function makeAppImage(options: AppImageOptions = {}): Uint8Array {
  const payload = new Uint8Array(options.payloadBytes ?? 100_000).map((_, i) => (i * 167 + 13) & 0xff);
  const header = Buffer.alloc(24);
  header.set([0xe9, 2]);
  header.writeUInt16LE(options.chipId ?? 18, 12);
  header.writeUInt16LE(options.revisionMin ?? 0, 15);
  header.writeUInt16LE(options.revisionMax ?? 199, 17);
  header[23] = 1;
  const description = Buffer.alloc(256);
  description.writeUInt32LE(0xabcd5432);
  description.write(options.version ?? "9.9.9", 16);
  description.write(options.project ?? "synapse", 48);
  const segments = [description, payload].flatMap((data) => {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(data.length, 4);
    return [head, data];
  });
  const body = Buffer.concat([header, ...segments]);
  const padded = Buffer.concat([body, Buffer.alloc(16 - (body.length % 16))]);
  let checksum = 0xef;
  for (const data of [description, payload]) for (const byte of data) checksum ^= byte;
  padded[padded.length - 1] = checksum;
  return Buffer.concat([padded, createHash("sha256").update(padded).digest()]);
}
