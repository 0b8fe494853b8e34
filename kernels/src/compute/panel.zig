//! One panel of sixteen outputs, expanded from its storage type to what the inner loop reads.

const storage = @import("../storage.zig");
const machine = @import("../isa/machine.zig");
const Expanded = @import("../storage/expanded.zig").Expanded;
const q8_0 = @import("../storage/q8_0.zig");
const q4_0 = @import("../storage/q4_0.zig");
const q4_k = @import("../storage/q4_k.zig");
const q6_k = @import("../storage/q6_k.zig");
const progressive = @import("../storage/progressive.zig");
const expanded = @import("../storage/expanded.zig");

/// Weights that share one scale along K, or 0 when a whole row does.
pub fn blockLength(kind: storage.Type) u32 {
    return switch (kind) {
        .q8_0 => q8_0.block_k,
        .q4_0 => q4_0.block_k,
        .q4_k => q4_k.block_k,
        .q6_k => q6_k.block_k,
        else => 0,
    };
}

/// Where the pieces of an expanded panel lie in one thread's scratch.
pub const Layout = struct {
    weights: usize,
    scales: usize,
    minima: usize,
    corrections: usize,
    widened: usize,
    end: usize,

    /// `k` is padded to 16 for integer types.
    pub fn of(kind: storage.Type, k: usize) Layout {
        var at: usize = 0;
        const weights = at;
        at += switch (kind) {
            .f32 => 0,
            .f16 => k * 64,
            .i8 => if (machine.permutes_max) k * 16 else 0,
            else => k * 16,
        };
        const block = blockLength(kind);
        const blocks = if (block == 0) 1 else k / block;
        const scales = at;
        if (block != 0) at += blocks * 64;
        const minima = at;
        if (kind == .q4_k) at += blocks * 64;
        const corrections = at;
        if (kind.isInteger()) at += blocks * 64;
        const widened = at;
        if (kind.isInteger()) at += machine.tile_rows_max * k * machine.widened_bytes_max;
        return .{ .weights = weights, .scales = scales, .minima = minima, .corrections = corrections, .widened = widened, .end = storage.roundUp(at, 64) };
    }
};

/// A panel of integer weights, ready for `dotTile`.
pub const IntegerPanel = struct {
    weights: [*]align(16) const i8,
    scales: [*][16]f32,
    minima: [*][16]f32,
    corrections: [*]@Vector(16, i32),
    /// Room for a tile of widened activations.
    widened: [*]align(16) u8,
};

/// `bytes` is the panel as stored, `k` its reduction length padded to 16.
pub fn expandInteger(comptime kind: storage.Type, bytes: [*]align(16) const u8, k: usize, scratch: [*]align(64) u8) IntegerPanel {
    const layout: Layout = .of(kind, k);
    const target: [*]align(16) [16]i8 = @ptrCast(@alignCast(scratch + layout.weights));
    const out: Expanded = .{
        .weights = target,
        .scales = @ptrCast(@alignCast(scratch + layout.scales)),
        .minima = @ptrCast(@alignCast(scratch + layout.minima)),
    };
    switch (kind) {
        .i8 => if (machine.integer.permutes) @memcpy(@as([*]u8, @ptrCast(target))[0 .. k * 16], bytes[0 .. k * 16]),
        .q8_0 => q8_0.expand(bytes, k, out),
        .q4_0 => q4_0.expand(bytes, k, out),
        .q4_k => q4_k.expand(bytes, k, out),
        .q6_k => q6_k.expand(bytes, k, out),
        .i4 => progressive.expandI4(bytes, k, out),
        .i3 => progressive.expandI3(bytes, k, out),
        else => comptime unreachable,
    }
    const weights: [*]align(16) const i8 = if (kind == .i8 and !machine.integer.permutes) @ptrCast(bytes) else @ptrCast(target);
    if (machine.integer.permutes) permute(@ptrCast(target), k);
    const corrections: [*]@Vector(16, i32) = @ptrCast(@alignCast(scratch + layout.corrections));
    const block = comptime blockLength(kind);
    if (block == 0) {
        corrections[0] = machine.integer.correction(weights, k);
    } else for (0..k / block) |b| {
        corrections[b] = machine.integer.correction(@alignCast(weights + b * block * 16), block);
    }
    return .{ .weights = weights, .scales = out.scales, .minima = out.minima, .corrections = corrections, .widened = @alignCast(scratch + layout.widened) };
}

/// Brings `[k][16]` int8 into the machine's order, in place. `k` is a multiple of 4.
pub inline fn permute(weights: [*]align(16) i8, k: usize) void {
    for (0..k / 4) |i| machine.integer.prepareBlock(@alignCast(weights[i * 64 ..][0..64]));
}

/// A panel of f32 weights `[k][16]`; f16 is widened into scratch.
pub inline fn expandFloat(comptime kind: storage.Type, bytes: [*]align(16) const u8, k: usize, scratch: [*]align(64) u8) [*]const f32 {
    switch (kind) {
        .f32 => return @ptrCast(bytes),
        .f16 => {
            const halves: [*]const f16 = @ptrCast(bytes);
            const out: [*]f32 = @ptrCast(scratch);
            for (0..k * 16) |i| out[i] = expanded.scaleOf(halves[i]);
            return out;
        },
        else => comptime unreachable,
    }
}
