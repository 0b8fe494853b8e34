//! Each kernel by itself, whatever the model: on seeded operands it computes what the generic kernels compute on every
//! machine, to the bit. A board that fails here has a fault that no model causes: of its compiler, its memory or its
//! float unit. What each costs is measured beside it.

const std = @import("std");
const attention_f32 = @import("compute/attention_f32.zig");
const attention_i8 = @import("compute/attention_i8.zig");
const dispatch = @import("dispatch.zig");
const elementwise = @import("compute/elementwise.zig");
const linear = @import("compute/linear.zig");
const Layout = @import("compute/panel.zig").Layout;
const norm = @import("compute/norm.zig");
const patchify = @import("compute/patchify.zig");
const quantize = @import("compute/quantize.zig");
const storage = @import("storage.zig");
const Activation = @import("math.zig").Activation;
const Table = @import("kernel_table.zig").Table;
const Result = @import("errors.zig").Result;
const Ticks = @import("session.zig").Ticks;
const View = @import("compute/view.zig").View;

/// Of linear layers: an odd row is left over by every tile, and two panels.
const rows = 5;
const outputs = 32;
const depth = 256;
/// Rows of two digits, where a check has them.
const fine_rows = 2;
const cols = 77;
const Attention = struct {
    const rows = 13;
    const keys = 21;
    const heads = 2;
    const dim = 24;
};
const Picture = struct {
    const side = 16;
    const patch = 4;
    const patches = side * side / (patch * patch);
    const values = patch * patch * 3;
};

/// What the checks work in; one after the other.
const Memory = extern struct {
    x: [rows * depth]f32 align(64),
    y: [1024]f32 align(64),
    vector: [128]f32 align(64),
    out: [768]f32 align(64),
    int8: [(rows + fine_rows) * depth]u8 align(64),
    scales: [128]f32 align(64),
    sums: [128]i32 align(64),
    weights: [outputs * depth * 4]u8 align(64),
    scratch: [scratch_bytes]u8 align(64),
};

const scratch_bytes = bytes: {
    var most: usize = @max(
        attention_f32.threadBytes(Attention.keys, Attention.dim),
        attention_i8.threadBytes(Attention.keys, Attention.dim),
    );
    for (all) |named| switch (named.check) {
        .linear, .fine_linear => |kind| most = @max(most, Layout.of(kind, depth).end),
        else => {},
    };
    break :bytes std.mem.alignForward(usize, most, 64);
};

const Check = union(enum) {
    linear: storage.Type,
    fine_linear: storage.Type,
    quantize,
    layer_norm,
    rms_norm,
    elementwise,
    attention_f32,
    attention_i8,
    attention_i8_diffused,
    patchify,
    sha256,
};

const Named = struct { name: [:0]const u8, check: Check, macs: u64, digest: u64 };

/// The first eight bytes of the SHA-256 of what each computes.
const all = [_]Named{
    layer("linear f32", .f32, 0xb6a4_fce1_a286_4757),
    layer("linear f16", .f16, 0xff10_1788_b70b_cd5f),
    layer("linear i8", .i8, 0x1839_7824_72b6_a93e),
    layer("linear i4", .i4, 0xb273_c6ef_04b2_900c),
    layer("linear i3", .i3, 0xebb8_9105_2464_1985),
    layer("linear i2", .i2, 0x7f91_6dba_ed13_1f25),
    layer("linear i5", .i5, 0xcc77_6e6c_c802_bb96),
    layer("linear i6", .i6, 0x9d80_be0e_8839_e290),
    layer("linear q8_0", .q8_0, 0x42e0_d402_3065_d58d),
    layer("linear q4_0", .q4_0, 0x1845_09b2_c810_3239),
    layer("linear q4_k", .q4_k, 0xc5b5_3dc4_dfda_ca96),
    layer("linear q6_k", .q6_k, 0xcde1_f7d4_a6cc_55b4),
    fine("linear i8, fine rows", .i8, 0x32bf_bddc_eaa1_c4fd),
    fine("linear q4_k, fine rows", .q4_k, 0xb3f1_5751_af27_8ffc),
    .{ .name = "quantize", .check = .quantize, .macs = 0, .digest = 0x670c_767a_984a_67a6 },
    .{ .name = "layer_norm", .check = .layer_norm, .macs = 0, .digest = 0xca16_948d_20fa_9fcc },
    .{ .name = "rms_norm", .check = .rms_norm, .macs = 0, .digest = 0x7a97_5702_dd7c_7fdc },
    .{ .name = "elementwise", .check = .elementwise, .macs = 0, .digest = 0x684e_d69d_29c9_6f46 },
    attends("attention f32", .attention_f32, 0x977e_cd79_0ca0_b7e2),
    attends("attention i8", .attention_i8, 0xb4e8_5989_bc58_0d6b),
    attends("attention i8_diffused", .attention_i8_diffused, 0x24f7_2d3b_ba19_4dfb),
    .{ .name = "patchify", .check = .patchify, .macs = 0, .digest = 0x1cf1_6a9c_4429_44ca },
    .{ .name = "sha256", .check = .sha256, .macs = 0, .digest = 0xb9aa_7b31_3630_ce94 },
};

