//! What an op reads beside its first operand, a row at a time: f32 numbers of an activation or a constant, and
//! constants that are stored smaller, which are widened as they are read.

const std = @import("std");
const vector = @import("../vector.zig");
const machine = @import("../isa/machine.zig");
const halfToFloat = @import("../storage/expanded.zig").scaleOf;
const V = vector.V;

pub const Element = enum(u8) { f32, f16, i8 };

/// An operand that may be absent (`data` null). A stride of 0 repeats one row.
pub const Operand = extern struct {
    data: ?[*]const u8 = null,
    /// Of int8 numbers: what a row is multiplied by, one after the other.
    scales: ?[*]const u8 = null,
    stride: u32 = 0,
    element: Element = .f32,
    /// f32 or f16.
    scale_element: Element = .f32,

    pub fn floats(data: [*]const f32, stride: u32) Operand {
        return .{ .data = @ptrCast(data), .stride = stride };
    }

    pub inline fn present(self: *const Operand) bool {
        return self.data != null;
    }

    /// Columns `at` to `at + count` of a row, zeros in the lanes behind. Only of an operand that is there.
    pub inline fn load(self: *const Operand, row: usize, at: usize, count: usize) V {
        const first = row * self.stride + at;
        if (self.element != .f32) return self.widened(row, first, count);
        return vector.loadLanes(@as([*]const f32, @ptrCast(@alignCast(self.data.?))) + first, count);
    }

    noinline fn widened(self: *const Operand, row: usize, first: usize, count: usize) V {
        if (self.element == .f16) return halves(part(u16, self.data.?, first, count), count);
        const index = if (self.stride == 0) 0 else row;
        const factor: V = @splat(if (self.scale_element == .f16)
            halfToFloat(@as([*]const f16, @ptrCast(@alignCast(self.scales.?)))[index])
        else
            @as([*]const f32, @ptrCast(@alignCast(self.scales.?)))[index]);
        const numbers: @Vector(vector.lanes, i8) = part(i8, self.data.?, first, count);
        return @as(V, @floatFromInt(numbers)) * factor;
    }
};

/// The first `count` numbers from `first` on, zeros behind.
inline fn part(comptime T: type, data: [*]const u8, first: usize, count: usize) [vector.lanes]T {
    const source = @as([*]const T, @ptrCast(@alignCast(data))) + first;
    if (count == vector.lanes) return source[0..vector.lanes].*;
    var numbers: [vector.lanes]T = @splat(0);
    for (0..count) |i| numbers[i] = source[i];
    return numbers;
}

/// Halves as f32, exact for every value, in integer arithmetic and one exact subtraction: no machine has to have
/// halves.
inline fn halves(bits: [vector.lanes]u16, count: usize) V {
    if (!machine.has_vectors) {
        var out: [vector.lanes]f32 = @splat(0);
        for (0..count) |i| out[i] = halfToFloat(@bitCast(bits[i]));
        return out;
    }
    const Bits = @Vector(vector.lanes, u32);
    const wide: Bits = @as(@Vector(vector.lanes, u16), bits);
    const sign = (wide & @as(Bits, @splat(0x8000))) << @splat(16);
    const exponent = wide & @as(Bits, @splat(0x7c00));
    const magnitude = (wide & @as(Bits, @splat(0x7fff))) << @splat(13);
    // The exponent's bias is 127 instead of 15; infinity and what is no number have the largest in both.
    const bias = @select(u32, exponent == @as(Bits, @splat(0x7c00)), biased(224), biased(112));
    // A subnormal half counts 2^-24: with the exponent of 2^-14 set, it is that much above 2^-14.
    const raised: V = @bitCast(magnitude + biased(113));
    const small: Bits = @bitCast(raised - @as(V, @splat(0x1p-14)));
    const value = @select(u32, exponent == @as(Bits, @splat(0)), small, magnitude + bias);
    return @bitCast(value | sign);
}

inline fn biased(comptime exponent: u32) @Vector(vector.lanes, u32) {
    return @splat(exponent << 23);
}

test "halves are read exactly, whatever their bits" {
    var stored: [vector.lanes]u16 align(4) = undefined;
    const operand: Operand = .{ .data = @ptrCast(&stored), .element = .f16 };
    for (0..65536 / vector.lanes) |i| {
        for (&stored, 0..) |*bits, lane| bits.* = @intCast(i * vector.lanes + lane);
        const read: [vector.lanes]f32 = operand.load(0, 0, vector.lanes);
        for (stored, read) |bits, value| {
            const expected = halfToFloat(@bitCast(bits));
            try std.testing.expectEqual(@as(u32, @bitCast(expected)), @as(u32, @bitCast(value)));
        }
    }
}

test "a table of int8 numbers has a scale for each row, and one row is repeated" {
    const numbers = [_]i8{ 1, -2, 127, -128, 5, 6 };
    const scales = [_]f32{ 0.5, 3 };
    const table: Operand = .{ .data = @ptrCast(&numbers), .scales = @ptrCast(&scales), .stride = 3, .element = .i8 };
    try std.testing.expectEqual([3]f32{ 0.5, -1, 63.5 }, @as([16]f32, table.load(0, 0, 3))[0..3].*);
    try std.testing.expectEqual([2]f32{ 15, 18 }, @as([16]f32, table.load(1, 1, 2))[0..2].*);
    const halved = [_]f16{ 0.25, 2 };
    var small = table;
    small.scales = @ptrCast(&halved);
    small.scale_element = .f16;
    try std.testing.expectEqual([3]f32{ -256, 10, 12 }, @as([16]f32, small.load(1, 0, 3))[0..3].*);
    small.stride = 0;
    try std.testing.expectEqual([3]f32{ 0.25, -0.5, 31.75 }, @as([16]f32, small.load(1, 0, 3))[0..3].*);
}
