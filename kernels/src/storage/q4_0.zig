//! GGUF `Q4_0` for 16 outputs side by side: 32 weights along K share one f16 scale; w = d * (nibble - 8).
//! 4.5 bits a weight.

const Expanded = @import("expanded.zig").Expanded;
const Traits = @import("traits.zig").Traits;
const f16ToF32 = @import("expanded.zig").scaleOf;

pub const Block = extern struct {
    d: [16]f16,
    /// Byte j holds k = j in its low half and k = j + 16 in its high half.
    q: [16][16]u8,
};
comptime {
    if (@sizeOf(Block) != 288) @compileError("Q4_0 panel blocks are 288 bytes");
}

pub const traits: Traits = .{
    .products = .integers,
    .k_multiple = 32,
    .panel = &.{.{ .columns = 32, .Fields = Block }},
    .factor_length = 32,
};

pub fn expand(bytes: [*]const u8, k: usize, out: Expanded) void {
    const blocks: [*]align(1) const Block = @ptrCast(bytes);
    for (0..k / 32) |b| {
        const block = &blocks[b];
        for (0..16) |j| {
            const packed_row: @Vector(16, u8) = block.q[j];
            const low: @Vector(16, i8) = @bitCast(packed_row & @as(@Vector(16, u8), @splat(15)));
            const high: @Vector(16, i8) = @bitCast(packed_row >> @splat(4));
            const eight: @Vector(16, i8) = @splat(8);
            out.weights[b * 32 + j] = low - eight;
            out.weights[b * 32 + 16 + j] = high - eight;
        }
        for (0..16) |n| out.scales[b][n] = f16ToF32(block.d[n]);
    }
}
