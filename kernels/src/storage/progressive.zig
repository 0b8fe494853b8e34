//! `i4` and `i3`, the progressive integer types: a group of 32 along K has a 4-bit signed multiplier, and number times multiplier *is* the
//! int8 weight, so the inner loop is that of `i8`. 4.125 and 3.125 bits a weight. After the idea of QServe's progressive quantisation
//! (Lin et al. 2024, arXiv 2405.04532), with 4-bit multipliers that need no shift.

const Expanded = @import("expanded.zig").Expanded;
const machine = @import("../isa/machine.zig");

const Bytes = @Vector(16, u8);
const Wide = @Vector(16, i16);

/// m = 1..8, negative when bit 3 of the code is set.
fn multipliers(codes: [*]const [16]u8, group: usize) Wide {
    const pair: Bytes = codes[group / 2];
    const code = (if (group % 2 == 0) pair else pair >> @as(Bytes, @splat(4))) & @as(Bytes, @splat(15));
    const magnitude: Wide = @intCast((code & @as(Bytes, @splat(7))) + @as(Bytes, @splat(1)));
    return @select(i16, code >= @as(Bytes, @splat(8)), -magnitude, magnitude);
}

/// The product reaches 128 for one pair of extremes, which int8 does not have.
fn limited(product: Wide) @Vector(16, i8) {
    return @intCast(@min(@max(product, @as(Wide, @splat(-128))), @as(Wide, @splat(127))));
}

fn weight(stored: Bytes, comptime bias: i16, factor: Wide) @Vector(16, i8) {
    return limited((@as(Wide, @intCast(stored)) - @as(Wide, @splat(bias))) * factor);
}

pub fn expandI4(bytes: [*]const u8, k: usize, out: Expanded) void {
    const groups = k / 32;
    const values: [*]const [16]u8 = @ptrCast(bytes);
    const codes = values + groups * 16;
    for (0..groups) |g| {
        const factor = multipliers(codes, g) * @as(Wide, @splat(2));
        for (0..16) |j| {
            const pair: Bytes = values[g * 16 + j];
            out.weights[g * 32 + j] = weight(pair & @as(Bytes, @splat(15)), 8, factor);
            out.weights[g * 32 + 16 + j] = weight(pair >> @splat(4), 8, factor);
        }
    }
}

pub fn expandI3(bytes: [*]const u8, k: usize, out: Expanded) void {
    const groups = k / 32;
    const values: [*]const [16]u8 = @ptrCast(bytes);
    const codes = values + groups * 12;
    for (0..groups) |g| {
        const factor = multipliers(codes, g) * @as(Wide, @splat(4));
        const low = values + g * 12;
        const high = low + 8;
        // With vectors the shifts want to be constants; without, the code should stand once and not 32 times.
        if (machine.has_vectors) {
            inline for (0..32) |i| out.weights[g * 32 + i] = weightI3(low[i % 8], high[i % 4], i, factor);
        } else for (0..32) |i| {
            out.weights[g * 32 + i] = weightI3(low[i % 8], high[i % 4], i, factor);
        }
    }
}

/// The sixteen weights at place `i` of a group, from the bytes that hold them.
inline fn weightI3(low: [16]u8, high: [16]u8, i: usize, factor: Wide) @Vector(16, i8) {
    const two: Bytes = (@as(Bytes, low) >> @splat(@intCast(2 * (i / 8)))) & @as(Bytes, @splat(3));
    const one: Bytes = (@as(Bytes, high) >> @splat(@intCast(i / 4))) & @as(Bytes, @splat(1));
    return weight(two | one << @splat(2), 4, factor);
}
