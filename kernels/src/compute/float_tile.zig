//! The f32 inner loop: a few rows times sixteen outputs, summed in ascending k.

const vector = @import("../vector.zig");
const machine = @import("../isa/machine.zig");
const V = vector.V;

/// result[r][n] = sum over k of x[r * x_stride + k] * w[k * w_stride + n]. `fused` rounds once for each product and sum
/// where the machine does that in one instruction; without it every machine gives the same bits.
pub inline fn floatTile(
    comptime rows: usize,
    comptime fused: bool,
    x: [*]const f32,
    x_stride: usize,
    w: [*]const f32,
    w_stride: usize,
    k: usize,
) [rows]V {
    const columns = machine.columns_f32;
    const Part = @Vector(columns, f32);
    var result: [rows][vector.lanes]f32 = undefined;
    inline for (0..vector.lanes / columns) |part| {
        var acc: [rows]Part = @splat(@splat(0));
        for (0..k) |i| {
            const weights: Part = w[i * w_stride + part * columns ..][0..columns].*;
            inline for (0..rows) |r| {
                const value: Part = @splat(x[r * x_stride + i]);
                acc[r] = if (fused and machine.has_fma)
                    @mulAdd(Part, value, weights, acc[r])
                else
                    acc[r] + value * weights;
            }
        }
        inline for (0..rows) |r| result[r][part * columns ..][0..columns].* = acc[r];
    }
    var joined: [rows]V = undefined;
    inline for (0..rows) |r| joined[r] = result[r];
    return joined;
}
