//! f16, widened to f32 before the inner loop.

const Traits = @import("traits.zig").Traits;
const f16ToF32 = @import("expanded.zig").scaleOf;

pub const Block = extern struct { w: [16]f16 };

pub const traits: Traits = .{
    .products = .floats,
    .panel = &.{.{ .columns = 1, .Fields = Block }},
};

pub inline fn expand(bytes: [*]align(16) const u8, k: usize, out: [*]f32) void {
    const halves: [*]const f16 = @ptrCast(bytes);
    for (0..k * 16) |i| out[i] = f16ToF32(halves[i]);
}
