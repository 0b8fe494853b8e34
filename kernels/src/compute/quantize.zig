//! Rows of f32 to int8 with one scale a row, the way every integer linear layer takes its input. The first rows may be
//! fine: numbers of 14 bits, 128 times a high digit plus a low one, each of which is an int8 row by itself.

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
    /// So many rows have a second digit, in `low`, `[fine_rows][k_padded]`, with `low_sums` like `sums`.
    fine_rows: u32 = 0,
    low: [*]u8 = undefined,
    low_sums: ?[*]i32 = null,
};

/// One part is one row.
pub fn part(context: *const anyopaque, begin: u32, end: u32, scratch: [*]align(64) u8) callconv(.c) void {
    _ = scratch;
    const args: *const Args = @ptrCast(@alignCast(context));
    for (begin..end) |r| {
        const out = args.out + r * args.k_padded;
        const x = args.x + r * args.x_stride;
        const blocks = args.k_padded / sum_length;
        if (r < args.fine_rows) {
            const low = args.low + r * args.k_padded;
            args.scales[r] = fineRow(x, args.k, out, low);
            fillUp(args, low);
            if (args.low_sums) |sums| sumBlocks(low, sums[r * blocks ..][0..blocks]);
        } else args.scales[r] = row(x, args.k, out);
        fillUp(args, out);
        if (args.sums) |sums| sumBlocks(out, sums[r * blocks ..][0..blocks]);
    }
}

/// Zeros in the columns after those that were quantised sixteen at a time.
fn fillUp(args: *const Args, out: [*]u8) void {
    const written = roundUp(args.k, vector.lanes);
    if (written < args.k_padded) @memset(out[written..args.k_padded], machine.integer.activation_offset);
}

fn sumBlocks(values: [*]const u8, sums: []i32) void {
    for (sums, 0..) |*sum, block| {
        var total: i32 = 0;
        for (values[block * sum_length ..][0..sum_length]) |value| {
            total += @as(i32, @as(i8, @bitCast(value -% machine.integer.activation_offset)));
        }
        sum.* = total;
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
    const magnitude = magnitudeOf(x, k);
    const inverse: V = @splat(if (magnitude > 0) lesser(127 / magnitude, inverse_max) else 0);
    var i: usize = 0;
    while (i < whole) : (i += vector.lanes) storeLanes(out + i, vector.load(x + i) * inverse);
    if (tail > 0) storeLanes(out + whole, vector.loadPart(x + whole, tail) * inverse);
    return magnitude / 127;
}

/// The largest magnitude of `k` values.
inline fn magnitudeOf(x: [*]const f32, k: usize) f32 {
    const tail = k % vector.lanes;
    const whole = k - tail;
    var largest: V = @splat(0);
    var i: usize = 0;
    while (i < whole) : (i += vector.lanes) largest = vector.larger(@abs(vector.load(x + i)), largest);
    if (tail > 0) largest = vector.larger(@abs(vector.loadPart(x + whole, tail)), largest);
    return vector.maximum(largest);
}

/// What the high digit of a fine row counts.
pub const digit = 128;
/// Steps of the scale in the largest value of a fine row.
const fine_steps = 127 * digit;

/// Quantises one row of `k` values to two digits, each padded to a multiple of 16 with zeros, and returns the scale of
/// the low one: maximum magnitude / 16256.
fn fineRow(x: [*]const f32, k: usize, high: [*]u8, low: [*]u8) f32 {
    const magnitude = magnitudeOf(x, k);
    const inverse: V = @splat(if (magnitude > 0) lesser(fine_steps / magnitude, inverse_max) else 0);
    var i: usize = 0;
    while (i < k) : (i += vector.lanes) {
        const values = if (i + vector.lanes <= k) vector.load(x + i) else vector.loadPart(x + i, k - i);
        const steps = vector.roundToInt(vector.clamp(values * inverse, -fine_steps, fine_steps));
        const half: @TypeOf(steps) = @splat(digit / 2);
        const upper = (steps +% half) >> @splat(7);
        storeInts(high + i, upper);
        storeInts(low + i, steps -% upper *% @as(@TypeOf(steps), @splat(digit)));
    }
    return magnitude / fine_steps;
}

/// Sixteen values already in units of the scale, rounded, limited and stored with the machine's offset.
pub inline fn storeLanes(out: [*]u8, scaled: V) void {
    storeInts(out, vector.roundToInt(vector.clamp(scaled, -127, 127)));
}

inline fn storeInts(out: [*]u8, values: @Vector(16, i32)) void {
    const narrow: @Vector(16, u8) = @truncate(@as(@Vector(16, u32), @bitCast(values)));
    out[0..16].* = narrow +% @as(@Vector(16, u8), @splat(machine.integer.activation_offset));
}
