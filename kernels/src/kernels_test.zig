//! Every machine's kernels against the generic ones, byte for byte, and the generic ones against the plainest possible
//! formula, over small shapes that cover every tail.

const std = @import("std");
const storage = @import("storage.zig");
const dispatch = @import("dispatch.zig");
const linear = @import("compute/linear.zig");
const quantize = @import("compute/quantize.zig");
const norm = @import("compute/norm.zig");
const elementwise = @import("compute/elementwise.zig");
const attention_i8 = @import("compute/attention_i8.zig");
const attention_f32 = @import("compute/attention_f32.zig");
const Table = @import("kernel_table.zig").Table;
const View = @import("compute/view.zig").View;
const Activation = @import("math.zig").Activation;

const testing = std.testing;
const seed = 20_260_101;

/// Memory for one case, reused by all.
const Buffers = struct {
    var x: [64 * 1024]f32 align(64) = undefined;
    var weights: [1 << 20]u8 align(64) = undefined;
    var int8: [256 * 1024]u8 align(64) = undefined;
    var scales: [4096]f32 align(64) = undefined;
    var sums: [4096]i32 align(64) = undefined;
    var bias: [4096]f32 align(64) = undefined;
    var gate: [64 * 1024]f32 align(64) = undefined;
    var out: [64 * 1024]f32 align(64) = undefined;
    var expected: [64 * 1024]f32 align(64) = undefined;
    var scratch: [4 << 20]u8 align(64) = undefined;
};

fn fill(random: std.Random, values: []f32) void {
    for (values) |*value| value.* = random.floatNorm(f32);
}

/// Stored weights of any type: random bytes, with scales that are finite and of ordinary size.
fn fillWeights(random: std.Random, kind: storage.Type, n: u32, k: u32) void {
    const panel_count = storage.roundUp(n, 16) / 16;
    const panel_bytes: usize = @intCast(storage.panelBytes(kind, k));
    const all: usize = @intCast(storage.linearBytes(kind, n, k));
    const bytes = Buffers.weights[0..all];
    random.bytes(bytes);
    switch (kind) {
        .f32 => for (@as([*]f32, @ptrCast(@alignCast(bytes.ptr)))[0 .. all / 4]) |*value| {
            value.* = random.floatNorm(f32);
        },
        .f16 => for (@as([*]f16, @ptrCast(@alignCast(bytes.ptr)))[0 .. all / 2]) |*value| {
            value.* = @floatCast(random.floatNorm(f32));
        },
        .q8_0 => setScales(random, bytes, 544, &.{0}),
        .q4_0 => setScales(random, bytes, 288, &.{0}),
        .q4_k => setScales(random, bytes, 2304, &.{ 0, 32 }),
        .q6_k => setScales(random, bytes, 3360, &.{3328}),
        .i8, .i4, .i3 => for (@as(
            [*]f32,
            @ptrCast(@alignCast(bytes.ptr + panel_count * panel_bytes)),
        )[0 .. panel_count * 16]) |*value| {
            value.* = random.float(f32) * 0.01;
        },
        .u8, .i32 => unreachable,
    }
    if (kind == .i8) {
        // The format has zeros after K.
        const k_padded = storage.roundUp(k, 16);
        for (0..panel_count) |p| @memset(bytes[p * panel_bytes + k * 16 ..][0 .. (k_padded - k) * 16], 0);
    }
}

fn setScales(random: std.Random, bytes: []u8, block_bytes: usize, comptime offsets: []const usize) void {
    var at: usize = 0;
    while (at < bytes.len) : (at += block_bytes) {
        inline for (offsets) |offset| {
            for (@as(
                [*]f16,
                @ptrCast(@alignCast(bytes[at + offset ..].ptr)),
            )[0..16]) |*value| value.* = @floatCast(random.float(f32) * 0.01);
        }
    }
}

const Case = struct { kind: storage.Type, m: u32, n: u32, k: u32, act: Activation, rich: bool };

