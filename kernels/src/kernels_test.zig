//! Every machine's kernels against the generic ones, byte for byte, and the generic ones against the plainest possible
//! formula, over small shapes that cover every tail.

const std = @import("std");
const storage = @import("storage.zig");
const dispatch = @import("dispatch.zig");
const norm = @import("compute/norm.zig");
const elementwise = @import("compute/elementwise.zig");
const calls = @import("testing/kernel_calls.zig");
const decode = @import("testing/decode_weight.zig").decode;
const Table = @import("kernel_table.zig").Table;
const View = @import("compute/view.zig").View;
const Activation = @import("math.zig").Activation;

const testing = std.testing;
const seed = calls.seed;
const kinds = calls.kinds;
const Buffers = calls.Buffers;
const Case = calls.Case;
const fill = calls.fill;
const fillWeights = calls.fillWeights;
const runLinear = calls.runLinear;
const runAttention = calls.runAttention;

test "linear layers are equal to the bit on every machine, with all tails" {
    var space: [3]*const Table = undefined;
    const tables = dispatch.runnable(&space);
    var prng = std.Random.DefaultPrng.init(seed);
    const random = prng.random();
    fill(random, &Buffers.x);
    fill(random, &Buffers.bias);
    fill(random, &Buffers.gate);
    for (kinds) |kind| {
        const step = storage.kMultiple(kind);
        const blocks: [6]u32 = .{ 1, step - 1, step, step + 17, 2 * step, 4 * step };
        const reductions: [6]u32 = if (step == 1) .{ 1, 15, 17, 33, 64, 192 } else blocks;
        for (reductions) |k| {
            for ([_]u32{ 1, 15, 16, 33 }) |n| {
                fillWeights(random, kind, n, k);
                for ([_]u32{ 1, 2, 3, 4, 5, 7, 8, 11, 12, 13, 17, 25 }) |m| {
                    const case: Case = .{
                        .kind = kind,
                        .m = m,
                        .n = n,
                        .k = k,
                        .act = if (m % 2 == 0) .gelu else .none,
                        .rich = m % 3 == 0,
                        .fine = if (storage.products(kind) == .integers) m % 4 else 0,
                    };
                    runLinear(tables[0], case, &Buffers.expected);
                    for (tables[1..]) |table| {
                        @memset(Buffers.out[0 .. m * n + 16], 12345);
                        runLinear(table, case, &Buffers.out);
                        testing.expectEqualSlices(
                            u8,
                            std.mem.sliceAsBytes(Buffers.expected[0 .. m * n]),
                            std.mem.sliceAsBytes(Buffers.out[0 .. m * n]),
                        ) catch |err| {
                            std.debug.print(
                                "{s}: {t} {d} x {d} x {d}, seed {d}\n",
                                .{ table.isa, kind, m, n, k, seed },
                            );
                            return err;
                        };
                        for (Buffers.out[m * n ..][0..16]) |beyond| try testing.expectEqual(12345, beyond);
                    }
                }
            }
        }
    }
}

test "linear layers compute what the format says" {
    const generic = &@import("kernel_table.zig").table;
    var prng = std.Random.DefaultPrng.init(seed);
    const random = prng.random();
    fill(random, &Buffers.x);
    for (kinds) |kind| {
        const k: u32 = storage.kMultiple(kind) + 35;
        const n = 21;
        const m = 3;
        fillWeights(random, kind, n, k);
        const integers = storage.products(kind) == .integers;
        const fine: u32 = if (integers) 2 else 0;
        const case: Case = .{ .kind = kind, .m = m, .n = n, .k = k, .act = .none, .rich = false, .fine = fine };
        runLinear(generic, case, &Buffers.out);
        for (0..m) |r| {
            // Integer types see the activation rounded to 127 steps of the row's largest, or 128 times as many.
            const most: f32 = if (r < fine) 16256 else 127;
            const x = Buffers.x[r * k ..][0..k];
            var magnitude: f32 = 0;
            for (x) |value| magnitude = @max(magnitude, @abs(value));
            for (0..n) |output| {
                var expected: f64 = 0;
                var size: f64 = 0;
                for (x, 0..) |value, i| {
                    const steps = @round(@as(f64, value) * (most / @as(f64, magnitude)));
                    const seen: f64 = if (integers) steps * magnitude / most else value;
                    const term = seen * decode(&Buffers.weights, kind, output, i, k, n);
                    expected += term;
                    size += @abs(term);
                }
                const tolerance: f64 = if (r < fine) 2e-5 else 1e-3;
                try testing.expectApproxEqAbs(expected, @as(f64, Buffers.out[r * n + output]), tolerance * size + 1e-6);
            }
        }
    }
}

