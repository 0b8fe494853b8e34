//! Ops as a packed file asks for them, opened and run through the C API, against the formulas of docs/format.md in
//! double precision.

const std = @import("std");
const c_api = @import("c_api.zig");
const pack = @import("testing/pack.zig");
const Model = @import("model.zig").Model;
const Report = @import("errors.zig").Report;
const Session = @import("session.zig").Session;

const testing = std.testing;
const seed = 20_261_128;

const Space = struct {
    var file: [64 << 10]u8 align(64) = undefined;
    var model: [64 << 10]u8 align(16) = undefined;
    var session: [64 << 10]u8 align(64) = undefined;
    var fast: [64 << 10]u8 align(64) = undefined;
    var slow: [64 << 10]u8 align(64) = undefined;
    var thread: [64 << 10]u8 align(64) = undefined;
    var blobs: [16 << 10]u8 align(4) = undefined;
};

/// Tensors with values, one op over them, and a session that runs it. Tensors follow one another,
/// each from a multiple of 64.
const Bench = struct {
    tensors: [10]pack.Tensor = undefined,
    /// Of activations, before the run.
    values: [10][]const f32 = undefined,
    count: usize = 0,
    fast: u32 = 0,
    blobs: u32 = 0,
    rows_max: u32,
    session: *Session = undefined,

    fn activation(bench: *Bench, shape: []const u32, dynamic: bool, values: []const f32) u32 {
        bench.tensors[bench.count] = .{
            .shape = shape,
            .region = "fast",
            .offset = bench.fast,
            .dynamic = if (dynamic) true else null,
        };
        bench.fast += bytesOf(shape);
        return bench.keep(values);
    }

    fn constant(bench: *Bench, shape: []const u32, values: []const f32) u32 {
        const bytes = std.mem.sliceAsBytes(values);
        @memcpy(Space.blobs[bench.blobs..][0..bytes.len], bytes);
        bench.tensors[bench.count] = .{ .shape = shape, .offset = bench.blobs, .bytes = @intCast(bytes.len) };
        bench.blobs += bytesOf(shape);
        return bench.keep(&.{});
    }

    fn keep(bench: *Bench, values: []const f32) u32 {
        bench.values[bench.count] = values;
        bench.count += 1;
        return @intCast(bench.count - 1);
    }

    fn bytesOf(shape: []const u32) u32 {
        var elements: u32 = 1;
        for (shape) |size| elements *= size;
        return std.mem.alignForward(u32, elements * 4, 64);
    }

    /// Runs the op on `rows` rows and answers what is in tensor `out`.
    fn run(bench: *Bench, op: pack.Op, rows: u32, out: u32) ![]const f32 {
        const file = pack.write(&Space.file, .{
            .regions = .{ .fast = bench.fast },
            .tensors = bench.tensors[0..bench.count],
            .entries = &.{.{ .rows_max = bench.rows_max, .ops = &.{op} }},
        }, Space.blobs[0..bench.blobs]);
        var report: Report = .{};
        const model = Model.open(file, true, &Space.model, &report) catch {
            std.debug.print("refused: {s}\n", .{std.mem.sliceTo(&report.message, 0)});
            return error.TestUnexpectedResult;
        };
        const config: c_api.SessionConfig = .{
            .size = @sizeOf(c_api.SessionConfig),
            .threads = 1,
            .session = &Space.session,
            .fast = &Space.fast,
            .slow = &Space.slow,
            .state = null,
            .thread = &Space.thread,
            .session_bytes = Space.session.len,
            .fast_bytes = Space.fast.len,
            .slow_bytes = Space.slow.len,
            .state_bytes = 0,
            .thread_bytes = Space.thread.len,
            .parallel_for = null,
            .ticks = null,
            .user = null,
        };
        try testing.expectEqual(.ok, c_api.sessionOpen(model, &config, &bench.session));
        @memset(Space.fast[0..bench.fast], 0x5a);
        for (bench.tensors[0..bench.count], bench.values[0..bench.count]) |tensor, values| {
            if (tensor.region != null) @memcpy(at(tensor.offset, values.len), values);
        }
        try testing.expectEqual(.ok, c_api.sessionRun(bench.session, 0, rows));
        const shape = bench.tensors[out].shape;
        var elements: usize = 1;
        for (shape) |size| elements *= size;
        return at(bench.tensors[out].offset, elements);
    }

    fn at(offset: u32, elements: usize) []f32 {
        const all: [*]f32 = @ptrCast(&Space.fast);
        return all[offset / 4 ..][0..elements];
    }

    fn profile(bench: *const Bench) !c_api.OpProfile {
        var result: c_api.OpProfile = undefined;
        result.size = @sizeOf(c_api.OpProfile);
        try testing.expectEqual(.ok, c_api.sessionGetProfile(bench.session, 0, 0, &result));
        return result;
    }
};

