//! What the progressive integer types have in common: a group of 32 along K has a 4-bit signed multiplier, and number
//! times multiplier *is* the int8 weight, so the inner loop is that of `i8`. After the idea of QServe's progressive
//! quantisation (Lin et al. 2024, arXiv 2405.04532), with 4-bit multipliers that need no shift.

const Traits = @import("traits.zig").Traits;

pub const Bytes = @Vector(16, u8);
pub const Wide = @Vector(16, i16);

/// Codes of two groups, that of the first in the low half.
pub const Scales = extern struct { scales: [16]u8 };

/// All groups, then the codes of all.
pub fn traitsOf(comptime Group: type) Traits {
    return .{
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