const attention_macs = 2 * Attention.rows * Attention.keys * Attention.heads * Attention.dim;

fn layer(name: [:0]const u8, kind: storage.Type, digest: u64) Named {
    return .{ .name = name, .check = .{ .linear = kind }, .macs = rows * outputs * depth, .digest = digest };
}

fn fine(name: [:0]const u8, kind: storage.Type, digest: u64) Named {
    const check: Check = .{ .fine_linear = kind };
    return .{ .name = name, .check = check, .macs = (rows + fine_rows) * outputs * depth, .digest = digest };
}

fn attends(name: [:0]const u8, check: Check, digest: u64) Named {
    return .{ .name = name, .check = check, .macs = attention_macs, .digest = digest };
}

const Outcome = struct { digest: u64, ticks: u64 };

const Run = struct {
    table: *const Table,
    memory: *Memory,
    ticks: ?Ticks,
    user: ?*anyopaque,
    spent: u64 = 0,
    hash: std.crypto.hash.sha2.Sha256 = .init(.{}),

    fn now(under: *const Run) u64 {
        return if (under.ticks) |ticks| ticks(under.user) else 0;
    }

    /// Runs all parts of a kernel, which is what is timed, and takes in what it has computed.
    fn call(under: *Run, part: @import("kernel_table.zig").Part, args: *const anyopaque, parts: u32) void {
        const started = under.now();
        part(args, 0, parts, &under.memory.scratch);
        under.spent +%= under.now() -% started;
    }

    fn take(under: *Run, values: []const f32) void {
        // A NaN has many forms, and nothing here is one.
        under.hash.update(std.mem.sliceAsBytes(values));
    }
};

/// The table is one that this machine can run.
fn outcomeOf(table: *const Table, check: Check, memory: *Memory, ticks: ?Ticks, user: ?*anyopaque) Outcome {
    var state: u32 = 0x5eed_c0de;
    fill(&state, &memory.x);
    fill(&state, &memory.y);
    fill(&state, &memory.vector);
    var under: Run = .{ .table = table, .memory = memory, .ticks = ticks, .user = user };
    switch (check) {
        .linear => |kind| runLinear(&under, kind, 0, &state),
        .fine_linear => |kind| runLinear(&under, kind, fine_rows, &state),
        .quantize => runQuantize(&under, depth, false, 0),
        .layer_norm, .rms_norm => runNorm(&under, check == .layer_norm),
        .elementwise => runElementwise(&under),
        .attention_f32 => runAttentionF32(&under),
        .attention_i8, .attention_i8_diffused => runAttentionI8(&under, check == .attention_i8_diffused),
        .patchify => runPatchify(&under, &state),
        .sha256 => runSha256(&under),
    }
    const digest = under.hash.finalResult();
    return .{ .digest = std.mem.readInt(u64, digest[0..8], .big), .ticks = under.spent };
}

/// In [-1, 1), as the inputs of golden vectors.
fn fill(state: *u32, values: []f32) void {
    for (values) |*value| value.* = @as(f32, @floatFromInt(next(state) >> 8)) * 0x1p-23 - 1;
}

fn next(state: *u32) u32 {
    var s = state.*;
    s ^= s << 13;
    s ^= s >> 17;
    s ^= s << 5;
    state.* = s;
    return s;
}

fn view(data: [*]f32, row_count: u32, col_count: u32) View {
    return .{ .data = data, .rows = row_count, .cols = col_count, .stride = col_count };
}

