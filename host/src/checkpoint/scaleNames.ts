/** What the names of scales have in them, and of what else a stored number may have to be corrected with. */
export const SCALE_WORD = /scale|zero_?point/i;

/** The name without its last word, "" where it has but one. */
export function moduleOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf(".")));
}

const SUFFIXES = ["_scale", "_scale_inv", "_scales", ".scale", ".scale_inv", "._scale"] as const;
/** What a module's only weight may leave out. */
const OF_WEIGHT = ["scale", "scales", "scale_inv"] as const;

/**
 * How files call the factor that `name` is to be multiplied with. `_scale_inv` is the same factor: the inverse of what
 * the weights were multiplied with when they were made small.
 */
export function scaleNames(name: string): string[] {
  const { within, last } = split(name);
  return [
    ...SUFFIXES.map((suffix) => name + suffix),
    `${within}scale_${last}`,
    ...(last === "weight" ? OF_WEIGHT.map((word) => within + word) : []),
  ];
}

/** What a factor of this name would be for: the other way round. */
export function scaledNames(scale: string): string[] {
  const { within, last } = split(scale);
  return [
    ...SUFFIXES.filter((suffix) => scale.endsWith(suffix)).map((suffix) => scale.slice(0, -suffix.length)),
    ...(last.startsWith("scale_") ? [within + last.slice("scale_".length)] : []),
    ...(OF_WEIGHT.some((word) => word === last) ? [`${within}weight`] : []),
  ];
}

/** Whether `other`, of the same module, says by its name that it has to do with the numbers of `name`. */
export function concerns(other: string, name: string): boolean {
  const [{ last }, { last: word }] = [split(name), split(other)];
  return word !== last && (word.includes(last) || (last === "weight" && /^(scale|zero_?point)/i.test(word)));
}

function split(name: string): { readonly within: string; readonly last: string } {
  const at = name.lastIndexOf(".") + 1;
  return { within: name.slice(0, at), last: name.slice(at) };
}

/**
 * Scales of what goes in and out, with which a program that computes in 8-bit floats rounds; the weights have nothing
 * to do with them.
 */
export function isActivationScale(name: string): boolean {
  const last = name.slice(name.lastIndexOf(".") + 1);
  return /^((input|output|act|activation|k|v|q|kv|k_cache|v_cache|prob)_scale|scale_(input|output))(_inv|_ub)?$/.test(
    last,
  );
}
