//! The triangle filter of include/synapse_image.h, equal byte for byte to `engines/src/image/resizeTriangle.ts`:
//! weights and sums over columns in f64, what is kept between the two axes in f32. Rounding is spelled out, because on
//! a chip `@floor` and `@max` of doubles are calls of its C library.
const std = @import("std");

const channels = 3;
const side_max = 16_384;

pub const Config = extern struct {
    size: u32 = @sizeOf(Config),
    from_width: u32,
    from_height: u32,
    to_width: u32,
    to_height: u32,
    pixel_bytes: u32,

    fn valid(config: *const Config) bool {
        if (config.size != @sizeOf(Config)) return false;
        for ([_]u32{ config.from_width, config.from_height, config.to_width, config.to_height }) |side| {
            if (side < 1 or side > side_max) return false;
        }
        return config.pixel_bytes == 1 or config.pixel_bytes == 3 or config.pixel_bytes == 4;
    }
};

/// For one output pixel: the input pixels that count, and where their weights stand.
const Window = struct { first: u32, count: u32, weights: u32 };

/// One axis: how output pixels are made of input pixels.
const Axis = struct {
    scale: f64,
    reach: f64,
    from: u32,

    fn of(from: u32, to: u32) Axis {
        const scale = @as(f64, @floatFromInt(from)) / @as(f64, @floatFromInt(to));
        return .{ .scale = scale, .reach = if (scale > 1) scale else 1, .from = from };
    }

    fn centre(axis: Axis, out: u32) f64 {
        return (@as(f64, @floatFromInt(out)) + 0.5) * axis.scale;
    }

    fn firstOf(axis: Axis, out: u32) u32 {
        const place = axis.centre(out) - axis.reach - 0.5;
        if (place <= 0) return 0;
        const below: u32 = @intFromFloat(place);
        return if (@as(f64, @floatFromInt(below)) < place) below + 1 else below;
    }

    fn lastOf(axis: Axis, out: u32) u32 {
        return @min(axis.from - 1, @as(u32, @intFromFloat(axis.centre(out) + axis.reach - 0.5)));
    }

    fn weightCount(axis: Axis, to: u32) usize {
        var count: usize = 0;
        for (0..to) |out| count += axis.lastOf(@intCast(out)) - axis.firstOf(@intCast(out)) + 1;
        return count;
    }

    /// At the edges the weights of what exists sum to one.
    fn fill(axis: Axis, windows: []Window, weights: []f32) void {
        var at: u32 = 0;
        for (windows, 0..) |*window, out| {
            const first = axis.firstOf(@intCast(out));
            const count = axis.lastOf(@intCast(out)) - first + 1;
            window.* = .{ .first = first, .count = count, .weights = at };
            const own = weights[at..][0..count];
            var sum: f64 = 0;
            for (own, 0..) |*weight, i| {
                const place = @as(f64, @floatFromInt(first + i)) + 0.5;
                const part = 1 - @abs(place - axis.centre(@intCast(out))) / axis.reach;
                weight.* = if (part > 0) @floatCast(part) else 0;
                sum += weight.*;
            }
            for (own) |*weight| weight.* = @floatCast(weight.* / sum);
            at += count;
        }
    }
};

