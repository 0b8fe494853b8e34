/** Repeatable random numbers: the same for the same seed everywhere. */
export interface SeededNumbers {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Uniform among the whole numbers 0 to `count - 1`. */
  below(count: number): number;
  /** Normally distributed with mean 0 and deviation 1. */
  normal(): number;
}

/** Numbers of stream `stream` of `seed` (splitmix32), so that no trajectory moves what another draws. */
export function seededNumbers(seed: number, stream: number): SeededNumbers {
  let state = mixed((seed ^ Math.imul(stream + 1, 0x9e3779b9)) >>> 0);
  const uniform = () => {
    state = (state + 0x9e3779b9) >>> 0;
    return mixed(state) / 2 ** 32;
  };
  return {
    uniform,
    below: (count) => Math.floor(uniform() * count),
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  };
}

function mixed(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad);
  bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
  return (bits ^ (bits >>> 15)) >>> 0;
}
