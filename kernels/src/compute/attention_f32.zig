//! Attention in f32: the reference, and what models with f32 or f16 weights use.

const vector = @import("../vector.zig");
const machine = @import("../isa/machine.zig");
const softmax = @import("softmax.zig");
const View = @import("view.zig").View;
const floatTile = @import("float_tile.zig").floatTile;
const storage = @import("../storage.zig");
const V = vector.V;

pub const rows_per_part = 64;

pub const Args = extern struct {
    q: View,
    k: View,
    v: View,
    out: View,
    heads: u32,
    heads_per_kv: u32,
    dim: u32,
    scale: f32,
    causal: bool,
    fused: bool,
};

const tile_rows = machine.tile_rows_f32;

pub fn threadBytes(keys: usize, dim: usize) usize {
    const padded = storage.roundUp(keys, 16);
    return storage.roundUp(padded * dim * 4 + 16 * padded * 4 + storage.roundUp(dim, 16) * 4, 64);
}

/// One part is one head and up to 64 rows: index = head * row_blocks + block.
pub fn part(context: *const anyopaque, begin: u32, end: u32, scratch: [*]align(64) u8) callconv(.c) void {
    const args: *const Args = @ptrCast(@alignCast(context));
    const blocks = (args.q.rows + rows_per_part - 1) / rows_per_part;
    for (begin..end) |index| {
        const first = index % blocks * rows_per_part;
        const last = @min(first + rows_per_part, args.q.rows);
        if (machine.has_fma and args.fused) {
            block(true, args, index / blocks, first, last, scratch);
        } else {
            block(false, args, index / blocks, first, last, scratch);
        }
    }
}

fn block(
    comptime fused: bool,
    args: *const Args,
    head: usize,
    first: usize,
    last: usize,
    scratch: [*]align(64) u8,
) void {
    const dim: usize = args.dim;
    const kv_column = head / args.heads_per_kv * dim;
    const keys: usize = if (args.causal) last else args.k.rows;
    const padded: usize = @intCast(storage.roundUp(args.k.rows, 16));
    const transposed: [*]f32 = @ptrCast(scratch);
    const scores = transposed + padded * dim;
    // Sixteen keys side by side for each dimension, so that scores come out sixteen keys at a time.
    for (0..padded) |t| {
        const panel = transposed + t / 16 * 16 * dim + t % 16;
        if (t < keys) {
            const key = args.k.row(t) + kv_column;
            for (0..dim) |d| panel[d * 16] = key[d];
        } else for (0..dim) |d| {
            panel[d * 16] = 0;
        }
    }
    var r = first;
    while (r + tile_rows <= last) : (r += tile_rows) {
        rowsTile(tile_rows, fused, args, head, r, keys, transposed, scores, padded);
    }
    while (r < last) : (r += 1) rowsTile(1, fused, args, head, r, keys, transposed, scores, padded);
}

inline fn rowsTile(
    comptime rows: usize,
    comptime fused: bool,
    args: *const Args,
    head: usize,
    first: usize,
    keys: usize,
    transposed: [*]const f32,
    scores: [*]f32,
    padded: usize,
) void {
    const dim: usize = args.dim;
    const kv_column = head / args.heads_per_kv * dim;
    const q = args.q.row(first) + head * dim;
    var t: usize = 0;
    while (t < keys) : (t += 16) {
        const tile = floatTile(rows, fused, q, args.q.stride, transposed + t * dim, 16, dim);
        inline for (0..rows) |r| vector.store(scores + r * padded + t, tile[r] * @as(V, @splat(args.scale)));
    }
    var sums: [rows]f32 = undefined;
    inline for (0..rows) |r| {
        const seen = if (args.causal) first + r + 1 else keys;
        sums[r] = softmax.exponentials(scores + r * padded, seen, keys);
    }
    var d: usize = 0;
    while (d < dim) : (d += 16) {
        const count = @min(dim - d, 16);
        // The last columns of a head that is no multiple of 16 wide would be read past the row;
        // they are done one by one.
        if (count == 16) {
            const tile = floatTile(rows, fused, scores, padded, args.v.data + kv_column + d, args.v.stride, keys);
            inline for (0..rows) |r| {
                vector.store(args.out.row(first + r) + head * dim + d, tile[r] / @as(V, @splat(sums[r])));
            }
        } else inline for (0..rows) |r| {
            for (d..dim) |column| {
                var total: f32 = 0;
                for (0..keys) |key| {
                    const a = scores[r * padded + key];
                    const b = args.v.row(key)[kv_column + column];
                    total = if (fused and machine.has_fma) @mulAdd(f32, a, b, total) else total + a * b;
                }
                args.out.row(first + r)[head * dim + column] = total / sums[r];
            }
        }
    }
}