fn runLinear(table: *const Table, case: Case, out: [*]f32) void {
    const k_padded = storage.roundUp(case.k, 16);
    const panel_count = storage.roundUp(case.n, 16) / 16;
    const panel_bytes: usize = @intCast(storage.panelBytes(case.kind, case.k));
    const needs_sums = storage.hasMinimum(case.kind);
    const quantize_args: quantize.Args = .{
        .x = &Buffers.x,
        .x_stride = case.k,
        .k = case.k,
        .k_padded = k_padded,
        .out = &Buffers.int8,
        .scales = &Buffers.scales,
        .sums = if (needs_sums) &Buffers.sums else null,
    };
    table.quantize_rows(&quantize_args, 0, case.m, &Buffers.scratch);
    const args: linear.Args = .{
        .storage = case.kind,
        .act = case.act,
        .fused = false,
        .k = case.k,
        .k_padded = k_padded,
        .w = &Buffers.weights,
        .panel_bytes = panel_bytes,
        .w_scales = @ptrCast(@alignCast(Buffers.weights[panel_count * panel_bytes ..].ptr)),
        .x = .{ .data = &Buffers.x, .rows = case.m, .cols = case.k, .stride = case.k },
        .x_int8 = &Buffers.int8,
        .x_scales = &Buffers.scales,
        .x_sums = &Buffers.sums,
        .out = .{ .data = out, .rows = case.m, .cols = case.n, .stride = case.n },
        .bias = if (case.rich) &Buffers.bias else null,
        .gate = if (case.rich) .{ .data = &Buffers.gate, .stride = case.n } else .{},
        .residual = if (case.rich) .{ .data = &Buffers.gate, .stride = 0 } else .{},
    };
    table.linear(&args, 0, panel_count, &Buffers.scratch);
}

/// Every type that a weight may have.
const kinds: []const storage.Type = blk: {
    var all: []const storage.Type = &.{};
    for (std.enums.values(storage.Type)) |kind| {
        if (storage.products(kind) != .none) all = all ++ .{kind};
    }
    break :blk all;
};

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
        const reductions: [4]u32 = if (step == 1) .{ 1, 15, 33, 192 } else .{ step, 2 * step, 3 * step, 4 * step };
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

/// Weight (n, k) decoded straight from docs/format.md, one number at a time.
fn decode(kind: storage.Type, n: usize, k: usize, reduction: u32, outputs: u32) f32 {
    const panel_bytes: usize = @intCast(storage.panelBytes(kind, reduction));
    const panel = Buffers.weights[n / 16 * panel_bytes ..][0..panel_bytes];
    const lane = n % 16;
    const row_scales: [*]const f32 = @ptrCast(@alignCast(
        Buffers.weights[storage.roundUp(outputs, 16) / 16 * panel_bytes ..].ptr,
    ));
    const half = struct {
        fn at(bytes: []const u8, offset: usize, index: usize) f32 {
            return @as([*]const f16, @ptrCast(@alignCast(bytes[offset..].ptr)))[index];
        }
    }.at;
    switch (kind) {
        .i8 => return row_scales[n] * @as(f32, @floatFromInt(@as(i8, @bitCast(panel[k * 16 + lane])))),
        .q8_0 => {
            const block = panel[k / 32 * 544 ..];
            return half(block, 0, lane) * @as(f32, @floatFromInt(@as(i8, @bitCast(block[32 + k % 32 * 16 + lane]))));
        },
        .q4_0 => {
            const block = panel[k / 32 * 288 ..];
            const byte = block[32 + k % 16 * 16 + lane];
            const nibble: i32 = if (k % 32 < 16) byte & 15 else byte >> 4;
            return half(block, 0, lane) * @as(f32, @floatFromInt(nibble - 8));
        },
        .q4_k => {
            const block = panel[k / 256 * 2304 ..];
            const scales = block[64..];
            const i = k % 256 / 32;
            const at = struct {
                fn byte(bytes: []const u8, index: usize, which: usize) u8 {
                    return bytes[index * 16 + which];
                }
            }.byte;
            const s = if (i < 4) at(scales, i, lane) & 63 else (at(scales, i + 4, lane) & 15) | (at(scales, i - 4, lane) >> 6) << 4;
            const m = if (i < 4) at(scales, i + 4, lane) & 63 else (at(scales, i + 4, lane) >> 4) | (at(scales, i, lane) >> 6) << 4;
            const byte = block[256 + (i / 2 * 32 + k % 32) * 16 + lane];
            const nibble = if (i % 2 == 0) byte & 15 else byte >> 4;
            return half(block, 0, lane) * @as(f32, @floatFromInt(s)) * @as(
                f32,
                @floatFromInt(nibble),
            ) - half(block, 32, lane) * @as(f32, @floatFromInt(m));
        },
        .q6_k => {
            const block = panel[k / 256 * 3360 ..];
            const h = k % 256 / 128;
            const quarter = k % 128 / 32;
            const j = k % 32;
            const low = block[(64 * h + 32 * (quarter % 2) + j) * 16 + lane];
            const high = block[2048 + (32 * h + j) * 16 + lane] >> @intCast(2 * quarter);
            const value: i32 = @as(i32, (if (quarter < 2) low & 15 else low >> 4)) | @as(i32, high & 3) << 4;
            const scale: i8 = @bitCast(block[3072 + (8 * h + 2 * quarter + j / 16) * 16 + lane]);
            return half(block, 3328, lane) * @as(f32, @floatFromInt(scale)) * @as(f32, @floatFromInt(value - 32));
        },
        .i4, .i3 => {
            const group_bytes: usize = if (kind == .i4) 256 else 192;
            const codes = panel[reduction / 32 * group_bytes ..];
            const g = k / 32;
            const pair = codes[g / 2 * 16 + lane];
            const code = if (g % 2 == 0) pair & 15 else pair >> 4;
            const magnitude: i32 = (code & 7) + 1;
            const m: i32 = if (code & 8 != 0) -magnitude else magnitude;
            const group = panel[g * group_bytes ..];
            const j = k % 32;
            const product = if (kind == .i4) blk: {
                const byte = group[j % 16 * 16 + lane];
                const nibble: i32 = if (j < 16) byte & 15 else byte >> 4;
                break :blk (nibble - 8) * m * 2;
            } else blk: {
                const two: i32 = group[j % 8 * 16 + lane] >> @intCast(j / 8 * 2) & 3;
                const one: i32 = group[128 + j % 4 * 16 + lane] >> @intCast(j / 4) & 1;
                break :blk (two + 4 * one - 4) * m * 4;
            };
            return row_scales[n] * @as(f32, @floatFromInt(std.math.clamp(product, -128, 127)));
        },
        .f32 => return @as([*]const f32, @ptrCast(@alignCast(panel.ptr)))[k * 16 + lane],
        .f16 => return half(panel, 0, k * 16 + lane),
        .u8, .i32 => unreachable,
    }
}

