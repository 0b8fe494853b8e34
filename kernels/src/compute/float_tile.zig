//! The f32 inner loop: a few rows times sixteen outputs, summed in ascending k.

const vector = @import("../vector.zig");
const machine = @import("../isa/machine.zig");
const V = vector.V;

/// result[r][n] = sum over k of x[r * x_stride + k] * w[k * w_stride + n]. `fused` rounds once for each product and sum where the machine
/// does that in one instruction; without it every machine gives the same bits.
pub inline fn floatTile(comptime rows: usize, comptime fused: bool, x: [*]const f32, x_stride: usize, w: [*]const f32, w_stride: usize, k: usize) [rows]V {
    var acc: [rows]V = @splat(@splat(0));
    for (0..k) |i| {
        const weights = vector.load(w + i * w_stride);
        inline for (0..rows) |r| {
            const value: V = @splat(x[r * x_stride + i]);
            acc[r] = if (fused and machine.has_fma) @mulAdd(V, value, weights, acc[r]) else acc[r] + value * weights;
        }
    }
    return acc;
}