fn runQuantize(under: *Run, k: u32, sums: bool, fine_count: u32) void {
    const memory = under.memory;
    const args: quantize.Args = .{
        .x = &memory.x,
        .x_stride = k,
        .k = k,
        .k_padded = k,
        .out = &memory.int8,
        .scales = &memory.scales,
        .sums = if (sums) &memory.sums else null,
        .fine_rows = fine_count,
        .low = memory.int8[rows * depth ..],
        .low_sums = if (sums) memory.sums[rows * depth / storage.sum_length ..] else null,
    };
    under.call(under.table.quantize_rows, &args, rows);
    // How the int8 numbers are stored is the machine's own; linear layers show whether they are right.
    under.take(memory.scales[0..rows]);
}

fn runLinear(under: *Run, kind: storage.Type, fine_count: u32, state: *u32) void {
    const memory = under.memory;
    fillWeights(state, kind, &memory.weights);
    runQuantize(under, depth, storage.hasMinimum(kind), fine_count);
    const panels = outputs / 16;
    const panel_bytes: usize = @intCast(storage.panelBytes(kind, depth));
    const out = view(&memory.out, rows, outputs);
    const args: linear.Args = .{
        .storage = kind,
        .act = .gelu,
        .fused = false,
        .k = depth,
        .k_padded = depth,
        .w = &memory.weights,
        .panel_bytes = panel_bytes,
        .w_scales = .{ .data = memory.weights[@min(panels * panel_bytes, memory.weights.len - 64)..].ptr },
        .x = view(&memory.x, rows, depth),
        .x_int8 = &memory.int8,
        .x_scales = &memory.scales,
        .x_sums = &memory.sums,
        .fine_rows = fine_count,
        .x_low = memory.int8[rows * depth ..],
        .x_low_sums = memory.sums[rows * depth / storage.sum_length ..],
        .out = out,
        .bias = .floats(&memory.vector, 0),
        .gate = .floats(&memory.y, outputs),
        .residual = .floats(&memory.vector, 0),
    };
    under.call(under.table.linear, &args, panels);
    under.take(memory.out[0 .. rows * outputs]);
}

/// Stored weights of any type: seeded bytes, with scales that are finite and of ordinary size.
fn fillWeights(state: *u32, kind: storage.Type, weights: *[outputs * depth * 4]u8) void {
    for (weights) |*byte| byte.* = @intCast(next(state) >> 24);
    const panel_bytes: usize = @intCast(storage.panelBytes(kind, depth));
    switch (kind) {
        .f32 => fill(state, @as([*]f32, @ptrCast(@alignCast(weights)))[0 .. outputs * depth]),
        .f16 => for (@as([*]u16, @ptrCast(@alignCast(weights)))[0 .. outputs * depth]) |*value| {
            // 1 to 256 of 2 to the power of -4, of either sign.
            const bits = next(state);
            value.* = half(1 + (bits >> 24)) + (10 << 10) | @as(u16, @intCast(bits & 0x8000));
        },
        .q8_0 => setScales(state, weights, 544, &.{0}),
        .q4_0 => setScales(state, weights, 288, &.{0}),
        .q4_k => setScales(state, weights, 2304, &.{ 0, 32 }),
        .q6_k => setScales(state, weights, 3360, &.{3328}),
        .i8, .i6, .i5, .i4, .i3, .i2 => for (@as(
            [*]f32,
            @ptrCast(@alignCast(weights[outputs / 16 * panel_bytes ..].ptr)),
        )[0..outputs]) |*scale| {
            scale.* = @as(f32, @floatFromInt(1 + (next(state) >> 24))) * 0x1p-14;
        },
        .u8, .i32 => unreachable,
    }
}

fn setScales(state: *u32, weights: []u8, comptime block_bytes: usize, comptime offsets: []const usize) void {
    var at: usize = 0;
    while (at + block_bytes <= weights.len) : (at += block_bytes) {
        inline for (offsets) |offset| {
            const scales: [*]f16 = @ptrCast(@alignCast(weights[at + offset ..].ptr));
            // 1 to 256 of 2 to the power of -14, whose f16 is exact.
            for (scales[0..16]) |*scale| scale.* = @bitCast(half(1 + (next(state) >> 24)));
        }
    }
}

/// The bits of `value * 2^-14` as f16, for 1 to 256: without the conversion that is under test elsewhere.
fn half(value: u32) u16 {
    const exponent = 31 - @as(u32, @clz(value));
    const mantissa = (value << @intCast(10 - exponent)) & 0x3ff;
    return @intCast((exponent + 1) << 10 | mantissa);
}

