//! One panel of sixteen outputs, expanded from its storage type to what the inner loop reads.

const storage = @import("../storage.zig");
const machine = @import("../isa/machine.zig");
const Expanded = @import("../storage/expanded.zig").Expanded;

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
            inline else => |each| expandedBytes(each, k),
        };
        const block = storage.factorLength(kind);
        const blocks = if (block == 0) 1 else k / block;
        const scales = at;
        if (block != 0) at += blocks * 64;
        const minima = at;
        if (storage.hasMinimum(kind)) at += blocks * 64;
        const corrections = at;
        if (storage.products(kind) == .integers) at += blocks * 64;
        const widened = at;
        if (storage.products(kind) == .integers) at += machine.tile_rows_max * k * machine.widened_bytes_max;
        return .{
            .weights = weights,
            .scales = scales,
            .minima = minima,
            .corrections = corrections,
            .widened = widened,
            .end = storage.roundUp(at, 64),
        };
    }
};

/// Bytes of the weights of an expanded panel, or 0 where they are read as they are stored.
fn expandedBytes(comptime kind: storage.Type, k: usize) usize {
    const traits = storage.traits(kind);
    return switch (traits.products) {
        .none => 0,
        .floats => if (traits.as_stored) 0 else k * 64,
        .integers => if (traits.as_stored and !machine.permutes_max) 0 else k * 16,
    };
}

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
pub fn expandInteger(
    comptime kind: storage.Type,
    bytes: [*]align(16) const u8,
    k: usize,
    scratch: [*]align(64) u8,
) IntegerPanel {
    const layout: Layout = .of(kind, k);
    const target: [*]align(16) [16]i8 = @ptrCast(@alignCast(scratch + layout.weights));
    const out: Expanded = .{
        .weights = target,
        .scales = @ptrCast(@alignCast(scratch + layout.scales)),
        .minima = @ptrCast(@alignCast(scratch + layout.minima)),
    };
    const as_stored = comptime storage.traits(kind).as_stored and !machine.integer.permutes;
    if (!as_stored) storage.file(kind).expand(bytes, k, out);
    const weights: [*]align(16) const i8 = if (as_stored) @ptrCast(bytes) else @ptrCast(target);
    if (machine.integer.permutes) permute(@ptrCast(target), k);
    const corrections: [*]@Vector(16, i32) = @ptrCast(@alignCast(scratch + layout.corrections));
    const block = comptime storage.factorLength(kind);
    if (block == 0) {
        corrections[0] = machine.integer.correction(weights, k);
    } else for (0..k / block) |b| {
        corrections[b] = machine.integer.correction(@alignCast(weights + b * block * 16), block);
    }
    return .{
        .weights = weights,
        .scales = out.scales,
        .minima = out.minima,
        .corrections = corrections,
        .widened = @alignCast(scratch + layout.widened),
    };
}

/// Brings `[k][16]` int8 into the machine's order, in place. `k` is a multiple of 4.
pub inline fn permute(weights: [*]align(16) i8, k: usize) void {
    for (0..k / 4) |i| machine.integer.prepareBlock(@alignCast(weights[i * 64 ..][0..64]));
}

/// A panel of f32 weights `[k][16]`.
pub inline fn expandFloat(
    comptime kind: storage.Type,
    bytes: [*]align(16) const u8,
    k: usize,
    scratch: [*]align(64) u8,
) [*]const f32 {
    if (comptime storage.traits(kind).as_stored) return @ptrCast(bytes);
    const out: [*]f32 = @ptrCast(scratch);
    storage.file(kind).expand(bytes, k, out);
    return out;
}
