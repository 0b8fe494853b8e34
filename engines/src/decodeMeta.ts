import { CborError, decodeCbor } from "./cborDecode.js";
import { EngineError } from "./errors.js";

/**
 * The `meta` map of a pack. The runtime has checked that it is well formed, all but repeated keys, so those are what an
 * EngineError `CBOR` tells of here.
 */
export function decodeMeta(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    return decodeCbor(bytes) as Record<string, unknown>;
  } catch (cause) {
    if (cause instanceof CborError) throw new EngineError("CBOR", `meta: ${cause.message}`);
    throw cause;
  }
}
