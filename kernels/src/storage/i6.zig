//! Progressive integers of six bits: number times multiplier. 6.125 bits a weight.

const Expanded = @import("expanded.zig").Expanded;
const progressive = @import("progressive.zig");
const Bytes = progressive.Bytes;

/// Byte j of `lo` holds the four low bits of k = j in its low half and of k = j + 16 in its high half;
/// byte j of `hi` holds the two high bits of k = j, j + 8, j + 16, j + 24.
pub const Group = extern struct { lo: [16][16]u8, hi: [8][16]u8 };
comptime {
    if (@sizeOf(Group) != 384) @compileError("i6 groups are 384 bytes");
}

pub const traits = progressive.traitsOf(Group, .{ .version_minor = 1 });

/// Multipliers above four take large numbers out of int8, where they are limited as everywhere.
pub fn expand(bytes: [*]const u8, k: usize, out: Expanded) void {
    progressive.expandEach(Group, 32, 1, storedAt, bytes, k, out);
}

inline fn storedAt(group: *const Group, i: usize) Bytes {
    return progressive.nibbleAt(&group.lo, i) | progressive.pairAt(&group.hi, i) << @splat(4);
}