test "bias, activation, gate and residual come in this order" {
    const V = @import("vector.zig").V;
    const generic = &@import("kernel_table.zig").table;
    var prng = std.Random.DefaultPrng.init(seed);
    const random = prng.random();
    const m, const n, const k = .{ 3, 21, 40 };
    for ([_][]f32{ Buffers.x[0 .. m * k], Buffers.bias[0..n], Buffers.gate[0 .. m * n] }) |values| fill(random, values);
    for ([_]storage.Type{ .f32, .i8 }) |kind| {
        fillWeights(random, kind, n, k);
        for ([_]Activation{ .none, .relu, .gelu }) |act| {
            runLinear(
                generic,
                .{ .kind = kind, .m = m, .n = n, .k = k, .act = .none, .rich = false },
                &Buffers.expected,
            );
            runLinear(generic, .{ .kind = kind, .m = m, .n = n, .k = k, .act = act, .rich = true }, &Buffers.out);
            for (0..m) |r| for (0..n) |output| {
                const biased = Buffers.expected[r * n + output] + Buffers.bias[output];
                const active = if (act == .none) biased else act.apply(@as(V, @splat(biased)))[0];
                // The residual is one row for all: the gate's first.
                try testing.expectEqual(
                    active * Buffers.gate[r * n + output] + Buffers.gate[output],
                    Buffers.out[r * n + output],
                );
            };
        }
    }
}

/// Softmax attention in f64.
fn plainAttention(rows: u32, keys: u32, heads: u32, kv_heads: u32, dim: u32, causal: bool, out: []f64) void {
    var p: [256]f64 = undefined;
    for (0..rows) |r| for (0..heads) |h| {
        const kv = h / (heads / kv_heads);
        const seen = if (causal) r + 1 else keys;
        var total: f64 = 0;
        for (0..seen) |t| {
            var score: f64 = 0;
            const q = Buffers.x[(r * heads + h) * dim ..][0..dim];
            const k = Buffers.gate[(t * 2 * kv_heads + kv) * dim ..][0..dim];
            for (q, k) |a, b| score += @as(f64, a) * b;
            p[t] = @exp(score * 0.3);
            total += p[t];
        }
        for (0..dim) |d| {
            var sum: f64 = 0;
            for (0..seen) |t| sum += p[t] * Buffers.gate[t * 2 * kv_heads * dim + kv_heads * dim + kv * dim + d];
            out[r * heads * dim + h * dim + d] = sum / total;
        }
    };
}

test "attention is equal to the bit on every machine, and close to the plain formula" {
    var space: [3]*const Table = undefined;
    const tables = dispatch.runnable(&space);
    var prng = std.Random.DefaultPrng.init(seed);
    const random = prng.random();
    const plain = struct {
        var out: [16 * 1024]f64 = undefined;
    };
    inline for (.{ .f32, .i8, .i8_diffused }) |compute| {
        for ([_]u32{ 1, 2, 5, 12, 13, 67 }) |rows| {
            for ([_][3]u32{ .{ 1, 1, 16 }, .{ 2, 1, 24 }, .{ 4, 2, 7 } }) |shape| {
                for ([_]bool{ false, true }) |causal| {
                    const keys = if (causal) rows else rows + 9;
                    const heads, const kv_heads, const dim = shape;
                    fill(random, Buffers.x[0 .. rows * heads * dim]);
                    fill(random, Buffers.gate[0 .. keys * 2 * kv_heads * dim]);
                    const count = rows * heads * dim;
                    runAttention(tables[0], compute, rows, keys, heads, kv_heads, dim, causal, &Buffers.expected);
                    plainAttention(rows, keys, heads, kv_heads, dim, causal, &plain.out);
                    const tolerance: f64 = if (compute == .f32) 1e-5 else 0.15;
                    for (plain.out[0..count], Buffers.expected[0..count]) |expected, actual| {
                        try testing.expectApproxEqAbs(expected, @as(f64, actual), tolerance);
                    }
                    for (tables[1..]) |table| {
                        runAttention(table, compute, rows, keys, heads, kv_heads, dim, causal, &Buffers.out);
                        try testing.expectEqualSlices(
                            u8,
                            std.mem.sliceAsBytes(Buffers.expected[0..count]),
                            std.mem.sliceAsBytes(Buffers.out[0..count]),
                        );
                    }
                }
            }
        }
    }
}

test "many keys of small probability are heard where rounding errors are passed on" {
    const keys = 201;
    const generic = &@import("kernel_table.zig").table;
    // Every key but the first has a thousandth of the first one's probability, less than half a level.
    Buffers.x[0..1].* = .{1};
    for (0..keys) |t| {
        Buffers.gate[2 * t] = if (t == 0) 0 else @log(0.001) / 0.3;
        Buffers.gate[2 * t + 1] = if (t == 0) 0 else 1;
    }
    runAttention(generic, .i8, 1, keys, 1, 1, 1, false, &Buffers.out);
    try testing.expectEqual(0, Buffers.out[0]);
    runAttention(generic, .i8_diffused, 1, keys, 1, 1, 1, false, &Buffers.out);
    try testing.expectApproxEqAbs(0.2 / 1.2, Buffers.out[0], 0.02);
}

