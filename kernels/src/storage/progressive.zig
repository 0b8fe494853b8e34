//! What the progressive integer types have in common: a group of 32 along K has a 4-bit signed multiplier, and number
//! times multiplier *is* the int8 weight, so the inner loop is that of `i8`. After the idea of QServe's progressive
//! quantisation (Lin et al. 2024, arXiv 2405.04532), with 4-bit multipliers that need no shift.

const Expanded = @import("expanded.zig").Expanded;
const Traits = @import("traits.zig").Traits;
const machine = @import("../isa/machine.zig");

pub const Bytes = @Vector(16, u8);
pub const Wide = @Vector(16, i16);

/// Codes of two groups, that of the first in the low half.
pub const Scales = extern struct { scales: [16]u8 };

/// All groups, then the codes of all.
pub fn traitsOf(comptime Group: type, comptime since: struct { version_minor: u16 = 0 }) Traits {
    return .{
        .version_minor = since.version_minor,
        .products = .integers,
        .k_multiple = 32,
        .panel = &.{ .{ .columns = 32, .Fields = Group }, .{ .columns = 64, .Fields = Scales } },
        .row_scales = true,
    };
}

/// m = 1..8, negative when bit 3 of the code is set.
pub fn multipliers(codes: [*]const [16]u8, group: usize) Wide {
    const pair: Bytes = codes[group / 2];
    const code = (if (group % 2 == 0) pair else pair >> @as(Bytes, @splat(4))) & @as(Bytes, @splat(15));
    const magnitude: Wide = @intCast((code & @as(Bytes, @splat(7))) + @as(Bytes, @splat(1)));
    return @select(i16, code >= @as(Bytes, @splat(8)), -magnitude, magnitude);
}

/// The product reaches 128 for one pair of extremes, which int8 does not have.
fn limited(product: Wide) @Vector(16, i8) {
    return @intCast(@min(@max(product, @as(Wide, @splat(-128))), @as(Wide, @splat(127))));
}

pub fn weight(stored: Bytes, comptime bias: i16, factor: Wide) @Vector(16, i8) {
    return limited((@as(Wide, @intCast(stored)) - @as(Wide, @splat(bias))) * factor);
}

/// All weights one by one: `storedAt` answers the sixteen unsigned numbers at place i of a group, whose meaning is
/// (number - bias) * multiplier * factor.
pub inline fn expandEach(
    comptime Group: type,
    comptime bias: i16,
    comptime factor: i16,
    comptime storedAt: fn (*const Group, usize) callconv(.@"inline") Bytes,
    bytes: [*]const u8,
    k: usize,
    out: Expanded,
) void {
    const groups = k / 32;
    const all: [*]const Group = @ptrCast(bytes);
    const codes: [*]const [16]u8 = @ptrCast(all + groups);
    for (0..groups) |g| {
        const step = multipliers(codes, g) * @as(Wide, @splat(factor));
        const weights = out.weights + g * 32;
        // With vectors the shifts want to be constants; without, the code should stand once and not 32 times.
        if (machine.has_vectors) {
            inline for (0..32) |i| weights[i] = weight(storedAt(&all[g], i), bias, step);
        } else for (0..32) |i| {
            weights[i] = weight(storedAt(&all[g], i), bias, step);
        }
    }
}

/// Byte j holds k = j in its low half and k = j + 16 in its high half.
pub inline fn nibbleAt(rows: *const [16][16]u8, i: usize) Bytes {
    return (@as(Bytes, rows[i % 16]) >> @splat(@intCast(4 * (i / 16)))) & @as(Bytes, @splat(15));
}

/// Byte j holds k = j, j + 8, j + 16, j + 24, the first in its lowest two bits.
pub inline fn pairAt(rows: *const [8][16]u8, i: usize) Bytes {
    return (@as(Bytes, rows[i % 8]) >> @splat(@intCast(2 * (i / 8)))) & @as(Bytes, @splat(3));
}

/// Bit b of byte j belongs to k = j + 4b.
pub inline fn bitAt(rows: *const [4][16]u8, i: usize) Bytes {
    return (@as(Bytes, rows[i % 4]) >> @splat(@intCast(i / 4))) & @as(Bytes, @splat(1));
}
