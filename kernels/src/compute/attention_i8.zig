//! Attention in int8: rows of q and k, columns of v and the probabilities are quantised, products are summed in int32.
//! The exponentials are quantised before they are summed, so the probabilities add up to one exactly.
//!
//! `diffused`: probabilities have 255 levels instead of 127, and what rounding takes from a key or gives to it is
//! passed on to the key 16 further, so that many keys of small probability are not lost. They are stored less 128, as
//! int8 and with the machine's offset like all activations; 128 times the sums of the values come back at the end. A
//! sum is at most 255 * 127 * 4096 in magnitude, below 2^27, and 128 times a sum of values below 2^27: exact in int32.

const vector = @import("../vector.zig");
const machine = @import("../isa/machine.zig");
const math = @import("../math.zig");
const softmax = @import("softmax.zig");
const quantize = @import("quantize.zig");
const panels = @import("panel.zig");
const norm = @import("norm.zig");
const storage = @import("../storage.zig");
const limits = @import("../limits.zig");
const View = @import("view.zig").View;
const V = vector.V;

pub const rows_per_part = 64;

pub const Args = extern struct {
    q: View,
    k: View,
    v: View,
    out: View,
    heads: u32,
    kv_heads: u32,
    dim: u32,
    /// dim rounded up to 16.
    dim_padded: u32,
    /// Keys rounded up to 16.
    keys_padded: u32,
    scale: f32,
    causal: bool,
    diffused: bool,
    /// [heads][rows][dim_padded], with the machine's offset.
    q_int8: [*]u8,
    q_scales: [*]f32,
    /// [kv_heads][keys_padded / 16][dim_padded][16]
    k_panels: [*]align(64) i8,
    k_scales: [*]f32,
    /// [kv_heads][dim_padded / 16][keys_padded][16]
    v_panels: [*]align(64) i8,
    v_scales: [*]f32,
};

const tile_rows = machine.integer.tile_rows;

pub fn threadBytes(keys: usize, dim: usize) usize {
    const dim_padded = storage.roundUp(dim, 16);
    const keys_padded = storage.roundUp(keys, 16);
    const rows = machine.tile_rows_max;
    // Scores, probabilities, and both widened inputs; corrections of the key panels, and sums of the values.
    return storage.roundUp(
        rows * keys_padded * 5 + rows * (dim_padded + keys_padded) * machine.widened_bytes_max + keys_padded * 4 +
            dim_padded * 4,
        64,
    ) + 256;
}

/// Parts: query heads, then key heads, then value heads.
pub fn quantizePart(context: *const anyopaque, begin: u32, end: u32, scratch: [*]align(64) u8) callconv(.c) void {
    _ = scratch;
    const args: *const Args = @ptrCast(@alignCast(context));
    for (begin..end) |index| {
        const values_begin = args.heads + args.kv_heads;
        if (index < args.heads) {
            quantizeQueries(args, index);
        } else if (index < values_begin) {
            quantizeKeys(args, index - args.heads);
        } else {
            quantizeValues(args, index - values_begin);
        }
    }
}

fn quantizeQueries(args: *const Args, head: usize) void {
    const out = args.q_int8 + head * args.q.rows * args.dim_padded;
    for (0..args.q.rows) |r| {
        const values = args.q.row(r) + head * args.dim;
        args.q_scales[head * args.q.rows + r] = quantize.row(values, args.dim, out + r * args.dim_padded);
    }
}

fn quantizeKeys(args: *const Args, head: usize) void {
    const dim: usize = args.dim_padded;
    const out = args.k_panels + head * args.keys_padded * dim;
    const scales = args.k_scales + head * args.keys_padded;
    var lanes: [limits.head_dim_max]u8 align(16) = undefined;
    for (0..args.keys_padded) |t| {
        const panel = out + t / 16 * 16 * dim + t % 16;
        if (t < args.k.rows) {
            scales[t] = quantize.row(args.k.row(t) + head * args.dim, args.dim, &lanes);
            for (0..dim) |d| panel[d * 16] = @bitCast(lanes[d] -% machine.integer.activation_offset);
        } else {
            scales[t] = 0;
            for (0..dim) |d| panel[d * 16] = 0;
        }
    }
    if (machine.integer.permutes) panels.permute(@alignCast(out), args.keys_padded / 16 * dim);
}

