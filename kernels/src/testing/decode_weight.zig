//! Weights decoded straight from docs/format.md, one number at a time.

const std = @import("std");
const storage = @import("../storage.zig");

/// Weight (n, k) of `outputs` rows of `reduction` numbers.
pub fn decode(weights: []const u8, kind: storage.Type, n: usize, k: usize, reduction: u32, outputs: u32) f32 {
    const panel_bytes: usize = @intCast(storage.panelBytes(kind, reduction));
    const panel = weights[n / 16 * panel_bytes ..][0..panel_bytes];
    const lane = n % 16;
    const row_scales: [*]const f32 = @ptrCast(@alignCast(
        weights[storage.roundUp(outputs, 16) / 16 * panel_bytes ..].ptr,
    ));
    return switch (kind) {
        .i8 => row_scales[n] * float(@as(i8, @bitCast(panel[k * 16 + lane]))),
        .q8_0 => {
            const block = panel[k / 32 * 544 ..];
            return half(block, 0, lane) * float(@as(i8, @bitCast(block[32 + k % 32 * 16 + lane])));
        },
        .q4_0 => {
            const block = panel[k / 32 * 288 ..];
            const byte = block[32 + k % 16 * 16 + lane];
            const nibble: i32 = if (k % 32 < 16) byte & 15 else byte >> 4;
            return half(block, 0, lane) * float(nibble - 8);
        },
        .q4_k => q4k(panel[k / 256 * 2304 ..], k % 256, lane),
        .q6_k => q6k(panel[k / 256 * 3360 ..], k % 256, lane),
        .i6, .i5, .i4, .i3, .i2 => {
            const product = progressive(kind, panel, k, lane, reduction);
            return row_scales[n] * float(std.math.clamp(product, -128, 127));
        },
        .f32 => @as([*]const f32, @ptrCast(@alignCast(panel.ptr)))[k * 16 + lane],
        .f16 => half(panel, 0, k * 16 + lane),
        .u8, .i32 => unreachable,
    };
}

fn float(value: anytype) f32 {
    return @floatFromInt(value);
}

fn half(bytes: []const u8, offset: usize, index: usize) f32 {
    return @as([*]const f16, @ptrCast(@alignCast(bytes[offset..].ptr)))[index];
}

fn q4k(block: []const u8, k: usize, lane: usize) f32 {
    const i = k / 32;
    const scales = struct {
        bytes: []const u8,
        lane: usize,

        fn at(self: @This(), index: usize) u8 {
            return self.bytes[index * 16 + self.lane];
        }
    }{ .bytes = block[64..], .lane = lane };
    const s, const m = if (i < 4) .{ scales.at(i) & 63, scales.at(i + 4) & 63 } else .{
        (scales.at(i + 4) & 15) | (scales.at(i - 4) >> 6) << 4,
        (scales.at(i + 4) >> 4) | (scales.at(i) >> 6) << 4,
    };
    const byte = block[256 + (i / 2 * 32 + k % 32) * 16 + lane];
    const nibble = if (i % 2 == 0) byte & 15 else byte >> 4;
    return half(block, 0, lane) * float(s) * float(nibble) - half(block, 32, lane) * float(m);
}

fn q6k(block: []const u8, k: usize, lane: usize) f32 {
    const h = k / 128;
    const quarter = k % 128 / 32;
    const j = k % 32;
    const low = block[(64 * h + 32 * (quarter % 2) + j) * 16 + lane];
    const high = block[2048 + (32 * h + j) * 16 + lane] >> @intCast(2 * quarter);
    const value: i32 = @as(i32, (if (quarter < 2) low & 15 else low >> 4)) | @as(i32, high & 3) << 4;
    const scale: i8 = @bitCast(block[3072 + (8 * h + 2 * quarter + j / 16) * 16 + lane]);
    return half(block, 3328, lane) * float(scale) * float(value - 32);
}

/// The int8 weight of a progressive integer, before it is clamped.
fn progressive(kind: storage.Type, panel: []const u8, k: usize, lane: usize, reduction: u32) i32 {
    const group_bytes: usize = switch (kind) {
        .i2 => 128,
        .i3 => 192,
        .i4 => 256,
        .i5 => 320,
        else => 384,
    };
    const codes = panel[(reduction + 31) / 32 * group_bytes ..];
    const g = k / 32;
    const pair = codes[g / 2 * 16 + lane];
    const code = if (g % 2 == 0) pair & 15 else pair >> 4;
    const magnitude: i32 = (code & 7) + 1;
    const m: i32 = if (code & 8 != 0) -magnitude else magnitude;
    const group: Group = .{ .bytes = panel[g * group_bytes ..], .k = k % 32, .lane = lane };
    return switch (kind) {
        .i2 => (group.two(0) - 2) * m * 8,
        .i3 => (group.two(0) + 4 * group.one(8) - 4) * m * 4,
        .i4 => (group.four(0) - 8) * m * 2,
        .i5 => (group.four(0) + 16 * group.one(16) - 16) * m,
        else => (group.four(0) + 16 * group.two(16) - 32) * m,
    };
}

/// Bits of one weight of a group, in the rows of bytes that begin at `first`.
const Group = struct {
    bytes: []const u8,
    k: usize,
    lane: usize,

    fn byte(self: Group, row: usize) i32 {
        return self.bytes[row * 16 + self.lane];
    }

    fn one(self: Group, first: usize) i32 {
        return self.byte(first + self.k % 4) >> @intCast(self.k / 4) & 1;
    }

    fn two(self: Group, first: usize) i32 {
        return self.byte(first + self.k % 8) >> @intCast(self.k / 8 * 2) & 3;
    }

    fn four(self: Group, first: usize) i32 {
        return self.byte(first + self.k % 16) >> @intCast(self.k / 16 * 4) & 15;
    }
};
