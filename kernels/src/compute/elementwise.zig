//! Ops that treat every element alone: add, mul, modulate, activation, copy.

const vector = @import("../vector.zig");
const math = @import("../math.zig");
const machine = @import("../isa/machine.zig");
const Operand = @import("operand.zig").Operand;
const View = @import("view.zig").View;
const V = vector.V;

pub const Kind = enum(u8) { add, mul, modulate, act, copy };

pub const Args = extern struct {
    kind: Kind,
    act: math.Activation,
    x: Operand,
    out: View,
    /// add, mul: the second operand. modulate: the shift.
    b: Operand,
    /// modulate: the scale.
    c: Operand,
};

/// One part is one row.
pub fn part(context: *const anyopaque, begin: u32, end: u32, scratch: [*]align(64) u8) callconv(.c) void {
    _ = scratch;
    const args: *const Args = @ptrCast(@alignCast(context));
    // One loop for each kind, or where there are no vectors, one loop for all: its code is long already.
    if (machine.has_vectors) switch (args.kind) {
        inline else => |kind| rows(kind, args, begin, end),
    } else rows(args.kind, args, begin, end);
}

inline fn rows(kind: Kind, args: *const Args, begin: u32, end: u32) void {
    const cols: usize = args.out.cols;
    for (begin..end) |r| {
        const out = args.out.row(r);
        var i: usize = 0;
        while (i < cols) : (i += vector.lanes) {
            const n = @min(cols - i, vector.lanes);
            const value = args.x.load(r, i, n);
            const result: V = switch (kind) {
                .add => value + args.b.load(r, i, n),
                .mul => value * args.b.load(r, i, n),
                .modulate => modulated: {
                    const scale = @as(V, @splat(1)) + args.c.load(r, i, n);
                    break :modulated value * scale + args.b.load(r, i, n);
                },
                .act => args.act.apply(value),
                .copy => value,
            };
            vector.storeLanes(out + i, result, n);
        }
    }
}
