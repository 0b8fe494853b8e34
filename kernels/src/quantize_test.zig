//! Rows that are hard to quantise, on every machine.

const std = @import("std");
const dispatch = @import("dispatch.zig");
const quantize = @import("compute/quantize.zig");
const calls = @import("testing/kernel_calls.zig");
const Table = @import("kernel_table.zig").Table;

const testing = std.testing;
const Buffers = calls.Buffers;

/// Rows of 20 numbers, padded to 32.
fn quantizeRows(table: *const Table, count: u32) void {
    const args: quantize.Args = .{
        .x = &Buffers.x,
        .x_stride = 20,
        .k = 20,
        .k_padded = 32,
        .out = &Buffers.int8,
        .scales = &Buffers.scales,
        .sums = null,
    };
    table.quantize_rows(&args, 0, count, &Buffers.scratch);
}

test "a row of zeros, of huge and of not-a-number values quantises without harm" {
    var space: [3]*const Table = undefined;
    for (dispatch.runnable(&space)) |table| {
        const rows = [_]f32{ 0, std.math.inf(f32), std.math.nan(f32), std.math.floatMax(f32), std.math.floatMin(f32) };
        for (rows, 0..) |value, r| @memset(Buffers.x[r * 20 ..][0..20], value);
        quantizeRows(table, rows.len);
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
        quantizeRows(table, 2);
        try testing.expectEqual(1, Buffers.scales[0]);
        // Beside the second row, which is zero as every machine stores it.
        for (expected, Buffers.int8[0..20], Buffers.int8[32..52]) |value, stored, zero| {
            try testing.expectEqual(value, @as(i8, @bitCast(stored -% zero)));
        }
    }
}

test "beside a number so small that 127 divided by it is infinite, zeros stay zeros" {
    const tiny = 1e-40;
    var space: [3]*const Table = undefined;
    for (dispatch.runnable(&space)) |table| {
        @memset(Buffers.x[0..40], 0);
        Buffers.x[3] = tiny;
        quantizeRows(table, 2);
        // The second row is zero, as every machine stores it; padding counts.
        for (Buffers.int8[0..32], Buffers.int8[32..64], 0..) |value, zero, column| {
            if (column != 3) try testing.expectEqual(zero, value);
        }

        // A mean of values lies between the smallest and the largest.
        @memset(Buffers.x[0..64], 0);
        @memset(Buffers.gate[0 .. 9 * 2 * 7], 0);
        Buffers.gate[7] = tiny;
        calls.runAttention(table, .i8, 1, 9, 1, 1, 7, false, &Buffers.out);
        for (Buffers.out[0..7]) |value| try testing.expect(value >= 0 and value <= tiny);
    }
}
