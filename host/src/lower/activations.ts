/**
 * How integer layers quantise their inputs: every row in int8, or those on which most depends (a class token, a row
 * that is alone) in two digits of int8, which are 14 bits.
 */
export const activationChoices = ["mixed", "int8"] as const;
export type Activations = (typeof activationChoices)[number];
