//! Progressive integers of four bits: nibble times multiplier times two. 4.125 bits a weight.

const Expanded = @import("expanded.zig").Expanded;
const progressive = @import("progressive.zig");
const Bytes = progressive.Bytes;
const weight = progressive.weight;

/// Byte j holds k = j in its low half and k = j + 16 in its high half.
pub const Group = extern struct { q: [16][16]u8 };

pub const traits = progressive.traitsOf(Group, .{});

pub fn expand(bytes: [*]const u8, k: usize, out: Expanded) void {
    const groups = k / 32;
    const values: [*]const [16]u8 = @ptrCast(bytes);
    const codes = values + groups * 16;
    for (0..groups) |g| {
        const factor = progressive.multipliers(codes, g) * @as(progressive.Wide, @splat(2));
        for (0..16) |j| {
            const pair: Bytes = values[g * 16 + j];
            out.weights[g * 32 + j] = weight(pair & @as(Bytes, @splat(15)), 8, factor);
            out.weights[g * 32 + 16 + j] = weight(pair >> @splat(4), 8, factor);
        }
    }
}
