//! Which operands an op may be given when a model is opened: results must not depend on the order of rows and threads.

const std = @import("std");
const storage = @import("storage.zig");
const elementwise = @import("ops/elementwise.zig");
const norm = @import("ops/norm.zig");
const linear = @import("ops/linear.zig");
const attention = @import("ops/attention.zig");
const patchify = @import("ops/patchify.zig");
const Channels = @import("ops/channels.zig").Channels;
const Tensor = @import("tensor.zig").Tensor;
const Validator = @import("validator.zig").Validator;
const Report = @import("errors.zig").Report;

const testing = std.testing;

fn activation(shape: []const u32, offset: u32, stride: ?u32) Tensor {
    return activationOf(.f32, shape, offset, stride);
}

fn activationOf(kind: storage.Type, shape: []const u32, offset: u32, stride: ?u32) Tensor {
    var tensor: Tensor = .{
        .name = "",
        .type = kind,
        .place = .fast,
        .dynamic = false,
        .rank = @intCast(shape.len),
        .shape = @splat(1),
        .offset = offset,
        .bytes = 0,
        .stride = 0,
    };
    @memcpy(tensor.shape[0..shape.len], shape);
    tensor.stride = stride orelse tensor.cols();
    tensor.bytes = ((tensor.rows() - 1) * tensor.stride + tensor.cols()) * storage.activationBytes(kind);
    return tensor;
}

fn weight(kind: storage.Type, n: u32, k: u32) Tensor {
    var tensor = activationOf(kind, &.{ n, k }, 0, null);
    tensor.place = .constant;
    tensor.bytes = @intCast(storage.linearBytes(kind, 4, n, k));
    return tensor;
}

fn validatorOf(tensors: []const Tensor, report: *Report) Validator {
    return .{ .tensors = tensors, .rows_max = 1, .version_minor = 1, .at = 64, .op = "test", .report = report };
}

/// Whether an op is accepted; what is refused is refused as an op, in words.
fn accepts(comptime implementation: type, params: implementation.Params, tensors: []const Tensor) !bool {
    var report: Report = .{};
    const validator = validatorOf(tensors, &report);
    implementation.validate(&params, &validator) catch {
        try testing.expectEqual(.op, report.code);
        try testing.expect(std.mem.find(u8, &report.message, "which it writes") != null);
        return false;
    };
    return true;
}

test "activations share what their elements share, whatever their strides" {
    // Every pair of small views in a region of 24 elements, against sets of bytes.
    const sizes = [_]u32{ 1, 2, 3 };
    var views: [2048]Tensor = undefined;
    var count: usize = 0;
    for (sizes) |rows| for (sizes) |cols| for ([_]u32{ 0, 1, 3 }) |gap| for (0..12) |begin| {
        views[count] = activation(&.{ rows, cols }, @intCast(begin * 4), cols + gap);
        count += 1;
    };
    for (views[0..count]) |*a| for (views[0..count]) |*b| {
        var marks: [64]u2 = @splat(0);
        for ([_]*const Tensor{ a, b }, 1..) |tensor, mark| {
            for (0..tensor.rows()) |row| {
                const begin = tensor.offset / 4 + row * tensor.stride;
                for (marks[begin..][0..tensor.cols()]) |*element| element.* |= @intCast(mark);
            }
        }
        const meet = std.mem.findScalar(u2, &marks, 3) != null;
        const same = a.offset == b.offset and a.rows() == b.rows() and a.cols() == b.cols() and
            (a.stride == b.stride or a.rows() == 1);
        const sharing = a.sharing(b);
        try testing.expectEqual(same, sharing == .everything);
        if (meet and !same) try testing.expectEqual(.something, sharing);
        const told_apart = a.stride == b.stride or a.isDense() or b.isDense() or a.rows() == 1 or b.rows() == 1;
        if (!meet and told_apart) try testing.expectEqual(.nothing, sharing);
    };
}

test "regions are apart, and the last bytes of the largest region count" {
    const end = 1 << 30;
    const whole = activationOf(.u8, &.{ 64, 1 << 24 }, 0, null);
    const last = activation(&.{ 1, 1 }, end - 4, null);
    const columns = activation(&.{ 1 << 13, 1 }, 0, 1 << 15);
    const beside = activation(&.{ 1 << 13, (1 << 15) - 1 }, 4, 1 << 15);
    try testing.expectEqual(.something, whole.sharing(&last));
    try testing.expectEqual(.something, last.sharing(&whole));
    try testing.expectEqual(.nothing, columns.sharing(&beside));
    try testing.expectEqual(.nothing, beside.sharing(&columns));
    try testing.expectEqual(.something, beside.sharing(&last));
    try testing.expectEqual(.something, last.sharing(&beside));
    var elsewhere = whole;
    elsewhere.place = .slow;
    try testing.expectEqual(.nothing, elsewhere.sharing(&whole));
}

