//! The types a constant may be stored in, and the types of activations: names, sizes, constraints. Layouts are in `storage/`.

const std = @import("std");

pub const panel_width = 16;

pub const Type = enum(u8) {
    f32,
    f16,
    i8,
    q8_0,
    q4_0,
    q4_k,
    q6_k,
    i4,
    i3,
    /// Activations only.
    u8,
    i32,

    pub fn isActivation(self: Type) bool {
        return switch (self) {
            .f32, .u8, .i32 => true,
            else => false,
        };
    }

    pub fn isConstant(self: Type) bool {
        return switch (self) {
            .u8, .i32 => false,
            else => true,
        };
    }

    /// Products with this type are summed in integers over activations quantised to int8.
    pub fn isInteger(self: Type) bool {
        return switch (self) {
            .f32, .f16, .u8, .i32 => false,
            else => true,
        };
    }

    /// K must be a multiple of this.
    pub fn reductionMultiple(self: Type) u32 {
        return switch (self) {
            .q8_0, .q4_0, .i4, .i3 => 32,
            .q4_k, .q6_k => 256,
            else => 1,
        };
    }

    /// Bytes of one element of an activation.
    pub fn activationBytes(self: Type) u32 {
        return switch (self) {
            .u8 => 1,
            else => 4,
        };
    }
};

pub fn roundUp(value: anytype, comptime multiple: comptime_int) @TypeOf(value) {
    return (value + multiple - 1) / multiple * multiple;
}

/// Bytes of one panel: 16 outputs over the whole reduction of length `k`.
pub fn panelBytes(storage: Type, k: u64) u64 {
    return switch (storage) {
        .f32 => k * 64,
        .f16 => k * 32,
        .i8 => roundUp(k, 16) * 16,
        .q8_0 => k / 32 * @sizeOf(@import("storage/q8_0.zig").Block),
        .q4_0 => k / 32 * @sizeOf(@import("storage/q4_0.zig").Block),
        .q4_k => k / 256 * @sizeOf(@import("storage/q4_k.zig").Block),
        .q6_k => k / 256 * @sizeOf(@import("storage/q6_k.zig").Block),
        .i4 => k / 32 * 256 + (k + 63) / 64 * 16,
        .i3 => k / 32 * 192 + (k + 63) / 64 * 16,
        .u8, .i32 => 0,
    };
}

/// Whether one f32 scale for each output follows the panels.
pub fn hasRowScales(storage: Type) bool {
    return switch (storage) {
        .i8, .i4, .i3 => true,
        else => false,
    };
}

/// Bytes of a linear weight `[n, k]` in panels.
pub fn linearBytes(storage: Type, n: u64, k: u64) u64 {
    const panels = roundUp(n, panel_width) / panel_width;
    return panels * panelBytes(storage, k) + if (hasRowScales(storage)) panels * panel_width * 4 else 0;
}

test "bits a weight are as documented" {
    const k = 256 * 8;
    const cases = .{ .{ Type.f32, 32.0 }, .{ Type.f16, 16.0 }, .{ Type.q8_0, 8.5 }, .{ Type.q4_0, 4.5 }, .{ Type.q4_k, 4.5 }, .{ Type.q6_k, 6.5625 }, .{ Type.i4, 4.125 }, .{ Type.i3, 3.125 } };
    inline for (cases) |case| {
        const bits = @as(f64, @floatFromInt(panelBytes(case[0], k) * 8)) / (k * 16);
        try std.testing.expectEqual(@as(f64, case[1]), bits);
    }
}
