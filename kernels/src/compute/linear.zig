//! Linear layers: panels of sixteen outputs over all rows, for every storage type.

const vector = @import("../vector.zig");
const storage = @import("../storage.zig");
const math = @import("../math.zig");
const machine = @import("../isa/machine.zig");
const panels = @import("panel.zig");
const norm = @import("norm.zig");
const View = @import("view.zig").View;
const OptionalView = @import("view.zig").OptionalView;
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
    w_scales: [*]const f32,
    /// f32 weights read x; integer weights read the quantised rows.
    x: View,
    x_int8: [*]const u8,
    x_scales: [*]const f32,
    x_sums: [*]const i32,
    out: View,
    bias: ?[*]const f32,
    gate: OptionalView,
    residual: OptionalView,
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

/// Runs `body(rows, first_row)` over all rows in tiles of `best`, then of 4, then one by one.
inline fn forTiles(comptime best: usize, rows: usize, context: anytype, comptime body: anytype) void {
    var r: usize = 0;
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
    forTiles(machine.tile_rows_f32, args.x.rows, context, struct {
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
    const context = .{ args, p, panel };
    const best = if (block == 0) machine.integer.tile_rows else machine.integer.tile_rows_blocked;
    forTiles(best, args.x.rows, context, struct {
        inline fn body(comptime rows: usize, first: usize, c: @TypeOf(context)) void {
            const a = c[0];
            const length: usize = a.k_padded;
            const tile: machine.Tile = .{
                .x = a.x_int8 + first * length,
                .x_stride = length,
                .widened = c[2].widened,
                .widened_stride = length,
            };
            machine.integer.widen(rows, tile, length);
            var y: [rows]V = @splat(@splat(0));
            if (block == 0) {
                const acc = machine.integer.dotTile(rows, tile, 0, c[2].weights, length);
                const scale = vector.load(a.w_scales + c[1] * 16);
                inline for (0..rows) |r| {
                    const exact: V = @floatFromInt(acc[r] -% c[2].corrections[0]);
                    y[r] = exact * @as(V, @splat(a.x_scales[first + r])) * scale;
                }
            } else {
                for (0..length / block) |b| {
                    const weights = c[2].weights + b * block * 16;
                    const acc = machine.integer.dotTile(rows, tile, b * block, @alignCast(weights), block);
                    const scale: V = c[2].scales[b];
                    inline for (0..rows) |r| {
                        const exact: V = @floatFromInt(acc[r] -% c[2].corrections[b]);
                        y[r] = y[r] + exact * scale;
                        if (minimum) {
                            const sum: f32 = @floatFromInt(a.x_sums[(first + r) * (length / storage.sum_length) + b]);
                            y[r] = y[r] - @as(V, @splat(sum)) * @as(V, c[2].minima[b]);
                        }
                    }
                }
                inline for (0..rows) |r| y[r] *= @as(V, @splat(a.x_scales[first + r]));
            }
            finish(a, c[1], first, &y);
        }
    }.body);
}

/// bias, activation, gate, residual, store: sixteen outputs of a few rows. Out of line,
/// so that it stands in the program once.
noinline fn finish(args: *const Args, p: usize, first_row: usize, products: []V) void {
    const first = p * 16;
    const n = @min(args.out.cols - first, 16);
    for (products, first_row..) |product, r| {
        var y = product;
        if (args.bias) |bias| y += norm.loadLanes(bias + first, n);
        if (args.act != .none) y = args.act.apply(y);
        if (args.gate.row(r)) |gate| y *= norm.loadLanes(gate + first, n);
        if (args.residual.row(r)) |residual| y += norm.loadLanes(residual + first, n);
        norm.storeLanes(args.out.row(r) + first, y, n);
    }
}
