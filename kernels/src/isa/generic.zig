//! The definition of the integer inner loop, and its scalar implementation: what every other machine is compared with.
//!
//! A panel is `[k][16]` int8 weights. A machine may permute it once (`prepare`), 64 bytes at a time, into the order its
//! instructions want; and it may store activations with an offset (`activation_offset`)
//! that `Panel.corrections` takes out again.

const Tile = @import("tile.zig").Tile;

pub const name = "generic";
/// Rows of activations that one call of `dotTile` handles best.
pub const tile_rows = 2;
pub const tile_rows_blocked = 2;
pub const tile_rows_f32 = 2;
pub const activation_offset = 0;
/// Bytes of scratch that `widen` needs for each row and element of K.
pub const widened_bytes = 0;
/// Whether `prepare` changes anything.
pub const permutes = false;

pub inline fn prepareBlock(block: *align(16) [64]i8) void {
    _ = block;
}

pub inline fn correction(panel: [*]align(16) const i8, k: usize) @Vector(16, i32) {
    _ = panel;
    _ = k;
    return @splat(0);
}

/// Sums of the weights of each output.
pub inline fn weightSums(panel: [*]align(16) const i8, k: usize) @Vector(16, i32) {
    var total: [16]i32 = @splat(0);
    for (0..k) |i| {
        for (&total, panel[i * 16 ..][0..16]) |*sum, weight| sum.* +%= weight;
    }
    return total;
}

pub inline fn widen(comptime rows: usize, tile: Tile, k: usize) void {
    _ = .{ rows, tile, k };
}

/// acc[r][n] = sum over k of x[r][k] * panel[k][n], exact in int32. `k` is a multiple of 16.
pub inline fn dotTile(
    comptime rows: usize,
    tile: Tile,
    k_first: usize,
    panel: [*]align(16) const i8,
    k: usize,
) [rows]@Vector(16, i32) {
    const signed: [*]const i8 = @ptrCast(tile.x + k_first);
    // Compilers compute all products of a step before they add them: eight sums and eight products stay in the
    // registers of a 32-register core beside the weights they need, sixteen of each would be kept on the stack.
    const columns: usize = @max(8 / rows, 2);
    var acc: [rows][16]i32 = undefined;
    inline for (0..16 / columns) |part| {
        var sums: [rows][columns]i32 = @splat(@splat(0));
        for (0..k) |i| {
            const weights = panel[i * 16 + part * columns ..][0..columns];
            inline for (0..rows) |r| {
                const value: i32 = signed[r * tile.x_stride + i];
                inline for (0..columns) |n| sums[r][n] +%= value *% @as(i32, weights[n]);
            }
        }
        inline for (0..rows) |r| acc[r][part * columns ..][0..columns].* = sums[r];
    }
    var result: [rows]@Vector(16, i32) = undefined;
    inline for (0..rows) |r| result[r] = acc[r];
    return result;
}
