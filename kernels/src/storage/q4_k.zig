//! GGUF `Q4_K` for 16 outputs side by side: super-blocks of 256 along K, eight sub-blocks of 32 with 6-bit scale and
//! minimum. w = d * s * nibble - dmin * m. 4.5 bits a weight.

const Expanded = @import("expanded.zig").Expanded;
const Traits = @import("traits.zig").Traits;
const f16ToF32 = @import("expanded.zig").scaleOf;

pub const Block = extern struct {
    d: [16]f16,
    dmin: [16]f16,
    scales: [12][16]u8,
    q: [128][16]u8,
};
comptime {
    if (@sizeOf(Block) != 2304) @compileError("Q4_K panel blocks are 2304 bytes");
}

pub const traits: Traits = .{
    .products = .integers,
    .k_multiple = 256,
    .panel = &.{.{ .columns = 256, .Fields = Block }},
    .factor_length = 32,
    .minimum = true,
};

pub fn expand(bytes: [*]const u8, k: usize, out: Expanded) void {
    const blocks: [*]align(1) const Block = @ptrCast(bytes);
    for (0..k / 256) |b| {
        const block = &blocks[b];
        for (0..4) |c| {
            for (0..32) |j| {
                const packed_row: @Vector(16, u8) = block.q[32 * c + j];
                const low = packed_row & @as(@Vector(16, u8), @splat(15));
                out.weights[b * 256 + 64 * c + j] = @as(@Vector(16, i8), @bitCast(low));
                out.weights[b * 256 + 64 * c + 32 + j] = @as(@Vector(16, i8), @bitCast(packed_row >> @splat(4)));
            }
        }
        for (0..8) |i| {
            for (0..16) |n| {
                const scale: u8, const minimum: u8 = if (i < 4)
                    .{ block.scales[i][n] & 63, block.scales[i + 4][n] & 63 }
                else
                    .{
                        (block.scales[i + 4][n] & 15) | (block.scales[i - 4][n] >> 6) << 4,
                        (block.scales[i + 4][n] >> 4) | (block.scales[i][n] >> 6) << 4,
                    };
                out.scales[b * 8 + i][n] = f16ToF32(block.d[n]) * @as(f32, @floatFromInt(scale));
                out.minima[b * 8 + i][n] = f16ToF32(block.dmin[n]) * @as(f32, @floatFromInt(minimum));
            }
        }
    }
}
