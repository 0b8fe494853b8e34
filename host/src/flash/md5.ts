/**
 * The MD5 of some bytes. A browser has none of its own, so whoever composes a flash brings one: Node's is in
 * `serial/nodeMd5.ts`.
 */
export type Md5 = (bytes: Uint8Array) => Uint8Array;

export const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
