//! int8 with one scale an output: what every other integer type expands to.

const Expanded = @import("expanded.zig").Expanded;
const Traits = @import("traits.zig").Traits;

/// K is padded to sixteen with zeros.
pub const Block = extern struct { q: [16][16]i8 };

pub const traits: Traits = .{
    .products = .integers,
    .panel = &.{.{ .columns = 16, .Fields = Block }},
    .row_scales = true,
    .as_stored = true,
};

/// For machines that want another order: they permute the copy.
pub inline fn expand(bytes: [*]const u8, k: usize, out: Expanded) void {
    @memcpy(@as([*]u8, @ptrCast(out.weights))[0 .. k * 16], bytes[0 .. k * 16]);
}
