//! Single calls of a machine's kernels, for tests that compare them: operands of ordinary size in buffers of their own.

const std = @import("std");
const storage = @import("../storage.zig");
const linear = @import("../compute/linear.zig");
const quantize = @import("../compute/quantize.zig");
const attention_i8 = @import("../compute/attention_i8.zig");
const attention_f32 = @import("../compute/attention_f32.zig");
const Table = @import("../kernel_table.zig").Table;
const View = @import("../compute/view.zig").View;
const Activation = @import("../math.zig").Activation;

pub const seed = 20_260_101;

/// Memory for one case, reused by all.
pub const Buffers = struct {
    pub var x: [64 * 1024]f32 align(64) = undefined;
    pub var weights: [1 << 20]u8 align(64) = undefined;
    pub var int8: [256 * 1024]u8 align(64) = undefined;
    pub var scales: [4096]f32 align(64) = undefined;
    pub var sums: [4096]i32 align(64) = undefined;
    pub var bias: [4096]f32 align(64) = undefined;
    pub var gate: [64 * 1024]f32 align(64) = undefined;
    pub var out: [64 * 1024]f32 align(64) = undefined;
    pub var expected: [64 * 1024]f32 align(64) = undefined;
    pub var scratch: [4 << 20]u8 align(64) = undefined;
};

pub fn fill(random: std.Random, values: []f32) void {
    for (values) |*value| value.* = random.floatNorm(f32);
}

/// Stored weights of any type: random bytes, with scales that are finite and of ordinary size.
pub fn fillWeights(random: std.Random, kind: storage.Type, n: u32, k: u32) void {
    const panel_count = storage.roundUp(n, 16) / 16;
    const panel_bytes: usize = @intCast(storage.panelBytes(kind, k));
    const all: usize = @intCast(storage.linearBytes(kind, 4, n, k));
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
        .i8, .i6, .i5, .i4, .i3, .i2 => {
            const row_scales: [*]f32 = @ptrCast(@alignCast(bytes.ptr + panel_count * panel_bytes));
            for (row_scales[0 .. panel_count * 16]) |*value| value.* = random.float(f32) * 0.01;
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
            const scales: [*]f16 = @ptrCast(@alignCast(bytes[at + offset ..].ptr));
            for (scales[0..16]) |*value| value.* = @floatCast(random.float(f32) * 0.01);
        }
    }
}

/// Every type that a weight may have.
pub const kinds: []const storage.Type = blk: {
    var all: []const storage.Type = &.{};
    for (std.enums.values(storage.Type)) |kind| {
        if (storage.products(kind) != .none) all = all ++ .{kind};
    }
    break :blk all;
};

pub const Case = struct { kind: storage.Type, m: u32, n: u32, k: u32, act: Activation, rich: bool, fine: u32 = 0 };

pub fn runLinear(table: *const Table, case: Case, out: [*]f32) void {
    const k_padded = storage.kPadded(case.kind, case.k);
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
        .fine_rows = case.fine,
        .low = Buffers.int8[case.m * k_padded ..].ptr,
        .low_sums = if (needs_sums) Buffers.sums[case.m * (k_padded / 32) ..].ptr else null,
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
        .w_scales = .{ .data = Buffers.weights[panel_count * panel_bytes ..].ptr },
        .x = .{ .data = &Buffers.x, .rows = case.m, .cols = case.k, .stride = case.k },
        .x_int8 = &Buffers.int8,
        .x_scales = &Buffers.scales,
        .x_sums = &Buffers.sums,
        .fine_rows = case.fine,
        .x_low = quantize_args.low,
        .x_low_sums = Buffers.sums[case.m * (k_padded / 32) ..].ptr,
        .out = .{ .data = out, .rows = case.m, .cols = case.n, .stride = case.n },
        .bias = if (case.rich) .floats(&Buffers.bias, 0) else .{},
        .gate = if (case.rich) .floats(&Buffers.gate, case.n) else .{},
        .residual = if (case.rich) .floats(&Buffers.gate, 0) else .{},
    };
    table.linear(&args, 0, panel_count, &Buffers.scratch);
}

pub fn runAttention(
    table: *const Table,
    comptime compute: enum { f32, i8, i8_diffused },
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
        .diffused = compute == .i8_diffused,
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
