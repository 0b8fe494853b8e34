import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gather, isContiguous } from "./strided.js";

const dimension = fc.record({ size: fc.integer({ min: 1, max: 5 }), stride: fc.integer({ min: 0, max: 9 }) });

describe("a strided view", () => {
  it("is gathered element by element, whatever its strides", () => {
    fc.assert(
      fc.property(fc.array(dimension, { maxLength: 5 }), fc.constantFrom(1, 2, 4, 8), (dimensions, itemBytes) => {
        const shape = dimensions.map(({ size }) => size);
        const strides = dimensions.map(({ stride }) => stride);
        const span = dimensions.reduce((last, { size, stride }) => last + (size - 1) * stride, 0) + 1;
        const bytes = Uint8Array.from({ length: span * itemBytes }, (_, i) => (i * 37 + (i >> 8)) & 255);
        const count = shape.reduce((product, size) => product * size, 1);
        const expected: number[] = [];
        for (let element = 0; element < count; element++) {
          let rest = element;
          let at = 0;
          for (let axis = shape.length - 1; axis >= 0; axis--) {
            at += (rest % (shape[axis] as number)) * (strides[axis] as number);
            rest = Math.floor(rest / (shape[axis] as number));
          }
          expected.push(...bytes.subarray(at * itemBytes, (at + 1) * itemBytes));
        }
        expect([...gather(bytes, itemBytes, shape, strides)]).toEqual(expected);
        // What counts as contiguous is read without gathering, from the first byte on.
        if (isContiguous(shape, strides)) expect(expected).toEqual([...bytes]);
      }),
      { numRuns: 500 },
    );
  });
});