/// Normal numbers, other ones for each `which`.
fn numbers(comptime which: u64, comptime count: usize) [count]f32 {
    var prng = std.Random.DefaultPrng.init(seed + which);
    var values: [count]f32 = undefined;
    for (&values) |*value| value.* = prng.random().floatNorm(f32);
    return values;
}

/// What no op wrote still has the pattern that was there.
fn untouched(values: []const f32) !void {
    for (std.mem.sliceAsBytes(values)) |byte| try testing.expectEqual(0x5a, byte);
}

test "layer_norm and rms_norm over rows of any length, with and without their parameters" {
    inline for ([_]u32{ 1, 5, 15, 16, 17, 33 }) |cols| {
        for ([_]bool{ true, false }) |centred| for ([_]u2{ 0, 1, 2 }) |parameters| {
            for ([_]u32{ 1, 3 }) |rows| try normsRows(cols, centred, parameters, rows);
        };
    }
}

/// With none, one or both of gamma and beta.
fn normsRows(comptime cols: u32, centred: bool, parameters: u2, rows: u32) !void {
    const x = numbers(1, 3 * cols);
    const gamma = numbers(2, cols);
    const beta = numbers(3, cols);
    const eps = 1e-3;
    var bench: Bench = .{ .rows_max = 3 };
    const in = bench.activation(&.{ 3, cols }, true, &x);
    const out = bench.activation(&.{ 3, cols }, true, &.{});
    const g = if (parameters > 0) bench.constant(&.{cols}, &gamma) else null;
    const b = if (centred and parameters > 1) bench.constant(&.{cols}, &beta) else null;
    const op: pack.Op = .{
        .op = if (centred) "layer_norm" else "rms_norm",
        .x = in,
        .out = out,
        .eps = eps,
        .gamma = g,
        .beta = b,
    };
    const y = try bench.run(op, rows, out);
    for (0..rows) |r| {
        var mean: f64 = 0;
        var squares: f64 = 0;
        if (centred) for (x[r * cols ..][0..cols]) |value| {
            mean += @as(f64, value) / cols;
        };
        for (x[r * cols ..][0..cols]) |value| squares += (value - mean) * (value - mean) / cols;
        for (0..cols) |c| {
            var expected = (x[r * cols + c] - mean) / @sqrt(squares + eps);
            if (g != null) expected *= gamma[c];
            if (b != null) expected += beta[c];
            try testing.expectApproxEqAbs(expected, y[r * cols + c], 2e-5 * (1 + @abs(expected)));
        }
    }
    try untouched(y[rows * cols ..]);
    const profile = try bench.profile();
    try testing.expectEqual(1, profile.runs);
    try testing.expectEqual(2 * rows * cols * 4, profile.activation_bytes);
}