test "an op whose output shares bytes with an operand is refused, unless it works in place on all of it" {
    const tensors = [_]Tensor{
        activation(&.{ 4, 16 }, 0, null),
        activation(&.{ 4, 16 }, 64, null), // the same rows, one later
        activation(&.{ 4, 16 }, 1024, null),
        activation(&.{ 1, 16 }, 64, null), // the second row
        activation(&.{ 1, 16 }, 2048, null),
        activation(&.{ 4, 16 }, 4096, 32), // left and right half of a wider one
        activation(&.{ 4, 16 }, 4160, 32),
    };
    const whole, const later, const other, const row, const one, const left, const right = .{ 0, 1, 2, 3, 4, 5, 6 };
    inline for (.{ elementwise.Add, elementwise.Mul }) |Op| {
        try testing.expect(try accepts(Op, .{ .a = whole, .b = other, .out = whole }, &tensors));
        try testing.expect(try accepts(Op, .{ .a = whole, .b = one, .out = other }, &tensors));
        try testing.expect(try accepts(Op, .{ .a = left, .b = left, .out = right }, &tensors));
        try testing.expect(!try accepts(Op, .{ .a = whole, .b = other, .out = later }, &tensors));
        try testing.expect(!try accepts(Op, .{ .a = other, .b = whole, .out = whole }, &tensors));
        try testing.expect(!try accepts(Op, .{ .a = other, .b = row, .out = whole }, &tensors));
    }
    try testing.expect(try accepts(
        elementwise.Modulate,
        .{ .x = whole, .shift = one, .scale = other, .out = whole },
        &tensors,
    ));
    try testing.expect(!try accepts(
        elementwise.Modulate,
        .{ .x = whole, .shift = one, .scale = other, .out = other },
        &tensors,
    ));
    try testing.expect(!try accepts(
        elementwise.Modulate,
        .{ .x = other, .shift = row, .scale = one, .out = whole },
        &tensors,
    ));
    try testing.expect(!try accepts(
        elementwise.Modulate,
        .{ .x = whole, .shift = one, .scale = one, .out = later },
        &tensors,
    ));
    try testing.expect(try accepts(elementwise.Act, .{ .x = whole, .out = whole, .act = .gelu }, &tensors));
    try testing.expect(!try accepts(elementwise.Act, .{ .x = whole, .out = later, .act = .gelu }, &tensors));
    try testing.expect(try accepts(elementwise.Copy, .{ .x = left, .out = right }, &tensors));
    try testing.expect(!try accepts(elementwise.Copy, .{ .x = whole, .out = later }, &tensors));
    try testing.expect(!try accepts(elementwise.Copy, .{ .x = whole, .out = whole }, &tensors));
    try testing.expect(try accepts(norm.LayerNorm, .{ .x = whole, .out = whole, .eps = 1e-5 }, &tensors));
    try testing.expect(!try accepts(norm.LayerNorm, .{ .x = whole, .out = later, .eps = 1e-5 }, &tensors));
    try testing.expect(try accepts(norm.RmsNorm, .{ .x = whole, .out = whole, .eps = 1e-5 }, &tensors));
    try testing.expect(!try accepts(norm.RmsNorm, .{ .x = later, .out = whole, .eps = 1e-5 }, &tensors));
}

