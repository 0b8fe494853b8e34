//! Progressive integers of two bits: number times multiplier times eight. 2.125 bits a weight.

const Expanded = @import("expanded.zig").Expanded;
const progressive = @import("progressive.zig");
const Bytes = progressive.Bytes;

/// Byte j holds k = j, j + 8, j + 16, j + 24.
pub const Group = extern struct { q: [8][16]u8 };
comptime {
    if (@sizeOf(Group) != 128) @compileError("i2 groups are 128 bytes");
}

pub const traits = progressive.traitsOf(Group, .{ .version_minor = 1 });

pub fn expand(bytes: [*]const u8, k: usize, out: Expanded) void {
    progressive.expandEach(Group, 2, 8, storedAt, bytes, k, out);
}

inline fn storedAt(group: *const Group, i: usize) Bytes {
    return progressive.pairAt(&group.q, i);
}
