type Elements = { [index: number]: number | bigint; length: number };

function elementsOf(buffer: ArrayBuffer, itemBytes: number): Elements {
  if (itemBytes === 1) return new Uint8Array(buffer);
  if (itemBytes === 2) return new Uint16Array(buffer);
  if (itemBytes === 4) return new Uint32Array(buffer);
  return new BigUint64Array(buffer);
}

/** True when row-major order is the storage's order; the stride of a dimension of one element does not count. */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== expected) return false;
    expected *= shape[i] as number;
  }
  return true;
}

/**
 * Copies the elements (1, 2, 4 or 8 bytes wide) of a strided view that begins at the first byte of `span` into
 * row-major order.
 */
export function gather(
  span: Uint8Array<ArrayBuffer>,
  itemBytes: number,
  shape: readonly number[],
  strides: readonly number[],
): Uint8Array<ArrayBuffer> {
  const count = shape.reduce((product, size) => product * size, 1);
  const out = new Uint8Array(count * itemBytes);
  if (count === 0) return out;
  const from = elementsOf(span.buffer, itemBytes);
  const to = elementsOf(out.buffer, itemBytes);
  const rowLength = shape.at(-1) ?? 1;
  const rowStride = strides.at(-1) ?? 0;
  const index = shape.map(() => 0);
  let start = 0;
  for (let row = 0; row < count; row += rowLength) {
    for (let i = 0; i < rowLength; i++) to[row + i] = from[start + i * rowStride] as number | bigint;
    // The next row: count up the outer dimensions like an odometer.
    for (let axis = shape.length - 2; axis >= 0; axis--) {
      start += strides[axis] as number;
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < (shape[axis] as number)) break;
      start -= (strides[axis] as number) * (shape[axis] as number);
      index[axis] = 0;
    }
  }
  return out;
}
