//! Progressive integers of five bits: number times multiplier. 5.125 bits a weight.

const Expanded = @import("expanded.zig").Expanded;
const progressive = @import("progressive.zig");
const Bytes = progressive.Bytes;

/// Byte j of `lo` holds the four low bits of k = j in its low half and of k = j + 16 in its high half;
/// bit i of byte j of `hi` belongs to k = j + 4i.
pub const Group = extern struct { lo: [16][16]u8, hi: [4][16]u8 };
comptime {
    if (@sizeOf(Group) != 320) @compileError("i5 groups are 320 bytes");
}

pub const traits = progressive.traitsOf(Group, .{ .version_minor = 1 });

pub fn expand(bytes: [*]const u8, k: usize, out: Expanded) void {
    progressive.expandEach(Group, 16, 1, storedAt, bytes, k, out);
}

inline fn storedAt(group: *const Group, i: usize) Bytes {
    return progressive.nibbleAt(&group.lo, i) | progressive.bitAt(&group.hi, i) << @splat(4);
}