/// Equal to the bit, but for what a NaN says beyond being one.
fn expectSame(expected: []const f32, actual: []const f32) !void {
    for (expected, actual) |a, b| {
        if (std.math.isNan(a) and std.math.isNan(b)) continue;
        try testing.expectEqual(@as(u32, @bitCast(a)), @as(u32, @bitCast(b)));
    }
}

const wild = [_]f32{
    std.math.nan(f32),
    -std.math.nan(f32),
    std.math.inf(f32),
    -std.math.inf(f32),
    std.math.floatMax(f32),
    -std.math.floatMax(f32),
    std.math.floatMin(f32),
    1e-40,
    -1e-40,
    std.math.floatTrueMin(f32),
    -0.0,
    0,
    88.5,
    -88.5,
    1e20,
    -1e20,
};

/// Values of which one in forty is wild: in some rounds all of one kind, in others of any.
fn fillWildly(random: std.Random, values: []f32, round: usize) void {
    fill(random, values);
    for (values) |*value| {
        if (random.uintLessThan(u32, 40) != 0) continue;
        const which = if (round < 5 * wild.len) round % wild.len else random.uintLessThan(usize, wild.len);
        value.* = wild[which];
    }
}

test "numbers that are infinite, denormal, huge or none at all come out the same on every machine" {
    var space: [3]*const Table = undefined;
    const tables = dispatch.runnable(&space);
    var prng = std.Random.DefaultPrng.init(seed);
    const random = prng.random();
    const m = 13;
    const cols = 77;
    for (0..200) |round| {
        for ([_][]f32{ Buffers.x[0 .. m * 256], Buffers.gate[0 .. 64 * 64], Buffers.bias[0..256] }) |values| {
            fillWildly(random, values, round);
        }
        for (kinds) |kind| {
            const part: u32 = if (round % 2 == 0) 0 else 5;
            const k: u32 = if (storage.kMultiple(kind) == 1) 37 else storage.kMultiple(kind) - part;
            fillWeights(random, kind, 17, k);
            const case: Case = .{
                .kind = kind,
                .m = m,
                .n = 17,
                .k = k,
                .act = @fromBackingInt(@intCast(round % 9)),
                .rich = true,
                .fine = if (storage.products(kind) == .integers) @intCast(round % 3) else 0,
            };
            runLinear(tables[0], case, &Buffers.expected);
            for (tables[1..]) |table| {
                runLinear(table, case, &Buffers.out);
                try expectSame(Buffers.expected[0 .. m * 17], Buffers.out[0 .. m * 17]);
            }
        }
        inline for (.{ .f32, .i8, .i8_diffused }) |compute| {
            runAttention(tables[0], compute, m, m, 2, 1, 15, round % 2 == 0, &Buffers.expected);
            for (tables[1..]) |table| {
                runAttention(table, compute, m, m, 2, 1, 15, round % 2 == 0, &Buffers.out);
                try expectSame(Buffers.expected[0 .. m * 30], Buffers.out[0 .. m * 30]);
            }
        }
        normalise(tables[0], m, cols, &Buffers.expected);
        for (tables[1..]) |table| {
            normalise(table, m, cols, &Buffers.out);
            try expectSame(Buffers.expected[0 .. 16 * m * cols], Buffers.out[0 .. 16 * m * cols]);
        }
    }
}

/// Both norms and every elementwise operation and activation function, their results behind one another.
fn normalise(table: *const Table, m: u32, cols: u32, out: [*]f32) void {
    const x: View = .{ .data = &Buffers.x, .rows = m, .cols = cols, .stride = cols };
    var normed: norm.Args = .{
        .x = x,
        .out = .{ .data = out, .rows = m, .cols = cols, .stride = cols },
        .gamma = .floats(&Buffers.bias, 0),
        .beta = .{},
        .eps = 1e-12,
    };
    table.layer_norm(&normed, 0, m, &Buffers.scratch);
    normed.out.data += m * cols;
    table.rms_norm(&normed, 0, m, &Buffers.scratch);
    for (0..5 + 9) |i| {
        const args: elementwise.Args = .{
            .kind = @fromBackingInt(@intCast(@min(i, 3))),
            .act = @fromBackingInt(@intCast(i -| 5)),
            .x = .floats(&Buffers.x, cols),
            .out = .{ .data = out + (2 + i) * m * cols, .rows = m, .cols = cols, .stride = cols },
            .b = .floats(&Buffers.gate, cols),
            .c = .floats(&Buffers.bias, 0),
        };
        table.elementwise(&args, 0, m, &Buffers.scratch);
    }
}
