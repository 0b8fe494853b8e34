//! GGUF `Q8_0` for 16 outputs side by side: 32 weights along K share one f16 scale. 8.5 bits a weight.

const Expanded = @import("expanded.zig").Expanded;
const Traits = @import("traits.zig").Traits;
const f16ToF32 = @import("expanded.zig").scaleOf;

pub const Block = extern struct {
    d: [16]f16,
    q: [32][16]i8,
};
comptime {
    if (@sizeOf(Block) != 544) @compileError("Q8_0 panel blocks are 544 bytes");
}

pub const traits: Traits = .{
    .products = .integers,
    .k_multiple = 32,
    .panel = &.{.{ .columns = 32, .Fields = Block }},
    .factor_length = 32,
};

/// Writes the int8 weights and the scales of one panel.
pub fn expand(bytes: [*]const u8, k: usize, out: Expanded) void {
    const blocks: [*]align(1) const Block = @ptrCast(bytes);
    for (0..k / 32) |b| {
        const block = &blocks[b];
        for (0..32) |j| out.weights[b * 32 + j] = block.q[j];
        for (0..16) |n| out.scales[b][n] = f16ToF32(block.d[n]);
    }
}