fn quantizeValues(args: *const Args, head: usize) void {
    const keys: usize = args.v.rows;
    var d: usize = 0;
    while (d < args.dim_padded) : (d += 16) {
        const n = if (d < args.dim) @min(args.dim - d, 16) else 0;
        const out = args.v_panels + (head * args.dim_padded + d) * args.keys_padded;
        const column = head * args.dim + d;
        var largest: V = @splat(0);
        if (n > 0) for (0..keys) |t| {
            largest = vector.larger(@abs(norm.loadLanes(args.v.row(t) + column, n)), largest);
        };
        const zero: V = @splat(0);
        const most: V = @splat(quantize.inverse_max);
        const quotient = @as(V, @splat(127)) / largest;
        const inverse = @select(f32, largest > zero, @select(f32, quotient < most, quotient, most), zero);
        vector.store(args.v_scales + head * args.dim_padded + d, largest / @as(V, @splat(127)));
        for (0..args.keys_padded) |t| {
            const value = if (t < keys and n > 0) norm.loadLanes(args.v.row(t) + column, n) * inverse else zero;
            const rounded = vector.roundToInt(vector.clamp(value, -127, 127));
            out[t * 16 ..][0..16].* = @as(@Vector(16, i8), @truncate(rounded));
        }
        if (machine.integer.permutes) panels.permute(@alignCast(out), args.keys_padded);
    }
}

/// One part is one head and up to 64 rows: index = head * row_blocks + block.
pub fn part(context: *const anyopaque, begin: u32, end: u32, scratch: [*]align(64) u8) callconv(.c) void {
    const args: *const Args = @ptrCast(@alignCast(context));
    const blocks = (args.q.rows + rows_per_part - 1) / rows_per_part;
    for (begin..end) |index| {
        const first = index % blocks * rows_per_part;
        block(args, index / blocks, first, @min(first + rows_per_part, args.q.rows), scratch);
    }
}

const Scratch = struct {
    scores: [*]f32,
    corrections: [*]align(16) [16]i32,
    /// What `diffused` probabilities, stored less than they are, leave out of the sum for each column of v.
    left_out: [*]align(16) [16]i32,
    probabilities: [*]u8,
    widened_q: [*]align(16) u8,
    widened_p: [*]align(16) u8,
};

fn block(args: *const Args, head: usize, first: usize, last: usize, scratch: [*]align(64) u8) void {
    const keys: usize = args.keys_padded;
    const dim: usize = args.dim_padded;
    const scores_end = tile_rows * keys * 4;
    const corrections_end = scores_end + keys * 4;
    const left_out_end = corrections_end + dim * 4;
    const probabilities_end = storage.roundUp(left_out_end + tile_rows * keys, 16);
    const widened_end = storage.roundUp(probabilities_end + tile_rows * dim * machine.integer.widened_bytes, 16);
    const s: Scratch = .{
        .scores = @ptrCast(scratch),
        .corrections = @ptrCast(@alignCast(scratch + scores_end)),
        .left_out = @ptrCast(@alignCast(scratch + corrections_end)),
        .probabilities = scratch + left_out_end,
        .widened_q = @alignCast(scratch + probabilities_end),
        .widened_p = @alignCast(scratch + widened_end),
    };
    const key_panels = args.k_panels + head / (args.heads / args.kv_heads) * keys * dim;
    for (0..keys / 16) |p| s.corrections[p] = machine.integer.correction(@alignCast(key_panels + p * 16 * dim), dim);
    for (0..dim / 16) |d| s.left_out[d] = @splat(0);
    var summed: usize = 0;
    var r = first;
    while (r + tile_rows <= last) : (r += tile_rows) {
        summed = leaveOut(args, head, summed, keysUsed(args, r + tile_rows), s);
        rowsTile(tile_rows, args, head, r, s);
    }
    while (r < last) : (r += 1) {
        summed = leaveOut(args, head, summed, keysUsed(args, r + 1), s);
        rowsTile(1, args, head, r, s);
    }
}

/// Keys that rows before `end` multiply with values: all, or what causal rows see, in whole vectors.
fn keysUsed(args: *const Args, end: usize) usize {
    return storage.roundUp(if (args.causal) end else args.k.rows, 16);
}

/// What a stored probability is less than its own value; the machine's offset is in it already.
const stored_less = 128 - @as(i32, machine.integer.activation_offset);

/// Adds keys `begin` to `end` to what is left out, and returns `end`.
fn leaveOut(args: *const Args, head: usize, begin: usize, end: usize, s: Scratch) usize {
    if (stored_less == 0 or !args.diffused or begin == end) return end;
    const less: @Vector(16, i32) = @splat(stored_less);
    const kv = head / (args.heads / args.kv_heads);
    for (0..args.dim_padded / 16) |d| {
        const panel = args.v_panels + (kv * args.dim_padded + d * 16) * args.keys_padded;
        const values = machine.integer.weightSums(@alignCast(panel + begin * 16), end - begin);
        s.left_out[d] = @as(@Vector(16, i32), s.left_out[d]) +% less *% values;
    }
    return end;
}

