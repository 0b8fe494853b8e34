//! The types a constant may be stored in, and the types of activations.
//! What is to know of each stands in its file's `traits`.

const std = @import("std");
const Traits = @import("storage/traits.zig").Traits;
const Products = @import("storage/traits.zig").Products;

pub const panel_width = @import("storage/traits.zig").panel_width;

/// Every type, in the order of its number: a new one is a file in `storage/` and a line here.
const files = .{
    .f32 = @import("storage/f32.zig"),
    .f16 = @import("storage/f16.zig"),
    .i8 = @import("storage/i8.zig"),
    .q8_0 = @import("storage/q8_0.zig"),
    .q4_0 = @import("storage/q4_0.zig"),
    .q4_k = @import("storage/q4_k.zig"),
    .q6_k = @import("storage/q6_k.zig"),
    .i4 = @import("storage/i4.zig"),
    .i3 = @import("storage/i3.zig"),
    .u8 = Activation(1),
    .i32 = Activation(4),
    .i2 = @import("storage/i2.zig"),
    .i5 = @import("storage/i5.zig"),
    .i6 = @import("storage/i6.zig"),
};

fn Activation(comptime bytes: u32) type {
    return struct {
        pub const traits: Traits = .{ .activation_bytes = bytes };
    };
}

pub const Type = @Enum(u8, .exhaustive, names, &std.simd.iota(u8, names.len));
const names = @typeInfo(@TypeOf(files)).@"struct".field_names;

/// The file that a type is declared in.
pub fn file(comptime kind: Type) type {
    return @field(files, @tagName(kind));
}

pub fn traits(comptime kind: Type) Traits {
    return file(kind).traits;
}

/// Bytes of one element of an activation, or 0 where activations may not have the type.
pub fn activationBytes(kind: Type) u32 {
    return switch (kind) {
        inline else => |each| traits(each).activation_bytes,
    };
}

/// How products with a constant of the type are summed; none where constants may not have it.
pub fn products(kind: Type) Products {
    return switch (kind) {
        inline else => |each| traits(each).products,
    };
}

/// The minor version of the format from which on constants may have the type.
pub fn versionMinor(kind: Type) u16 {
    return switch (kind) {
        inline else => |each| traits(each).version_minor,
    };
}

/// Weights along K that are stored together: a last part of so many is filled up with weights that nothing reads.
pub fn kMultiple(kind: Type) u32 {
    return switch (kind) {
        inline else => |each| traits(each).k_multiple,
    };
}

/// K filled up to whole blocks: as many weights of an output are stored and multiplied.
pub fn kWhole(kind: Type, k: u32) u32 {
    return (k + kMultiple(kind) - 1) / kMultiple(kind) * kMultiple(kind);
}

/// The length of a row as the inner loop reads it: whole blocks, and whole vectors of int8 activations.
pub fn kPadded(kind: Type, k: u32) u32 {
    return if (products(kind) == .integers) roundUp(kWhole(kind, k), 16) else k;
}

/// Whether one scale for each output follows the panels.
pub fn hasRowScales(kind: Type) bool {
    return switch (kind) {
        inline else => |each| traits(each).row_scales,
    };
}

/// Whether the sums of the activations over each `sum_length` columns are needed.
pub fn hasMinimum(kind: Type) bool {
    return switch (kind) {
        inline else => |each| traits(each).minimum,
    };
}

/// Weights along K that share one factor, or 0 when a whole row does.
pub fn factorLength(kind: Type) u32 {
    return switch (kind) {
        inline else => |each| traits(each).factor_length,
    };
}

/// Weights along K that share a minimum, in every type that has minima.
pub const sum_length = 32;
comptime {
    for (std.enums.values(Type)) |kind| {
        if (traits(kind).minimum and
            traits(kind).factor_length != sum_length) @compileError("minima are shared by 32 weights along K");
    }
}

pub fn roundUp(value: anytype, comptime multiple: comptime_int) @TypeOf(value) {
    return (value + multiple - 1) / multiple * multiple;
}

/// Bytes of one panel: 16 outputs over the whole reduction of length `k`.
pub fn panelBytes(kind: Type, k: u64) u64 {
    switch (kind) {
        inline else => |each| {
            var bytes: u64 = 0;
            inline for (comptime traits(each).panel) |piece| bytes += piece.bytes(k);
            return bytes;
        },
    }
}

/// Bytes of a linear weight `[n, k]` in panels, and of the scales behind them where the type has them.
pub fn linearBytes(kind: Type, scale_bytes: u32, n: u64, k: u64) u64 {
    const panels = roundUp(n, panel_width) / panel_width;
    return panels * panelBytes(kind, k) + if (hasRowScales(kind)) panels * panel_width * scale_bytes else 0;
}

test "bits a weight are as documented" {
    const k = 256 * 8;
    const cases = .{
        .{ Type.f32, 32.0 },
        .{ Type.f16, 16.0 },
        .{ Type.q8_0, 8.5 },
        .{ Type.q4_0, 4.5 },
        .{ Type.q4_k, 4.5 },
        .{ Type.q6_k, 6.5625 },
        .{ Type.i4, 4.125 },
        .{ Type.i3, 3.125 },
        .{ Type.i2, 2.125 },
        .{ Type.i5, 5.125 },
        .{ Type.i6, 6.125 },
    };
    inline for (cases) |case| {
        const bits = @as(f64, @floatFromInt(panelBytes(case[0], k) * 8)) / (k * 16);
        try std.testing.expectEqual(@as(f64, case[1]), bits);
    }
}
