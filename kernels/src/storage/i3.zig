//! Progressive integers of three bits: number times multiplier times four. 3.125 bits a weight.

const Expanded = @import("expanded.zig").Expanded;
const progressive = @import("progressive.zig");
const Bytes = progressive.Bytes;

/// Byte j of `lo` holds the two low bits of k = j, j + 8, j + 16, j + 24;
/// bit i of byte j of `hi` belongs to k = j + 4i.
pub const Group = extern struct { lo: [8][16]u8, hi: [4][16]u8 };

pub const traits = progressive.traitsOf(Group, .{});

pub fn expand(bytes: [*]const u8, k: usize, out: Expanded) void {
    progressive.expandEach(Group, 4, 4, storedAt, bytes, k, out);
}

inline fn storedAt(group: *const Group, i: usize) Bytes {
    return progressive.pairAt(&group.lo, i) | progressive.bitAt(&group.hi, i) << @splat(2);
}