test "sums, products and modulations of rows with as many rows, with one, and with a table's first rows" {
    const cols = 19;
    const x = numbers(4, 3 * cols);
    const b = numbers(5, 4 * cols);
    const c = numbers(6, 4 * cols);
    const Form = enum { rows, one, table };
    for ([_][]const u8{
        "add",
        "mul",
        "modulate",
    }) |name| for (std.enums.values(Form)) |form| for ([_]u32{ 2, 3 }) |rows| {
        var bench: Bench = .{ .rows_max = 3 };
        const in = bench.activation(&.{ 3, cols }, true, &x);
        const out = bench.activation(&.{ 3, cols }, true, &.{});
        const shape: []const u32 = switch (form) {
            .rows => &.{ 3, cols },
            .one => &.{ 1, cols },
            .table => &.{ 4, cols },
        };
        const operands = [_]u32{
            if (form == .table)
                bench.constant(shape, &b)
            else
                bench.activation(shape, form == .rows, b[0 .. shape[0] * cols]),
            if (form == .table)
                bench.constant(shape, &c)
            else
                bench.activation(shape, form == .rows, c[0 .. shape[0] * cols]),
        };
        const modulates = std.mem.eql(u8, name, "modulate");
        const op: pack.Op = if (modulates) .{
            .op = name,
            .x = in,
            .shift = operands[0],
            .scale = operands[1],
            .out = out,
        } else .{ .op = name, .a = in, .b = operands[0], .out = out };
        const y = try bench.run(op, rows, out);
        for (0..rows) |r| for (0..cols) |i| {
            const value = x[r * cols + i];
            const row = if (form == .one) 0 else r;
            const first, const second = .{ b[row * cols + i], c[row * cols + i] };
            const combined = if (name[0] == 'a') value + first else value * first;
            const expected = if (modulates) value * (1 + second) + first else combined;
            try testing.expectApproxEqAbs(expected, y[r * cols + i], 1e-6 * (1 + @abs(expected)));
        };
        try untouched(y[rows * cols ..]);
        try testing.expectEqual(
            @as(u64, if (modulates) 4 else 3) * rows * cols * 4,
            (try bench.profile()).activation_bytes,
        );
    };
}

test "activations and copies of rows, and of a table as far as a run has rows" {
    const cols = 18;
    const x = numbers(7, 3 * cols);
    for ([_][]const u8{ "relu", "gelu", "silu", "tanh", "sigmoid" }) |act| {
        var bench: Bench = .{ .rows_max = 3 };
        const in = bench.activation(&.{ 3, cols }, true, &x);
        const out = bench.activation(&.{ 3, cols }, true, &.{});
        const y = try bench.run(.{ .op = "act", .x = in, .out = out, .act = act }, 2, out);
        for (0..2 * cols) |i| {
            const value: f64 = x[i];
            const expected: f64 = switch (act[0]) {
                'r' => @max(value, 0),
                'g' => value * normalBelow(value),
                't' => std.math.tanh(value),
                else => (if (act[2] == 'l') value else 1) / (1 + @exp(-value)),
            };
            errdefer std.debug.print("{s} of {d}: {d}, expected {d}\n", .{ act, value, y[i], expected });
            try testing.expectApproxEqAbs(expected, y[i], 2e-6);
        }
        try untouched(y[2 * cols ..]);
    }
    for ([_]bool{ true, false }) |table| {
        var bench: Bench = .{ .rows_max = 3 };
        const in = if (table) bench.constant(&.{ 3, cols }, &x) else bench.activation(&.{ 3, cols }, true, &x);
        const out = bench.activation(&.{ 3, cols }, true, &.{});
        const y = try bench.run(.{ .op = "copy", .x = in, .out = out }, 2, out);
        try testing.expectEqualSlices(f32, x[0 .. 2 * cols], y[0 .. 2 * cols]);
        try untouched(y[2 * cols ..]);
    }
}

/// The share of a normal distribution below x: Simpson's rule over its density, from so far below that nothing is left.
fn normalBelow(x: f64) f64 {
    const from = -12.0;
    const steps = 4000;
    const width = (x - from) / steps;
    var sum: f64 = 0;
    for (0..steps + 1) |i| {
        const t = from + width * @as(f64, @floatFromInt(i));
        const weight: f64 = if (i == 0 or i == steps) 1 else if (i % 2 == 1) 4 else 2;
        sum += weight * @exp(-t * t / 2);
    }
    return sum * width / 3 / @sqrt(2 * std.math.pi);
}
