//! LayerNorm and RMSNorm over rows.

const vector = @import("../vector.zig");
const Operand = @import("operand.zig").Operand;
const View = @import("view.zig").View;
const V = vector.V;

pub const loadLanes = vector.loadLanes;
pub const storeLanes = vector.storeLanes;

pub const Args = extern struct {
    x: View,
    out: View,
    gamma: Operand,
    beta: Operand,
    eps: f32,
};

/// Calls `body(offset, count)` for each sixteen columns, `count` < 16 for the last.
inline fn forLanes(cols: usize, context: anytype, comptime body: anytype) void {
    var i: usize = 0;
    while (i + vector.lanes <= cols) : (i += vector.lanes) body(context, i, vector.lanes);
    if (i < cols) body(context, i, cols - i);
}

/// Lanes below `count` of `value`, zero above: absent columns must not enter a sum.
inline fn only(value: V, count: usize) V {
    if (count == vector.lanes) return value;
    var buffer: [vector.lanes]f32 = value;
    for (count..vector.lanes) |i| buffer[i] = 0;
    return buffer;
}

/// One part is one row: (x - mean) / sqrt(variance + eps) * gamma + beta, variance about the mean, biased.
pub fn layerNormPart(context: *const anyopaque, begin: u32, end: u32, scratch: [*]align(64) u8) callconv(.c) void {
    _ = scratch;
    const args: *const Args = @ptrCast(@alignCast(context));
    const cols: usize = args.x.cols;
    const count: f32 = @floatFromInt(cols);
    for (begin..end) |r| {
        const x = args.x.row(r);
        var total: V = @splat(0);
        forLanes(cols, .{ x, &total }, struct {
            inline fn body(c: anytype, i: usize, n: usize) void {
                c[1].* += loadLanes(c[0] + i, n);
            }
        }.body);
        const mean: V = @splat(vector.sum(total) / count);
        var squares: V = @splat(0);
        forLanes(cols, .{ x, &squares, mean }, struct {
            inline fn body(c: anytype, i: usize, n: usize) void {
                const centred = only(loadLanes(c[0] + i, n) - c[2], n);
                c[1].* += centred * centred;
            }
        }.body);
        const factor: V = @splat(1 / @sqrt(vector.sum(squares) / count + args.eps));
        forLanes(cols, .{ x, args, args.out.row(r), mean, factor }, struct {
            inline fn body(c: anytype, i: usize, n: usize) void {
                storeLanes(c[2] + i, scaleAndShift((loadLanes(c[0] + i, n) - c[3]) * c[4], c[1], i, n), n);
            }
        }.body);
    }
}

/// One part is one row: x / sqrt(mean of squares + eps) * gamma.
pub fn rmsNormPart(context: *const anyopaque, begin: u32, end: u32, scratch: [*]align(64) u8) callconv(.c) void {
    _ = scratch;
    const args: *const Args = @ptrCast(@alignCast(context));
    const cols: usize = args.x.cols;
    for (begin..end) |r| {
        const x = args.x.row(r);
        var squares: V = @splat(0);
        forLanes(cols, .{ x, &squares }, struct {
            inline fn body(c: anytype, i: usize, n: usize) void {
                const value = loadLanes(c[0] + i, n);
                c[1].* += value * value;
            }
        }.body);
        const factor: V = @splat(1 / @sqrt(vector.sum(squares) / @as(f32, @floatFromInt(cols)) + args.eps));
        forLanes(cols, .{ x, args, args.out.row(r), factor }, struct {
            inline fn body(c: anytype, i: usize, n: usize) void {
                storeLanes(c[2] + i, scaleAndShift(loadLanes(c[0] + i, n) * c[3], c[1], i, n), n);
            }
        }.body);
    }
}

inline fn scaleAndShift(normal: V, args: *const Args, i: usize, n: usize) V {
    var value = normal;
    if (args.gamma.present()) value *= args.gamma.load(0, i, n);
    if (args.beta.present()) value += args.beta.load(0, i, n);
    return value;
}
