//! A few rows of int8 activations, as the inner loops read them.

pub const Tile = struct {
    /// Row r starts at `x + r * x_stride`; values carry the machine's `activation_offset`.
    x: [*]const u8,
    x_stride: usize,
    /// The same rows as int16, `widened_stride` elements apart; only on machines with `widened_bytes`.
    widened: [*]align(16) u8,
    widened_stride: usize,
};
