//! Rows of f32 to int8 with one scale a row, the way every integer linear layer takes its input.

const std = @import("std");
const vector = @import("../vector.zig");
const machine = @import("../isa/machine.zig");
const roundUp = @import("../storage.zig").roundUp;
const sum_length = @import("../storage.zig").sum_length;
const V = vector.V;

pub const Args = extern struct {
    x: [*]const f32,
    x_stride: u32,
    k: u32,
    /// A multiple of 16, at least k; the columns after k become zero.
    k_padded: u32,
    out: [*]u8,
    scales: [*]f32,
    /// Sums of the int8 values over each `sum_length` columns, `[rows][k_padded / sum_length]`,
    /// for types with a minimum; or null.
    sums: ?[*]i32,
};

/// One part is one row.
pub fn part(context: *const anyopaque, begin: u32, end: u32, scratch: [*]align(64) u8) callconv(.c) void {
    _ = scratch;
    const args: *const Args = @ptrCast(@alignCast(context));
    for (begin..end) |r| {
        const out = args.out + r * args.k_padded;
        args.scales[r] = row(args.x + r * args.x_stride, args.k, out);
        const written = roundUp(args.k, vector.lanes);
        if (written < args.k_padded) @memset(out[written..args.k_padded], machine.integer.activation_offset);
        if (args.sums) |sums| {
            const blocks = args.k_padded / sum_length;
            for (0..blocks) |block| {
                var total: i32 = 0;
                for (out[block * sum_length ..][0..sum_length]) |value| {
                    total += @as(i32, @as(i8, @bitCast(value -% machine.integer.activation_offset)));
                }
                sums[r * blocks + block] = total;
            }
        }
    }
}

/// Steps of the scale in a unit, at most: for numbers below 2^-121 the quotient would be infinite, and infinity times
/// zero is no zero.
pub const inverse_max = std.math.floatMax(f32);

inline fn lesser(a: f32, b: f32) f32 {
    return if (a < b) a else b;
}

/// Quantises one row of `k` values to `out`, padded to a multiple of 16 with zeros, and returns its scale: maximum
/// magnitude / 127.
pub inline fn row(x: [*]const f32, k: usize, out: [*]u8) f32 {
    const tail = k % vector.lanes;
    const whole = k - tail;
    var largest: V = @splat(0);
    var i: usize = 0;
    while (i < whole) : (i += vector.lanes) largest = vector.larger(@abs(vector.load(x + i)), largest);
    if (tail > 0) largest = vector.larger(@abs(vector.loadPart(x + whole, tail)), largest);
    const magnitude = vector.maximum(largest);
    const inverse: V = @splat(if (magnitude > 0) lesser(127 / magnitude, inverse_max) else 0);
    i = 0;
    while (i < whole) : (i += vector.lanes) storeLanes(out + i, vector.load(x + i) * inverse);
    if (tail > 0) storeLanes(out + whole, vector.loadPart(x + whole, tail) * inverse);
    return magnitude / 127;
}

/// Sixteen values already in units of the scale, rounded, limited and stored with the machine's offset.
pub inline fn storeLanes(out: [*]u8, scaled: V) void {
    const rounded = vector.roundToInt(vector.clamp(scaled, -127, 127));
    const narrow: @Vector(16, u8) = @truncate(@as(@Vector(16, u32), @bitCast(rounded)));
    out[0..16].* = narrow +% @as(@Vector(16, u8), @splat(machine.integer.activation_offset));
}
