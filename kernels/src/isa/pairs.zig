//! Machines that multiply pairs of int16 and add them into int32 (AVX2 `vpmaddwd`, WebAssembly `i32x4.dot_i16x8_s`):
//! exact for int8 inputs. Weights lie in pairs along K, `[k/2][16][2]` int8, and are widened as they are loaded;
//! activations are widened once for a tile of rows.

const Tile = @import("tile.zig").Tile;

/// `madd(a, b)`: for i in 0..lanes, a[2i] * b[2i] + a[2i+1] * b[2i+1].
pub fn Pairs(comptime lanes: usize, comptime rows_best: usize, comptime madd: anytype) type {
    return struct {
        pub const tile_rows = rows_best;
        pub const tile_rows_blocked = rows_best;
        pub const activation_offset = 0;
        pub const widened_bytes = 2;
        pub const permutes = true;

        const groups = 16 / lanes;
        const Acc = @Vector(lanes, i32);
        const Half = @Vector(2 * lanes, i16);

        pub inline fn prepareBlock(block: *align(16) [64]i8) void {
            const mask = comptime blk: {
                var indices: [64]i32 = undefined;
                for (0..2) |pair| {
                    for (0..16) |n| {
                        for (0..2) |j| indices[pair * 32 + n * 2 + j] = pair * 32 + j * 16 + n;
                    }
                }
                break :blk indices;
            };
            const rows: @Vector(64, i8) = block.*;
            block.* = @shuffle(i8, rows, undefined, mask);
        }

        pub inline fn correction(panel: [*]align(16) const i8, k: usize) @Vector(16, i32) {
            _ = .{ panel, k };
            return @splat(0);
        }

        pub inline fn weightSums(panel: [*]align(16) const i8, k: usize) @Vector(16, i32) {
            const ones: Half = @splat(1);
            var acc: [groups]Acc = @splat(@splat(0));
            for (0..k / 2) |i| {
                inline for (0..groups) |g| {
                    const narrow: @Vector(2 * lanes, i8) = panel[i * 32 + g * 2 * lanes ..][0 .. 2 * lanes].*;
                    acc[g] +%= madd(narrow, ones);
                }
            }
            var joined: [16]i32 = undefined;
            inline for (0..groups) |g| joined[g * lanes ..][0..lanes].* = acc[g];
            return joined;
        }

        pub inline fn widen(comptime rows: usize, tile: Tile, k: usize) void {
            const out: [*]align(16) [16]i16 = @ptrCast(tile.widened);
            for (0..rows) |r| {
                const row: [*]const i8 = @ptrCast(tile.x + r * tile.x_stride);
                for (0..k / 16) |i| {
                    const narrow: @Vector(16, i8) = row[i * 16 ..][0..16].*;
                    out[r * tile.widened_stride / 16 + i] = @as(@Vector(16, i16), narrow);
                }
            }
        }

        pub inline fn dotTile(
            comptime rows: usize,
            tile: Tile,
            k_first: usize,
            panel: [*]align(16) const i8,
            k: usize,
        ) [rows]@Vector(16, i32) {
            const pairs: [*]align(4) const i32 = @ptrCast(@alignCast(tile.widened + 2 * k_first));
            var acc: [rows][groups]Acc = @splat(@splat(@splat(0)));
            for (0..k / 2) |i| {
                var weights: [groups]Half = undefined;
                inline for (0..groups) |g| {
                    const narrow: @Vector(2 * lanes, i8) = panel[i * 32 + g * 2 * lanes ..][0 .. 2 * lanes].*;
                    weights[g] = narrow;
                }
                inline for (0..rows) |r| {
                    const two: Half = @bitCast(@as(Acc, @splat(pairs[r * tile.widened_stride / 2 + i])));
                    inline for (0..groups) |g| acc[r][g] +%= madd(weights[g], two);
                }
            }
            var result: [rows]@Vector(16, i32) = undefined;
            inline for (0..rows) |r| {
                var joined: [16]i32 = undefined;
                inline for (0..groups) |g| joined[g * lanes ..][0..lanes].* = acc[r][g];
                result[r] = joined;
            }
            return result;
        }
    };
}
