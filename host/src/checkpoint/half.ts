let table: Uint32Array | undefined;

function f32Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f800000 | (mantissa << 13)) >>> 0;
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (mantissa << 13)) >>> 0;
  if (mantissa === 0) return sign >>> 0;
  // A denormal: shift its leading bit to where f32 hides it.
  const shift = Math.clz32(mantissa) - 21;
  return (sign | ((113 - shift) << 23) | (((mantissa << shift) & 0x3ff) << 13)) >>> 0;
}

/** The f32 bit pattern of each of the 65,536 IEEE 754 half-precision patterns; NaN payloads are kept. */
export function f16Table(): Uint32Array {
  if (table === undefined) {
    table = new Uint32Array(65536);
    for (let half = 0; half < 65536; half++) table[half] = f32Bits(half);
  }
  return table;
}

let values: Float32Array | undefined;

/** The value of each half-precision pattern. */
export function f16Values(): Float32Array {
  values ??= new Float32Array(f16Table().buffer as ArrayBuffer);
  return values;
}
