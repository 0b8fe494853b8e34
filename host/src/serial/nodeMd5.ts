import { createHash } from "node:crypto";
import type { Md5 } from "../flash/md5.js";

export const nodeMd5: Md5 = (bytes) => new Uint8Array(createHash("md5").update(bytes).digest());