inline fn rowsTile(comptime rows: usize, args: *const Args, head: usize, first: usize, s: Scratch) void {
    const dim: usize = args.dim_padded;
    const padded: usize = args.keys_padded;
    const kv = head / (args.heads / args.kv_heads);
    const keys: usize = if (args.causal) first + rows else args.k.rows;
    const keys_used = keysUsed(args, first + rows);
    const q: machine.Tile = .{
        .x = args.q_int8 + (head * args.q.rows + first) * dim,
        .x_stride = dim,
        .widened = s.widened_q,
        .widened_stride = dim,
    };
    machine.integer.widen(rows, q, dim);
    const key_panels = args.k_panels + kv * padded * dim;
    var t: usize = 0;
    while (t < keys) : (t += 16) {
        const acc = machine.integer.dotTile(rows, q, 0, @alignCast(key_panels + t * dim), dim);
        const k_scale = vector.load(args.k_scales + kv * padded + t);
        inline for (0..rows) |r| {
            const exact: V = @floatFromInt(acc[r] -% @as(@Vector(16, i32), s.corrections[t / 16]));
            const q_scale: V = @splat(args.q_scales[head * args.q.rows + first + r]);
            vector.store(s.scores + r * padded + t, exact * q_scale * k_scale * @as(V, @splat(args.scale)));
        }
    }
    var sums: [rows]f32 = undefined;
    inline for (0..rows) |r| {
        const seen = if (args.causal) first + r + 1 else keys;
        const scores = s.scores + r * padded;
        const target = s.probabilities + r * padded;
        sums[r] = @floatFromInt(if (args.diffused)
            probabilities(true, scores, seen, keys_used, target)
        else
            probabilities(false, scores, seen, keys_used, target));
    }
    const p: machine.Tile = .{
        .x = s.probabilities,
        .x_stride = padded,
        .widened = s.widened_p,
        .widened_stride = padded,
    };
    machine.integer.widen(rows, p, keys_used);
    var d: usize = 0;
    while (d < args.dim) : (d += 16) {
        const n = @min(args.dim - d, 16);
        const acc = machine.integer.dotTile(rows, p, 0, @alignCast(args.v_panels + (kv * dim + d) * padded), keys_used);
        const v_scale = vector.load(args.v_scales + kv * dim + d);
        const left_out: @Vector(16, i32) = s.left_out[d / 16];
        inline for (0..rows) |r| {
            const exact: V = @floatFromInt(acc[r] +% left_out);
            norm.storeLanes(
                args.out.row(first + r) + head * args.dim + d,
                exact * v_scale / @as(V, @splat(sums[r])),
                n,
            );
        }
    }
}

/// round(127 exp(score - maximum)) of the first `seen` scores, zero up to `keys`; no offset, they are not negative.
/// `diffused`: of 255 levels, each lane's rounding error added to its next score, stored less `stored_less`.
/// Returns their sum.
noinline fn probabilities(
    comptime diffused: bool,
    scores: [*]const f32,
    seen: usize,
    keys: usize,
    out: [*]u8,
) i32 {
    const levels: f32 = if (diffused) 255 else 127;
    const stored_zero: u8 = if (diffused) @truncate(@as(u32, @bitCast(-stored_less))) else 0;
    const shift: V = @splat(softmax.maximum(scores, seen));
    var total: @Vector(16, i32) = @splat(0);
    var carry: V = @splat(0);
    var i: usize = 0;
    while (i < keys) : (i += 16) {
        var value: @Vector(16, i32) = @splat(0);
        if (i < seen) {
            var wanted = math.exp(vector.load(scores + i) - shift) * @as(V, @splat(levels));
            if (diffused) wanted += carry;
            value = vector.roundToInt(vector.clamp(wanted, 0, levels));
            if (diffused) carry = wanted - @as(V, @floatFromInt(value));
            if (i + 16 > seen) {
                var lanes: [16]i32 = value;
                for (seen - i..16) |lane| lanes[lane] = 0;
                value = lanes;
            }
        }
        total +%= value;
        const narrow: @Vector(16, u8) = @truncate(@as(@Vector(16, u32), @bitCast(value)));
        out[i..][0..16].* = narrow +% @as(@Vector(16, u8), @splat(stored_zero));
    }
    return @reduce(.Add, total);
}
