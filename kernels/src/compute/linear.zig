//! Linear layers: panels of sixteen outputs over all rows, for every storage type.

const vector = @import("../vector.zig");
const storage = @import("../storage.zig");
const math = @import("../math.zig");
const machine = @import("../isa/machine.zig");
const panels = @import("panel.zig");
const Operand = @import("operand.zig").Operand;
const quantize = @import("quantize.zig");
const View = @import("view.zig").View;
const floatTile = @import("float_tile.zig").floatTile;
const V = vector.V;

pub const Args = extern struct {
    storage: storage.Type,
    act: math.Activation,
    /// Round once for product and sum in f32 weights, where the machine can.
    fused: bool,
    k: u32,
    k_padded: u32,
    w: [*]align(16) const u8,
    panel_bytes: usize,
    /// One for each output, types with a row scale only.
    w_scales: Operand,
    /// f32 weights read x; integer weights read the quantised rows.
    x: View,
    x_int8: [*]const u8,
    x_scales: [*]const f32,
    x_sums: [*]const i32,
    /// The first rows have a second digit (quantize.zig), which stands behind `x_int8` in memory.
    fine_rows: u32 = 0,
    x_low: [*]const u8 = undefined,
    x_low_sums: [*]const i32 = undefined,
    out: View,
    bias: Operand,
    gate: Operand,
    residual: Operand,
};

/// One part is one panel.
pub fn part(context: *const anyopaque, begin: u32, end: u32, scratch: [*]align(64) u8) callconv(.c) void {
    const args: *const Args = @ptrCast(@alignCast(context));
    for (begin..end) |p| {
        const stored: [*]align(16) const u8 = @alignCast(args.w + p * args.panel_bytes);
        switch (args.storage) {
            inline else => |kind| switch (comptime storage.products(kind)) {
                .none => unreachable,
                .floats => {
                    const weights = panels.expandFloat(kind, stored, args.k, scratch);
                    if (machine.has_fma and args.fused) {
                        floatPanel(true, args, p, weights);
                    } else {
                        floatPanel(false, args, p, weights);
                    }
                },
                .integers => {
                    const panel = panels.expandInteger(kind, stored, args.k_padded, scratch);
                    const block = comptime storage.factorLength(kind);
                    integerPanel(block, comptime storage.hasMinimum(kind), args, p, &panel);
                },
            },
        }
    }
}

/// Runs `body(rows, first_row)` over rows `first` to `rows` in tiles of `best`, then of 4, then one by one.
inline fn forTiles(comptime best: usize, first: usize, rows: usize, context: anytype, comptime body: anytype) void {
    var r = first;
    while (r + best <= rows) : (r += best) body(best, r, context);
    if (best > 4) {
        while (r + 4 <= rows) : (r += 4) body(4, r, context);
    }
    if (best > 1) {
        while (r < rows) : (r += 1) body(1, r, context);
    }
}

fn floatPanel(comptime fused: bool, args: *const Args, p: usize, weights: [*]const f32) void {
    const context = .{ args, p, weights };
    forTiles(machine.tile_rows_f32, 0, args.x.rows, context, struct {
        inline fn body(comptime rows: usize, first: usize, c: @TypeOf(context)) void {
            var tile = floatTile(rows, fused, c[0].x.row(first), c[0].x.stride, c[2], 16, c[0].k);
            finish(c[0], c[1], first, &tile);
        }
    }.body);
}