fn runNorm(under: *Run, layer_norm: bool) void {
    const memory = under.memory;
    const args: norm.Args = .{
        .x = view(&memory.x, rows, cols),
        .out = view(&memory.out, rows, cols),
        .gamma = .floats(&memory.vector, 0),
        .beta = if (layer_norm) .floats(&memory.y, 0) else .{},
        .eps = 1e-6,
    };
    under.call(if (layer_norm) under.table.layer_norm else under.table.rms_norm, &args, rows);
    under.take(memory.out[0 .. rows * cols]);
}

fn runElementwise(under: *Run) void {
    const memory = under.memory;
    const activations = @typeInfo(Activation).@"enum".field_names.len;
    for (0..4 + activations) |i| {
        const args: elementwise.Args = .{
            .kind = @fromBackingInt(@intCast(@min(i, 3))),
            .act = @fromBackingInt(@intCast(i -| 4)),
            .x = .floats(&memory.x, cols),
            .out = view(&memory.out, rows, cols),
            .b = .floats(&memory.y, cols),
            .c = .floats(&memory.vector, 0),
        };
        under.call(under.table.elementwise, &args, rows);
        under.take(memory.out[0 .. rows * cols]);
    }
}

const width = Attention.heads * Attention.dim;

fn keysOf(memory: *Memory) struct { k: View, v: View } {
    // Keys and values stand beside each other, of one head that both heads of queries share.
    const both = 2 * Attention.dim;
    const k: View = .{ .data = &memory.y, .rows = Attention.keys, .cols = Attention.dim, .stride = both };
    return .{ .k = k, .v = .{ .data = k.data + Attention.dim, .rows = k.rows, .cols = k.cols, .stride = both } };
}

fn runAttentionF32(under: *Run) void {
    const memory = under.memory;
    const keys = keysOf(memory);
    const args: attention_f32.Args = .{
        .q = view(&memory.x, Attention.rows, width),
        .k = keys.k,
        .v = keys.v,
        .out = view(&memory.out, Attention.rows, width),
        .heads = Attention.heads,
        .heads_per_kv = Attention.heads,
        .dim = Attention.dim,
        .scale = 0.3,
        .causal = false,
        .fused = false,
    };
    under.call(under.table.attention_f32, &args, Attention.heads);
    under.take(memory.out[0 .. Attention.rows * width]);
}

fn runAttentionI8(under: *Run, diffused: bool) void {
    const memory = under.memory;
    const keys = keysOf(memory);
    const args: attention_i8.Args = .{
        .q = view(&memory.x, Attention.rows, width),
        .k = keys.k,
        .v = keys.v,
        .out = view(&memory.out, Attention.rows, width),
        .heads = Attention.heads,
        .kv_heads = 1,
        .dim = Attention.dim,
        .dim_padded = storage.roundUp(Attention.dim, 16),
        .keys_padded = storage.roundUp(Attention.keys, 16),
        .scale = 0.3,
        .causal = false,
        .diffused = diffused,
        .q_int8 = &memory.int8,
        .q_scales = &memory.scales,
        .k_panels = @ptrCast(&memory.weights),
        .k_scales = @ptrCast(&memory.sums),
        .v_panels = @ptrCast(memory.weights[memory.weights.len / 2 ..]),
        .v_scales = memory.scales[64..],
    };
    under.call(under.table.attention_quantize, &args, Attention.heads + 2);
    under.call(under.table.attention_i8, &args, Attention.heads);
    under.take(memory.out[0 .. Attention.rows * width]);
}

fn runPatchify(under: *Run, state: *u32) void {
    const memory = under.memory;
    for (memory.int8[0 .. Picture.side * Picture.side * 3]) |*byte| byte.* = @intCast(next(state) >> 24);
    const args: patchify.Args = .{
        .image = &memory.int8,
        .width = Picture.side,
        .channels = 3,
        .patch = Picture.patch,
        .patches_across = Picture.side / Picture.patch,
        .out = &memory.out,
        .out_stride = Picture.values,
        .scale = .{ 0.0171, 0.0175, 0.0174, 0 },
        .shift = .{ -2.117, -2.035, -1.804, 0 },
    };
    under.call(under.table.patchify, &args, Picture.patches);
    under.take(memory.out[0 .. Picture.patches * Picture.values]);
}

