//! Sixteen f32 lanes: the shape every f32 loop of the runtime has, on every build. Hardware with narrower vectors, or
//! none, does the same operations on the same lanes in the same order, so results are equal to the bit.

const machine = @import("isa/machine.zig");

pub const lanes = 16;
pub const V = @Vector(lanes, f32);

pub inline fn splat(value: f32) V {
    return @splat(value);
}

pub inline fn load(source: [*]const f32) V {
    return @as(*align(4) const [lanes]f32, @ptrCast(source)).*;
}

pub inline fn store(target: [*]f32, value: V) void {
    @as(*align(4) [lanes]f32, @ptrCast(target)).* = value;
}

/// The first `count` (1..15) lanes from memory, the others zero.
pub noinline fn loadPart(source: [*]const f32, count: usize) V {
    var buffer: [lanes]f32 = @splat(0);
    for (0..count) |i| buffer[i] = source[i];
    return buffer;
}

pub noinline fn storePart(target: [*]f32, value: V, count: usize) void {
    const buffer: [lanes]f32 = value;
    for (0..count) |i| target[i] = buffer[i];
}

/// Sixteen lanes from memory, or the first `count` and zeros.
pub inline fn loadLanes(source: [*]const f32, count: usize) V {
    return if (count == lanes) load(source) else loadPart(source, count);
}

pub inline fn storeLanes(target: [*]f32, value: V, count: usize) void {
    if (count == lanes) store(target, value) else storePart(target, value, count);
}

/// lane i += lane i+8, i+4, i+2, i+1.
pub inline fn sum(value: V) f32 {
    const a: [lanes]f32 = value;
    const b = @as(@Vector(8, f32), a[0..8].*) + @as(@Vector(8, f32), a[8..16].*);
    const c = @as([8]f32, b);
    const d = @as(@Vector(4, f32), c[0..4].*) + @as(@Vector(4, f32), c[4..8].*);
    return (d[0] + d[2]) + (d[1] + d[3]);
}

/// Larger of the two, the second when they cannot be compared: NaN in `a` never wins, on any machine.
pub inline fn larger(a: V, b: V) V {
    return @select(f32, a > b, a, b);
}

pub inline fn maximum(value: V) f32 {
    const a: [lanes]f32 = value;
    var best = a[0];
    for (a[1..]) |x| best = if (x > best) x else best;
    return best;
}

/// Vectors of any number of lanes, so that elementary functions can be compiled for one lane
/// where there are no vectors.
fn Integers(comptime Floats: type) type {
    return @Vector(@typeInfo(Floats).vector.len, i32);
}

/// Round half to even for |value| <= 2^22, as integers.
pub inline fn roundToInt(value: anytype) Integers(@TypeOf(value)) {
    const magic: @TypeOf(value) = @splat(0x1.8p23);
    const shifted: Integers(@TypeOf(value)) = @bitCast(value + magic);
    return shifted -% @as(@TypeOf(shifted), @splat(@as(i32, @bitCast(@as(f32, 0x1.8p23)))));
}

/// Round half to even for |value| <= 2^22, as floats.
pub inline fn roundToFloat(value: anytype) @TypeOf(value) {
    const magic: @TypeOf(value) = @splat(0x1.8p23);
    return (value + magic) - magic;
}

/// Limits to [low, high]; NaN becomes `low`.
pub inline fn clamp(value: anytype, comptime low: f32, comptime high: f32) @TypeOf(value) {
    const T = @TypeOf(value);
    const above = @select(f32, value > @as(T, @splat(low)), value, @as(T, @splat(low)));
    return @select(f32, above < @as(T, @splat(high)), above, @as(T, @splat(high)));
}

/// A function of single elements over sixteen lanes: at once, or in a loop where the machine has no vectors, so that
/// its code stands once and not sixteen times. Both do the same operations on each lane.
pub inline fn eachLane(comptime function: anytype, extra: anytype, x: V) V {
    if (machine.has_vectors) return function(extra, x);
    const in: [lanes]f32 = x;
    var out: [lanes]f32 = undefined;
    for (in, &out) |value, *result| {
        const one: @Vector(1, f32) = .{value};
        result.* = function(extra, one)[0];
    }
    return out;
}

test "sum follows the documented tree" {
    const std = @import("std");
    var values: [lanes]f32 = undefined;
    var prng = std.Random.DefaultPrng.init(7);
    for (&values) |*value| value.* = prng.random().float(f32) * 1000 - 500;
    var tree = values;
    var width: usize = 8;
    while (width > 0) : (width /= 2) {
        for (0..width) |i| tree[i] += tree[i + width];
    }
    try std.testing.expectEqual(tree[0], sum(values));
}

test "rounding is half to even" {
    const std = @import("std");
    const in: V = .{ 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5, -126.5, 0.49999997, 3.2, -3.7, 127, -127, 0, -0.0, 100.5 };
    const expected: [16]i32 = .{ 0, 2, 2, 0, -2, -2, 126, -126, 0, 3, -4, 127, -127, 0, 0, 100 };
    const got: [16]i32 = roundToInt(in);
    try std.testing.expectEqual(expected, got);
}