test "linear layers, attention and patches keep outputs, operands and scratch apart" {
    const tensors = [_]Tensor{
        activation(&.{ 2, 16 }, 0, null),
        activation(&.{ 2, 16 }, 128, null),
        activation(&.{ 2, 16 }, 256, null),
        activationOf(.u8, &.{4096}, 1024, null),
        weight(.i8, 16, 16),
        activation(&.{ 1, 16 }, 64, null), // the second row of the first
        activation(&.{ 2, 16 }, 64, null),
        activation(&.{ 2, 16 }, 1024 + 4032, null), // ends behind the scratch, and begins in it
        activationOf(.u8, &.{ 4, 4, 2 }, 0, null),
    };
    const a, const b, const scratch, const tail, const image = .{ 0, 1, 3, 7, 8 };
    try linearKeepsApart(&tensors);
    for ([_]attention.Compute{ .f32, .i8 }) |compute| {
        const right: attention.Params = .{
            .q = a,
            .k = a,
            .v = a,
            .out = b,
            .heads = 1,
            .kv_heads = 1,
            .scale = 1,
            .causal = false,
            .compute = compute,
            .scratch = scratch,
        };
        try testing.expect(try accepts(attention, right, &tensors));
        inline for (.{ "q", "k", "v" }) |key| {
            var params = right;
            @field(params, key) = b;
            try testing.expect(!try accepts(attention, params, &tensors));
        }
        inline for (.{ "q", "k", "v", "out" }) |key| {
            var params = right;
            @field(params, key) = tail;
            try testing.expect(!try accepts(attention, params, &tensors));
        }
    }
    const channels: Channels = .{ .count = 2 };
    const patches = [_]Tensor{ tensors[image], activation(&.{ 4, 8 }, 32, null), activation(&.{ 4, 8 }, 28, null) };
    const apart: patchify.Params = .{ .x = 0, .out = 1, .patch = 2, .scale = channels, .shift = channels };
    var together = apart;
    together.out = 2;
    try testing.expect(try accepts(patchify, apart, &patches));
    try testing.expect(!try accepts(patchify, together, &patches));
}

fn linearKeepsApart(tensors: []const Tensor) !void {
    const a, const b, const c, const scratch = .{ 0, 1, 2, 3 };
    const w, const row, const between, const tail = .{ 4, 5, 6, 7 };
    const Params = linear.Params;
    const from_a: Params = .{ .x = a, .w = w, .out = b, .scratch = scratch };
    for ([_]struct { Params, bool }{
        .{ .{ .x = a, .w = w, .out = b, .residual = b, .gate = c, .scratch = scratch }, true },
        .{ .{ .x = a, .w = w, .out = b, .residual = a, .gate = a, .scratch = scratch }, true },
        .{ .{ .x = a, .w = w, .out = a, .scratch = scratch }, false },
        .{ .{ .x = a, .w = w, .out = b, .gate = b, .scratch = scratch }, false },
        .{ .{ .x = c, .w = w, .out = a, .residual = row, .scratch = scratch }, false },
        .{ .{ .x = c, .w = w, .out = a, .residual = between, .scratch = scratch }, false },
    }) |case| try testing.expectEqual(case[1], try accepts(linear, case[0], tensors));
    inline for (.{ "x", "out", "gate", "residual" }) |key| {
        var params = from_a;
        @field(params, key) = tail;
        try testing.expect(!try accepts(linear, params, tensors));
    }
}

test "a weight sums over at most 2^17 numbers, whose products int32 holds" {
    const limits = @import("limits.zig");
    try testing.expect(127 * 128 * @as(u64, limits.reduction_max) < 1 << 31);
    for ([_]u32{ limits.reduction_max, limits.reduction_max + 1 }) |k| {
        const tensors = [_]Tensor{weight(.i8, 1, k)};
        var report: Report = .{};
        const validator = validatorOf(&tensors, &report);
        if (validator.weight("w", 0)) |found| {
            try testing.expectEqual(limits.reduction_max, k);
            try testing.expectEqual(k, found.k);
        } else |_| {
            try testing.expectEqual(limits.reduction_max + 1, k);
            try testing.expect(std.mem.find(u8, &report.message, "sums over 131073, at most 131072") != null);
        }
    }
}

test "fine rows are of x, of integer weights, and of files that may have them" {
    const tensors = [_]Tensor{
        activation(&.{ 4, 16 }, 0, null),
        weight(.i8, 16, 16),
        weight(.f32, 16, 16),
        activation(&.{ 4, 16 }, 1024, null),
        activationOf(.u8, &.{256}, 2048, null),
    };
    for ([_]struct { u32, u32, u16, ?[]const u8 }{
        .{ 1, 1, 1, null },
        .{ 0, 1, 1, "0 fine rows of 4, expected 1 to 4" },
        .{ 5, 1, 1, "5 fine rows of 4, expected 1 to 4" },
        .{ 1, 2, 1, "weights of type f32" },
        .{ 1, 1, 0, "fine_rows in a file of version 1.0, expected at least 1.1" },
    }) |case| {
        const fine, const w, const minor, const message = case;
        var report: Report = .{};
        var validator = validatorOf(&tensors, &report);
        validator.version_minor = minor;
        const params: linear.Params = .{ .x = 0, .w = w, .out = 3, .scratch = 4, .fine_rows = fine };
        if (linear.validate(&params, &validator)) {
            try testing.expectEqual(null, message);
        } else |_| try testing.expect(std.mem.find(u8, &report.message, message orelse "nothing is wrong") != null);
    }
}