pub const Resizer = struct {
    columns: []Window,
    column_weights: []f32,
    rows: []Window,
    row_weights: []f32,
    sums: []f32,
    line: []f32,
    from_width: u32,
    pixel_bytes: u32,
    from_height: u32,
    row: u32,
    /// Rows of the output before this one need no further input.
    first_out: u32,

    /// Where the parts lie in one block of memory.
    const Plan = struct {
        column_weights: usize,
        row_weights: usize,
        bytes: usize,

        fn of(config: *const Config) Plan {
            const columns = Axis.of(config.from_width, config.to_width).weightCount(config.to_width);
            const rows = Axis.of(config.from_height, config.to_height).weightCount(config.to_height);
            const windows = (config.to_width + config.to_height) * @sizeOf(Window);
            const outputs = @as(usize, config.to_width) * (@as(usize, config.to_height) + 1) * channels;
            const floats = (columns + rows + outputs) * @sizeOf(f32);
            return .{
                .column_weights = columns,
                .row_weights = rows,
                .bytes = @sizeOf(Resizer) + windows + floats,
            };
        }
    };

    fn begin(config: *const Config, memory: []align(16) u8) ?*Resizer {
        const plan = Plan.of(config);
        if (memory.len < plan.bytes) return null;
        var allocator: std.heap.FixedBufferAllocator = .init(memory);
        const own = allocator.allocator();
        const resizer = own.create(Resizer) catch return null;
        resizer.* = .{
            .columns = own.alloc(Window, config.to_width) catch return null,
            .rows = own.alloc(Window, config.to_height) catch return null,
            .column_weights = own.alloc(f32, plan.column_weights) catch return null,
            .row_weights = own.alloc(f32, plan.row_weights) catch return null,
            .sums = own.alloc(f32, @as(usize, config.to_width) * config.to_height * channels) catch return null,
            .line = own.alloc(f32, @as(usize, config.to_width) * channels) catch return null,
            .from_width = config.from_width,
            .from_height = config.from_height,
            .pixel_bytes = config.pixel_bytes,
            .row = 0,
            .first_out = 0,
        };
        @memset(resizer.sums, 0);
        Axis.of(config.from_width, config.to_width).fill(resizer.columns, resizer.column_weights);
        Axis.of(config.from_height, config.to_height).fill(resizer.rows, resizer.row_weights);
        return resizer;
    }

    fn addRow(resizer: *Resizer, pixels: []const u8) void {
        if (resizer.row >= resizer.from_height) return;
        resizer.filterColumns(pixels);
        const width = resizer.line.len;
        for (resizer.rows[resizer.first_out..], resizer.first_out..) |window, out| {
            if (window.first > resizer.row) break;
            const at = resizer.row - window.first;
            if (window.count - 1 <= at) resizer.first_out = @intCast(out + 1);
            if (at >= window.count) continue;
            const weight: f64 = resizer.row_weights[window.weights + at];
            for (resizer.sums[out * width ..][0..width], resizer.line) |*sum, value| {
                sum.* = @floatCast(sum.* + weight * value);
            }
        }
        resizer.row += 1;
    }

    fn filterColumns(resizer: *Resizer, pixels: []const u8) void {
        const stride = resizer.pixel_bytes;
        // The one value of a gray pixel stands for all three.
        const step: usize = if (stride < channels) 0 else 1;
        for (resizer.columns, 0..) |window, out| {
            var sums: [channels]f64 = @splat(0);
            var at: usize = @as(usize, window.first) * stride;
            for (resizer.column_weights[window.weights..][0..window.count]) |weight| {
                for (&sums, 0..) |*sum, c| {
                    sum.* += @as(f64, weight) * @as(f64, @floatFromInt(pixels[at + c * step]));
                }
                at += stride;
            }
            for (sums, 0..) |sum, c| resizer.line[out * channels + c] = @floatCast(sum);
        }
    }

    fn end(resizer: *const Resizer, rgb: []u8) void {
        for (resizer.sums, rgb) |sum, *byte| {
            // Half a level is rounded up, as Math.round does.
            const level = @as(f64, sum) + 0.5;
            byte.* = if (level >= 255) 255 else if (level <= 0) 0 else @intFromFloat(level);
        }
    }
};

pub export fn synapse_resize_requirements(config: ?*const Config) usize {
    const given = config orelse return 0;
    return if (given.valid()) Resizer.Plan.of(given).bytes else 0;
}

pub export fn synapse_resize_begin(config: ?*const Config, memory: ?[*]u8, memory_bytes: usize) ?*Resizer {
    const given = config orelse return null;
    const block = memory orelse return null;
    if (!given.valid() or !std.mem.isAligned(@intFromPtr(block), 16)) return null;
    return Resizer.begin(given, @alignCast(block[0..memory_bytes]));
}

pub export fn synapse_resize_row(resizer: ?*Resizer, pixels: ?[*]const u8) void {
    const self = resizer orelse return;
    const row = pixels orelse return;
    self.addRow(row[0 .. @as(usize, self.from_width) * self.pixel_bytes]);
}

pub export fn synapse_resize_end(resizer: ?*const Resizer, out_rgb: ?[*]u8) void {
    const self = resizer orelse return;
    const out = out_rgb orelse return;
    self.end(out[0..self.sums.len]);
}
