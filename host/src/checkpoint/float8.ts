/** A table of what each byte of an 8-bit float means, and its conversion. */
function converter(meaning: (byte: number) => number): (bytes: Uint8Array) => Float32Array {
  let table: Float32Array | undefined;
  return (bytes) => {
    table ??= Float32Array.from({ length: 256 }, (_, byte) => meaning(byte));
    const values = table;
    return Float32Array.from(bytes, (byte) => values[byte] as number);
  };
}

/** Sign, `exponentBits` of biased exponent, the rest mantissa, without regard to special patterns. */
function number(byte: number, exponentBits: 4 | 5): number {
  const mantissaBits = 7 - exponentBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  const exponent = (byte & 0x7f) >> mantissaBits;
  const mantissa = (byte & (2 ** mantissaBits - 1)) / 2 ** mantissaBits;
  const magnitude = exponent === 0 ? mantissa * 2 ** (1 - bias) : (1 + mantissa) * 2 ** (exponent - bias);
  return byte & 0x80 ? -magnitude : magnitude;
}

// OCP 8-bit Floating Point Specification 1.0: E4M3 has no infinities and one NaN of each sign, E5M2 is IEEE's; OCP
// Microscaling Formats 1.0: E8M0 is a power of two without sign, and NaN where all bits are set.
export const f8e4m3ToF32 = converter((byte) => ((byte & 0x7f) === 0x7f ? Number.NaN : number(byte, 4)));
export const f8e5m2ToF32 = converter((byte) => {
  const rest = byte & 0x7f;
  if (rest > 0x7c) return Number.NaN;
  if (rest === 0x7c) return byte & 0x80 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return number(byte, 5);
});
export const f8e8m0ToF32 = converter((byte) => (byte === 0xff ? Number.NaN : 2 ** (byte - 127)));
