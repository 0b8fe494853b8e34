//! Progressive integers of three bits: number times multiplier times four. 3.125 bits a weight.

const Expanded = @import("expanded.zig").Expanded;
const machine = @import("../isa/machine.zig");
const progressive = @import("progressive.zig");
const Bytes = progressive.Bytes;
const Wide = progressive.Wide;

/// Byte j of `lo` holds the two low bits of k = j, j + 8, j + 16, j + 24;
/// bit i of byte j of `hi` belongs to k = j + 4i.
pub const Group = extern struct { lo: [8][16]u8, hi: [4][16]u8 };

pub const traits = progressive.traitsOf(Group);

pub fn expand(bytes: [*]const u8, k: usize, out: Expanded) void {
    const groups = k / 32;
    const values: [*]const [16]u8 = @ptrCast(bytes);
    const codes = values + groups * 12;
    for (0..groups) |g| {
        const factor = progressive.multipliers(codes, g) * @as(Wide, @splat(4));
        const low = values + g * 12;
        const high = low + 8;
        // With vectors the shifts want to be constants; without, the code should stand once and not 32 times.
        if (machine.has_vectors) {
            inline for (0..32) |i| out.weights[g * 32 + i] = weightAt(low[i % 8], high[i % 4], i, factor);
        } else for (0..32) |i| {
            out.weights[g * 32 + i] = weightAt(low[i % 8], high[i % 4], i, factor);
        }
    }
}

/// The sixteen weights at place `i` of a group, from the bytes that hold them.
inline fn weightAt(low: [16]u8, high: [16]u8, i: usize, factor: Wide) @Vector(16, i8) {
    const two: Bytes = (@as(Bytes, low) >> @splat(@intCast(2 * (i / 8)))) & @as(Bytes, @splat(3));
    const one: Bytes = (@as(Bytes, high) >> @splat(@intCast(i / 4))) & @as(Bytes, @splat(1));
    return progressive.weight(two | one << @splat(2), 4, factor);
}
