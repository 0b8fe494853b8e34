//! AVX-512 VNNI: `vpdpbusd` multiplies unsigned activations by signed weights, four along K into each of sixteen int32
//! lanes. Activations are stored with 128 added; 128 times the sum of the weights is subtracted at the end. int32
//! wraps, so the result is exact.

const Tile = @import("tile.zig").Tile;

pub const name = "avx512vnni";
pub const tile_rows = 12;
pub const tile_rows_blocked = 8;
pub const tile_rows_f32 = 12;
pub const activation_offset = 128;
pub const widened_bytes = 0;
pub const permutes = true;

const Acc = @Vector(16, i32);
const Word = @Vector(16, u32);

/// `[4][16]` to `[16][4]`: four consecutive k of one output side by side.
pub inline fn prepareBlock(block: *align(16) [64]i8) void {
    const mask = comptime blk: {
        var indices: [64]i32 = undefined;
        for (0..16) |n| {
            for (0..4) |j| indices[n * 4 + j] = j * 16 + n;
        }
        break :blk indices;
    };
    const rows: @Vector(64, i8) = block.*;
    block.* = @shuffle(i8, rows, undefined, mask);
}

inline fn dot(acc: Acc, unsigned: Word, signed: Word) Acc {
    return asm ("vpdpbusd %[signed], %[unsigned], %[acc]"
        : [acc] "=v" (-> Acc),
        : [unsigned] "v" (unsigned),
          [signed] "v" (signed),
          [initial] "0" (acc),
    );
}

/// 128 times the sum of the weights of each output.
pub inline fn correction(panel: [*]align(16) const i8, k: usize) Acc {
    const words: [*]align(16) const [16]u32 = @ptrCast(panel);
    const offset: Word = @splat(0x8080_8080);
    var total: Acc = @splat(0);
    for (0..k / 4) |i| total = dot(total, offset, words[i]);
    return total;
}

pub inline fn weightSums(panel: [*]align(16) const i8, k: usize) Acc {
    const words: [*]align(16) const [16]u32 = @ptrCast(panel);
    const ones: Word = @splat(0x0101_0101);
    var total: Acc = @splat(0);
    for (0..k / 4) |i| total = dot(total, ones, words[i]);
    return total;
}

pub inline fn widen(comptime rows: usize, tile: Tile, k: usize) void {
    _ = .{ rows, tile, k };
}

/// Without the correction: callers subtract it.
pub inline fn dotTile(
    comptime rows: usize,
    tile: Tile,
    k_first: usize,
    panel: [*]align(16) const i8,
    k: usize,
) [rows]Acc {
    const words: [*]align(16) const [16]u32 = @ptrCast(panel);
    const x = tile.x + k_first;
    var acc: [rows]Acc = @splat(@splat(0));
    for (0..k / 4) |i| {
        const weights: Word = words[i];
        inline for (0..rows) |r| {
            const four = @as(*align(1) const u32, @ptrCast(x + r * tile.x_stride + i * 4)).*;
            acc[r] = dot(acc[r], @splat(four), weights);
        }
    }
    return acc;
}
