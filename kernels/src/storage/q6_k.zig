//! GGUF `Q6_K` for 16 outputs side by side: super-blocks of 256 along K, sixteen sub-blocks of 16 with an int8 scale.
//! w = d * scale * (value - 32). 6.5625 bits a weight.

const Expanded = @import("expanded.zig").Expanded;
const Traits = @import("traits.zig").Traits;
const f16ToF32 = @import("expanded.zig").scaleOf;

pub const Block = extern struct {
    ql: [128][16]u8,
    qh: [64][16]u8,
    scales: [16][16]i8,
    d: [16]f16,
};
comptime {
    if (@sizeOf(Block) != 3360) @compileError("Q6_K panel blocks are 3360 bytes");
}

pub const traits: Traits = .{
    .products = .integers,
    .k_multiple = 256,
    .panel = &.{.{ .columns = 256, .Fields = Block }},
    .factor_length = 16,
};

const Bytes = @Vector(16, u8);

fn centred(low: Bytes, high: Bytes) @Vector(16, i8) {
    const both: @Vector(16, i8) = @bitCast(low | (high & @as(Bytes, @splat(3))) << @splat(4));
    return both - @as(@Vector(16, i8), @splat(32));
}

pub fn expand(bytes: [*]const u8, k: usize, out: Expanded) void {
    const blocks: [*]align(1) const Block = @ptrCast(bytes);
    const low_half: Bytes = @splat(15);
    for (0..k / 256) |b| {
        const block = &blocks[b];
        for (0..2) |h| {
            const at = b * 256 + h * 128;
            for (0..32) |j| {
                const l0: Bytes = block.ql[64 * h + j];
                const l1: Bytes = block.ql[64 * h + 32 + j];
                const high: Bytes = block.qh[32 * h + j];
                out.weights[at + j] = centred(l0 & low_half, high);
                out.weights[at + 32 + j] = centred(l1 & low_half, high >> @splat(2));
                out.weights[at + 64 + j] = centred(l0 >> @splat(4), high >> @splat(4));
                out.weights[at + 96 + j] = centred(l1 >> @splat(4), high >> @splat(6));
            }
        }
        for (0..16) |i| {
            for (0..16) |n| {
                out.scales[b * 16 + i][n] = f16ToF32(block.d[n]) * @as(f32, @floatFromInt(block.scales[i][n]));
            }
        }
    }
}