fn runSha256(under: *Run) void {
    const memory = under.memory;
    var digest: [32]u8 = undefined;
    const bytes = std.mem.sliceAsBytes(&memory.x);
    const started = under.now();
    under.table.sha256(bytes.ptr, bytes.len - 33, bytes.ptr, 33, &digest);
    under.spent +%= under.now() -% started;
    under.hash.update(&digest);
}

/// `syn_kernel_check`
pub const Told = extern struct { size: u32, name: [*:0]const u8, passed: u32, ticks: u64, macs: u64 };

/// The C API of `include/synapse.h`.
const syn = struct {
    pub fn count() callconv(.c) u32 {
        return all.len;
    }

    pub fn bytes() callconv(.c) u32 {
        return @sizeOf(Memory);
    }

    pub fn run(
        index: u32,
        memory: ?*anyopaque,
        memory_bytes: usize,
        ticks: ?Ticks,
        user: ?*anyopaque,
        out: ?*Told,
    ) callconv(.c) Result {
        const target = out orelse return .argument;
        const start = @intFromPtr(memory);
        if (index >= all.len or target.size < @sizeOf(Told) or start % @alignOf(Memory) != 0) return .argument;
        const named = &all[index];
        target.* = .{ .size = target.size, .name = named.name.ptr, .passed = 0, .ticks = 0, .macs = named.macs };
        if (start == 0) return .ok;
        if (memory_bytes < @sizeOf(Memory)) return .out_of_memory;
        const outcome = outcomeOf(dispatch.table(), named.check, @ptrFromInt(start), ticks, user);
        target.passed = @intFromBool(outcome.digest == named.digest);
        target.ticks = outcome.ticks;
        return .ok;
    }
};

/// By their C names; apart from those of c_api.zig, as an engine on a web page is smaller without them.
pub const functions = .{
    .{ "syn_kernel_check_count", syn.count },
    .{ "syn_kernel_check_bytes", syn.bytes },
    .{ "syn_kernel_check_run", syn.run },
};

/// Exports them from the compilation that calls this at comptime.
pub fn exportAll() void {
    inline for (functions) |function| {
        const body = function[1];
        @export(&body, .{ .name = function[0] });
    }
}

comptime {
    std.debug.assert(@sizeOf(Memory) % 64 == 0);
    // The least that boards give to the body of a request.
    std.debug.assert(@sizeOf(Memory) <= 65_536);
    std.debug.assert(Picture.patches * Picture.values <= 768 and Attention.rows * width <= 768);
    std.debug.assert(Attention.keys * 2 * Attention.dim <= 1024);
    std.debug.assert((rows + fine_rows) * depth / storage.sum_length <= 128);
}

test "every machine computes in each check what the generic kernels do, which is what is promised" {
    const memory = try std.testing.allocator.create(Memory);
    defer std.testing.allocator.destroy(memory);
    var space: [3]*const Table = undefined;
    var right = true;
    for (all) |named| {
        for (dispatch.runnable(&space)) |table| {
            @memset(std.mem.asBytes(memory), 0xaa);
            const outcome = outcomeOf(table, named.check, memory, null, null);
            if (outcome.digest == named.digest) continue;
            std.debug.print("{s} on {s}: 0x{x:0>16}\n", .{ named.name, table.isa, outcome.digest });
            right = false;
        }
    }
    try std.testing.expect(right);
}

test "a check sees a kernel that computes something else" {
    const generic = &@import("kernel_table.zig").table;
    const memory = try std.testing.allocator.create(Memory);
    defer std.testing.allocator.destroy(memory);
    var wrong = generic.*;
    wrong.linear = wrong.layer_norm;
    wrong.layer_norm = wrong.rms_norm;
    wrong.attention_f32 = &struct {
        fn nothing(_: *const anyopaque, _: u32, _: u32, _: [*]align(64) u8) callconv(.c) void {}
    }.nothing;
    @memset(std.mem.asBytes(memory), 0);
    for (all) |named| switch (named.check) {
        .layer_norm, .attention_f32 => try std.testing.expect(
            outcomeOf(&wrong, named.check, memory, null, null).digest != named.digest,
        ),
        else => {},
    };
}

test "half gives what f16 is" {
    for (1..257) |value| {
        const expected: f16 = @floatCast(@as(f32, @floatFromInt(value)) * 0x1p-14);
        try std.testing.expectEqual(@as(u16, @bitCast(expected)), half(@intCast(value)));
    }
}