test "linear layers compute what the format says" {
    const generic = &@import("kernel_table.zig").table;
    var prng = std.Random.DefaultPrng.init(seed);
    const random = prng.random();
    fill(random, &Buffers.x);
    for (kinds) |kind| {
        const k: u32 = storage.kMultiple(kind) * 2 + if (storage.kMultiple(kind) == 1) @as(u32, 35) else 0;
        const n = 21;
        const m = 3;
        fillWeights(random, kind, n, k);
        const case: Case = .{ .kind = kind, .m = m, .n = n, .k = k, .act = .none, .rich = false };
        runLinear(generic, case, &Buffers.out);
        for (0..m) |r| {
            const x = Buffers.x[r * k ..][0..k];
            var magnitude: f32 = 0;
            for (x) |value| magnitude = @max(magnitude, @abs(value));
            for (0..n) |output| {
                var expected: f64 = 0;
                var size: f64 = 0;
                for (x, 0..) |value, i| {
                    // Integer types see the activation rounded to 127 steps of the row's largest.
                    const seen: f64 = if (storage.products(kind) == .integers) @round(
                        @as(f64, value) * (127 / @as(f64, magnitude)),
                    ) * magnitude / 127 else value;
                    const term = seen * decode(kind, output, i, k, n);
                    expected += term;
                    size += @abs(term);
                }
                try testing.expectApproxEqAbs(expected, @as(f64, Buffers.out[r * n + output]), 1e-3 * size + 1e-6);
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

fn runAttention(
    table: *const Table,
    comptime compute: enum { f32, i8 },
    rows: u32,
    keys: u32,
    heads: u32,
    kv_heads: u32,
    dim: u32,
    causal: bool,
    out: [*]f32,
) void {
    const q: View = .{ .data = &Buffers.x, .rows = rows, .cols = heads * dim, .stride = heads * dim };
    const k: View = .{ .data = &Buffers.gate, .rows = keys, .cols = kv_heads * dim, .stride = 2 * kv_heads * dim };
    const v: View = .{ .data = k.data + kv_heads * dim, .rows = keys, .cols = k.cols, .stride = k.stride };
    const target: View = .{ .data = out, .rows = rows, .cols = heads * dim, .stride = heads * dim };
    const blocks = (rows + 63) / 64;
    if (compute == .f32) {
        const args: attention_f32.Args = .{
            .q = q,
            .k = k,
            .v = v,
            .out = target,
            .heads = heads,
            .heads_per_kv = heads / kv_heads,
            .dim = dim,
            .scale = 0.3,
            .causal = causal,
            .fused = false,
        };
        return table.attention_f32(&args, 0, heads * blocks, &Buffers.scratch);
    }
    const args: attention_i8.Args = .{
        .q = q,
        .k = k,
        .v = v,
        .out = target,
        .heads = heads,
        .kv_heads = kv_heads,
        .dim = dim,
        .dim_padded = storage.roundUp(dim, 16),
        .keys_padded = storage.roundUp(keys, 16),
        .scale = 0.3,
        .causal = causal,
        .q_int8 = &Buffers.int8,
        .q_scales = &Buffers.scales,
        .k_panels = @ptrCast(&Buffers.weights),
        .k_scales = @ptrCast(&Buffers.sums),
        .v_panels = @ptrCast(Buffers.weights[1 << 19 ..]),
        .v_scales = &Buffers.bias,
    };
    table.attention_quantize(&args, 0, heads + 2 * kv_heads, &Buffers.scratch);
    table.attention_i8(&args, 0, heads * blocks, &Buffers.scratch);
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
            for (0..dim) |d| score += @as(
                f64,
                Buffers.x[r * heads * dim + h * dim + d],
            ) * Buffers.gate[t * 2 * kv_heads * dim + kv * dim + d];
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
    inline for (.{ .f32, .i8 }) |compute| {
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
                    for (plain.out[0..count], Buffers.expected[0..count]) |expected, actual| try testing.expectApproxEqAbs(
                        expected,
                        @as(f64, actual),
                        tolerance,
                    );
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

test "a row of zeros, of huge and of not-a-number values quantises without harm" {
    var space: [3]*const Table = undefined;
    for (dispatch.runnable(&space)) |table| {
        const rows = [_]f32{ 0, std.math.inf(f32), std.math.nan(f32), std.math.floatMax(f32), std.math.floatMin(f32) };
        for (rows, 0..) |value, r| @memset(Buffers.x[r * 20 ..][0..20], value);
        const args: quantize.Args = .{
            .x = &Buffers.x,
            .x_stride = 20,
            .k = 20,
            .k_padded = 32,
            .out = &Buffers.int8,
            .scales = &Buffers.scales,
            .sums = null,
        };
        table.quantize_rows(&args, 0, rows.len, &Buffers.scratch);
        try testing.expectEqual(0, Buffers.scales[0]);
    }
}

test "halves are rounded to the even neighbour" {
    // The largest is 127, so that a step is 1 and the halves are exact.
    const row = [_]f32{
        127,
        0.5,
        1.5,
        2.5,
        3.5,
        -0.5,
        -1.5,
        -2.5,
        -3.5,
        125.5,
        126.5,
        -125.5,
        -126.5,
        0.49999997,
        -0.49999997,
        126.50001,
        64.5,
        -64.5,
        7.5,
        -8.5,
    };
    const expected = [_]i8{ 127, 0, 2, 2, 4, 0, -2, -2, -4, 126, 126, -126, -126, 0, 0, 127, 64, -64, 8, -8 };
    var space: [3]*const Table = undefined;
    for (dispatch.runnable(&space)) |table| {
        @memcpy(Buffers.x[0..20], &row);
        @memset(Buffers.x[20..40], 0);
        const args: quantize.Args = .{
            .x = &Buffers.x,
            .x_stride = 20,
            .k = 20,
            .k_padded = 32,
            .out = &Buffers.int8,
            .scales = &Buffers.scales,
            .sums = null,
        };
        table.quantize_rows(&args, 0, 2, &Buffers.scratch);
        try testing.expectEqual(1, Buffers.scales[0]);
        // Beside the second row, which is zero as every machine stores it.
        for (expected, Buffers.int8[0..20], Buffers.int8[32..52]) |value, stored, zero| try testing.expectEqual(
            value,
            @as(i8, @bitCast(stored -% zero)),
        );
    }
}

test "beside a number so small that 127 divided by it is infinite, zeros stay zeros" {
    const tiny = 1e-40;
    var space: [3]*const Table = undefined;
    for (dispatch.runnable(&space)) |table| {
        @memset(Buffers.x[0..40], 0);
        Buffers.x[3] = tiny;
        const args: quantize.Args = .{
            .x = &Buffers.x,
            .x_stride = 20,
            .k = 20,
            .k_padded = 32,
            .out = &Buffers.int8,
            .scales = &Buffers.scales,
            .sums = null,
        };
        table.quantize_rows(&args, 0, 2, &Buffers.scratch);
        // The second row is zero, as every machine stores it; padding counts.
        for (Buffers.int8[0..32], Buffers.int8[32..64], 0..) |value, zero, column| if (column != 3) try testing.expectEqual(zero, value);

        // A mean of values lies between the smallest and the largest.
        @memset(Buffers.x[0..64], 0);
        @memset(Buffers.gate[0 .. 9 * 2 * 7], 0);
        Buffers.gate[7] = tiny;
        runAttention(table, .i8, 1, 9, 1, 1, 7, false, &Buffers.out);
        for (Buffers.out[0..7]) |value| try testing.expect(value >= 0 and value <= tiny);
    }
}

/// Equal to the bit, but for what a NaN says beyond being one.
fn expectSame(expected: []const f32, actual: []const f32) !void {
    for (expected, actual) |a, b| if (!std.math.isNan(a) or !std.math.isNan(b)) try testing.expectEqual(
        @as(u32, @bitCast(a)),
        @as(u32, @bitCast(b)),
    );
}

test "numbers that are infinite, denormal, huge or none at all come out the same on every machine" {
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
    var space: [3]*const Table = undefined;
    const tables = dispatch.runnable(&space);
    var prng = std.Random.DefaultPrng.init(seed);
    const random = prng.random();
    const m = 13;
    const cols = 77;
    for (0..200) |round| {
        for ([_][]f32{ Buffers.x[0 .. m * 256], Buffers.gate[0 .. 64 * 64], Buffers.bias[0..256] }) |values| {
            fill(random, values);
            // Some rounds have wild numbers of one kind alone, others of all.
            for (values) |*value| if (random.uintLessThan(u32, 40) == 0) {
                value.* = if (round < 5 * wild.len) wild[round % wild.len] else wild[random.uintLessThan(usize, wild.len)];
            };
        }
        for (kinds) |kind| {
            const k: u32 = if (storage.kMultiple(kind) == 1) 37 else storage.kMultiple(kind);
            fillWeights(random, kind, 17, k);
            const case: Case = .{
                .kind = kind,
                .m = m,
                .n = 17,
                .k = k,
                .act = @fromBackingInt(@intCast(round % 9)),
                .rich = true,
            };
            runLinear(tables[0], case, &Buffers.expected);
            for (tables[1..]) |table| {
                runLinear(table, case, &Buffers.out);
                try expectSame(Buffers.expected[0 .. m * 17], Buffers.out[0 .. m * 17]);
            }
        }
        inline for (.{ .f32, .i8 }) |compute| {
            runAttention(tables[0], compute, m, m, 2, 1, 15, round % 2 == 0, &Buffers.expected);
            for (tables[1..]) |table| {
                runAttention(table, compute, m, m, 2, 1, 15, round % 2 == 0, &Buffers.out);
                try expectSame(Buffers.expected[0 .. m * 30], Buffers.out[0 .. m * 30]);
            }
        }
        const x: View = .{ .data = &Buffers.x, .rows = m, .cols = cols, .stride = cols };
        const outs = [_][*]f32{ &Buffers.expected, &Buffers.out };
        for (tables[1..]) |table| {
            for ([_]*const Table{ tables[0], table }, outs) |each, out| {
                const normed: norm.Args = .{
                    .x = x,
                    .out = .{ .data = out, .rows = m, .cols = cols, .stride = cols },
                    .gamma = &Buffers.bias,
                    .beta = null,
                    .eps = 1e-12,
                };
                each.layer_norm(&normed, 0, m, &Buffers.scratch);
                var second = normed;
                second.out.data += m * cols;
                each.rms_norm(&second, 0, m, &Buffers.scratch);
                for (0..5 + 9) |i| {
                    const args: elementwise.Args = .{
                        .kind = @fromBackingInt(@intCast(@min(i, 3))),
                        .act = @fromBackingInt(@intCast(i -| 5)),
                        .x = x,
                        .out = .{ .data = out + (2 + i) * m * cols, .rows = m, .cols = cols, .stride = cols },
                        .b = .{ .data = &Buffers.gate, .stride = cols },
                        .c = .{ .data = &Buffers.bias, .stride = 0 },
                    };
                    each.elementwise(&args, 0, m, &Buffers.scratch);
                }
            }
            try expectSame(Buffers.expected[0 .. 16 * m * cols], Buffers.out[0 .. 16 * m * cols]);
        }
    }
}
