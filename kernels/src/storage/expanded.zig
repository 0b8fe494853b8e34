//! What every integer storage type expands to before the inner loop: int8 weights `[K][16]`, and for block types the
//! f32 factors of each block.

/// Memory of one panel. `scales` and `minima` are used by block types only: `[K / block_k][16]`.
pub const Expanded = struct {
    weights: [*]align(16) [16]i8,
    scales: [*][16]f32,
    minima: [*][16]f32,
};

/// f16 to f32 in integer arithmetic, exact for every value: chips and builds without f16 hardware must not call a
/// library for it.
pub fn scaleOf(value: f16) f32 {
    const bits: u16 = @bitCast(value);
    const sign = @as(u32, bits & 0x8000) << 16;
    const exponent: u32 = (bits >> 10) & 31;
    const mantissa: u32 = bits & 1023;
    if (exponent == 0) {
        // Subnormal: mantissa * 2^-24, which f32 holds exactly.
        const magnitude = @as(f32, @floatFromInt(mantissa)) * 0x1p-24;
        return @bitCast(@as(u32, @bitCast(magnitude)) | sign);
    }
    if (exponent == 31) return @bitCast(sign | 0x7f80_0000 | mantissa << 13);
    return @bitCast(sign | (exponent + 112) << 23 | mantissa << 13);
}

test "f16 to f32 is exact for every bit pattern" {
    const std = @import("std");
    for (0..65536) |i| {
        const half: f16 = @bitCast(@as(u16, @intCast(i)));
        const expected: f32 = @floatCast(half);
        const actual = scaleOf(half);
        if (std.math.isNan(half)) {
            try std.testing.expect(std.math.isNan(actual));
        } else {
            try std.testing.expectEqual(@as(u32, @bitCast(expected)), @as(u32, @bitCast(actual)));
        }
    }
}