/// All rows times one panel. `block` weights along K share a scale, or 0 when a whole row does.
fn integerPanel(
    comptime block: u32,
    comptime minimum: bool,
    args: *const Args,
    p: usize,
    panel: *const panels.IntegerPanel,
) void {
    for (0..args.fine_rows) |r| fineRow(block, minimum, args, p, r, panel);
    const context = .{ args, p, panel };
    const best = if (block == 0) machine.integer.tile_rows else machine.integer.tile_rows_blocked;
    forTiles(best, args.fine_rows, args.x.rows, context, struct {
        inline fn body(comptime rows: usize, first: usize, c: @TypeOf(context)) void {
            const a = c[0];
            const length: usize = a.k_padded;
            const tile: machine.Tile = .{
                .x = a.x_int8 + first * length,
                .x_stride = length,
                .widened = c[2].widened,
                .widened_stride = length,
            };
            const sums_stride = length / storage.sum_length;
            const sums = if (minimum) a.x_sums + first * sums_stride else undefined;
            var y: [rows]V = undefined;
            tileSums(block, minimum, rows, tile, length, c[2], sums, sums_stride, &y);
            inline for (0..rows) |r| y[r] *= @as(V, @splat(a.x_scales[first + r]));
            if (block == 0) {
                const scale = a.w_scales.load(0, c[1] * 16, 16);
                inline for (0..rows) |r| y[r] *= scale;
            }
            finish(a, c[1], first, &y);
        }
    }.body);
}

/// One row of two digits, which are two rows of a tile.
fn fineRow(
    comptime block: u32,
    comptime minimum: bool,
    args: *const Args,
    p: usize,
    r: usize,
    panel: *const panels.IntegerPanel,
) void {
    const length: usize = args.k_padded;
    const high = args.x_int8 + r * length;
    const tile: machine.Tile = .{
        .x = high,
        .x_stride = @intFromPtr(args.x_low + r * length) - @intFromPtr(high),
        .widened = panel.widened,
        .widened_stride = length,
    };
    const sums_stride = length / storage.sum_length;
    const sums = if (minimum) args.x_sums + r * sums_stride else undefined;
    const apart = if (minimum)
        (@intFromPtr(args.x_low_sums + r * sums_stride) - @intFromPtr(sums)) / @sizeOf(i32)
    else
        0;
    var digits: [2]V = undefined;
    tileSums(block, minimum, 2, tile, length, panel, sums, apart, &digits);
    var y = digits[0] * @as(V, @splat(quantize.digit)) + digits[1];
    y *= @as(V, @splat(args.x_scales[r]));
    if (block == 0) y *= args.w_scales.load(0, p * 16, 16);
    var products = [_]V{y};
    finish(args, p, r, &products);
}

/// The products of a tile of int8 rows with a panel, in units of the rows' scales and, where there are no blocks, of
/// the weights' row scales. `sums` are those of the first row over each `sum_length` columns, for types with minima.
inline fn tileSums(
    comptime block: u32,
    comptime minimum: bool,
    comptime rows: usize,
    tile: machine.Tile,
    length: usize,
    panel: *const panels.IntegerPanel,
    sums: [*]const i32,
    sums_stride: usize,
    out: *[rows]V,
) void {
    machine.integer.widen(rows, tile, length);
    if (block == 0) {
        const acc = machine.integer.dotTile(rows, tile, 0, panel.weights, length);
        inline for (0..rows) |r| out[r] = @floatFromInt(acc[r] -% panel.corrections[0]);
        return;
    }
    out.* = @splat(@splat(0));
    for (0..length / block) |b| {
        const weights = panel.weights + b * block * 16;
        const acc = machine.integer.dotTile(rows, tile, b * block, @alignCast(weights), block);
        const scale: V = panel.scales[b];
        inline for (0..rows) |r| {
            const exact: V = @floatFromInt(acc[r] -% panel.corrections[b]);
            out[r] = out[r] + exact * scale;
            if (minimum) {
                const sum: f32 = @floatFromInt(sums[r * sums_stride + b]);
                out[r] = out[r] - @as(V, @splat(sum)) * @as(V, panel.minima[b]);
            }
        }
    }
}

/// bias, activation, gate, residual, store: sixteen outputs of a few rows. Out of line,
/// so that it stands in the program once.
noinline fn finish(args: *const Args, p: usize, first_row: usize, products: []V) void {
    const first = p * 16;
    const n = @min(args.out.cols - first, 16);
    for (products, first_row..) |product, r| {
        var y = product;
        if (args.bias.present()) y += args.bias.load(0, first, n);
        if (args.act != .none) y = args.act.apply(y);
        if (args.gate.present()) y *= args.gate.load(r, first, n);
        if (args.residual.present()) y += args.residual.load(r, first, n);
        vector.storeLanes(args.out.row(r) + first, y, n);
    }
}
