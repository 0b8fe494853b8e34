//! Numbers of bodies and packs to and from doubles, by their bits. A chip's double-precision helpers come from its ROM,
//! whose rounding nobody here has seen: what a model is given must not depend on them.
const std = @import("std");

const mantissa_bits = 52;
const hidden = @as(u64, 1) << mantissa_bits;
const exponent_bias = 1023;

/// As `@floatCast`: to the nearest f32, and to the even one of two.
pub fn single(value: f64) f32 {
    const bits: u64 = @bitCast(value);
    const sign: u32 = @as(u32, @truncate(bits >> 32)) & 0x8000_0000;
    const exponent: i32 = @as(i32, @intCast(bits >> mantissa_bits & 0x7ff)) - exponent_bias;
    const mantissa = bits & (hidden - 1);
    if (exponent == 1024 and mantissa != 0) return @bitCast(sign | 0x7fc0_0000);
    if (exponent > 127) return @bitCast(sign | 0x7f80_0000);
    // Of 53 bits the normal f32 keeps 24; below 2^-126 one fewer for every power of two.
    const dropped: u32 = if (exponent >= -126) 29 else @intCast(@min(63, -97 - exponent));
    const significand = mantissa | hidden;
    const kept: u32 = @intCast(significand >> @intCast(dropped));
    const rest = significand & ((@as(u64, 1) << @intCast(dropped)) - 1);
    const half = @as(u64, 1) << @intCast(dropped - 1);
    const up = rest > half or (rest == half and kept & 1 == 1);
    // The hidden bit adds one to the exponent, and so does a rounding that carries into it.
    const base: u32 = if (exponent >= -126) @as(u32, @intCast(exponent + 126)) << 23 else 0;
    return @bitCast(sign | (base + kept + @intFromBool(up)));
}

/// The nearest double; what lies between two goes to the even one.
pub fn ofWhole(value: u64) f64 {
    if (value == 0) return 0;
    const zeros = @clz(value);
    const shifted = value << @intCast(zeros);
    // The top 53 of 64 bits stay.
    const kept = shifted >> 11;
    const rest = shifted & 0x7ff;
    const up = rest > 0x400 or (rest == 0x400 and kept & 1 == 1);
    const exponent: u64 = exponent_bias + 63 - @as(u64, zeros);
    return @bitCast(((exponent - 1) << mantissa_bits) + kept + @intFromBool(up));
}

/// The bits of an f16 or f32 as a double, exactly.
pub fn of(comptime Narrow: type, bits: @Int(.unsigned, @bitSizeOf(Narrow))) f64 {
    const narrow_bits = std.math.floatMantissaBits(Narrow);
    const narrow_bias = std.math.floatExponentMax(Narrow);
    const special = 2 * narrow_bias + 1;
    const sign = @as(u64, bits >> (@bitSizeOf(Narrow) - 1)) << 63;
    const exponent: u64 = bits >> narrow_bits & special;
    const mantissa: u64 = bits & ((1 << narrow_bits) - 1);
    const fraction = mantissa << (mantissa_bits - narrow_bits);
    if (exponent == special) return @bitCast(sign | 0x7ff << mantissa_bits | fraction);
    if (exponent != 0) return @bitCast(sign | (exponent + exponent_bias - narrow_bias) << mantissa_bits | fraction);
    if (mantissa == 0) return @bitCast(sign);
    // Subnormal there, normal here: the highest bit becomes the hidden one.
    const top: u6 = @intCast(63 - @clz(mantissa));
    const smallest: u64 = exponent_bias + 1 - narrow_bias - narrow_bits;
    return @bitCast(sign | ((smallest + top - 1) << mantissa_bits) + (mantissa << (mantissa_bits - top)));
}

/// The whole number, 0 to 2^53, that a double is; null if it is none.
pub fn whole(value: f64) ?u64 {
    const bits: u64 = @bitCast(value);
    if (bits << 1 == 0) return 0;
    if (bits >> 63 != 0) return null;
    const exponent: i32 = @as(i32, @intCast(bits >> mantissa_bits)) - exponent_bias;
    if (exponent < 0 or exponent > 53) return null;
    const significand = bits & (hidden - 1) | hidden;
    if (exponent >= mantissa_bits) return significand << @intCast(exponent - mantissa_bits);
    const below: u6 = @intCast(mantissa_bits - exponent);
    if (significand & ((@as(u64, 1) << below) - 1) != 0) return null;
    return significand >> below;
}

fn expectSingle(value: f64) !void {
    const expected: f32 = @floatCast(value);
    const actual = single(value);
    if (std.math.isNan(value)) return std.testing.expect(std.math.isNan(actual));
    try std.testing.expectEqual(@as(u32, @bitCast(expected)), @as(u32, @bitCast(actual)));
}

test "a double becomes the f32 that the processor makes of it" {
    var random: std.Random.DefaultPrng = .init(1);
    for (0..200_000) |_| {
        const bits = random.random().int(u64);
        try expectSingle(@bitCast(bits));
        // Around every f32 that there is, subnormal ones too, and exactly half way between two.
        const near: f64 = @as(f32, @bitCast(@as(u32, @truncate(bits))));
        for ([_]u64{ 0, 1, hidden >> 24, (hidden >> 24) + 1, (hidden >> 24) - 1 }) |step|
            try expectSingle(@bitCast(@as(u64, @bitCast(near)) +% step));
        const exponent: u64 = exponent_bias - 160 + (bits >> 40) % 50;
        try expectSingle(@bitCast(exponent << mantissa_bits | bits & (hidden - 1)));
        try expectSingle(@bitCast(exponent << mantissa_bits | (bits & 0xff) << 44));
    }
    const infinite = std.math.inf(f64);
    for ([_]f64{ 0, -0.0, infinite, -infinite, std.math.nan(f64), 0x1.ffffffp127, 0x1p-149, 0x1p-150 }) |value|
        try expectSingle(value);
}

test "whole numbers become the doubles that the processor makes of them, and come back" {
    var random: std.Random.DefaultPrng = .init(2);
    for (0..200_000) |_| {
        const value = random.random().int(u64) >> random.random().int(u6);
        try std.testing.expectEqual(@as(f64, @floatFromInt(value)), ofWhole(value));
        if (value <= 1 << 53) try std.testing.expectEqual(value, whole(ofWhole(value)));
    }
    for ([_]f64{ -1, 0.5, 1.25, 0x1p54, 4503599627370495.5, std.math.inf(f64), std.math.nan(f64), 0x1p-1074 }) |value|
        try std.testing.expectEqual(null, whole(value));
    try std.testing.expectEqual(0, whole(-0.0));
    try std.testing.expectEqual(1 << 53, whole(0x1p53));
}

fn expectWidened(comptime Narrow: type, bits: @Int(.unsigned, @bitSizeOf(Narrow))) !void {
    const expected: f64 = @as(Narrow, @bitCast(bits));
    if (std.math.isNan(expected)) return std.testing.expect(std.math.isNan(of(Narrow, bits)));
    try std.testing.expectEqual(@as(u64, @bitCast(expected)), @as(u64, @bitCast(of(Narrow, bits))));
}

test "a half or a single is the double that it stands for" {
    for (0..65536) |i| {
        try expectWidened(f16, @intCast(i));
        try expectWidened(f32, @intCast(i << 16 | i));
        try expectWidened(f32, @intCast(i));
        try expectWidened(f32, @intCast(i << 7 | 0x8000_0000));
    }
}
