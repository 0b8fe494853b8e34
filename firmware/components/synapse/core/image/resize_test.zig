//! The filter against that of the host: `resize_cases.json` has the digests of what
//! `engines/src/image/resizeTriangle.test.ts` holds the other one to, of the same pictures.
const std = @import("std");
const resize = @import("resize.zig");
const testing = std.testing;

const Case = struct { from: [2]u32, to: [2]u32, pixelBytes: u32, sha256: []const u8 };

/// Bytes that look like a picture to nobody, the same on both sides.
fn fill(picture: []u8) void {
    var state: u32 = 1;
    for (picture) |*byte| {
        state = state *% 1664525 +% 1013904223;
        byte.* = @truncate(state >> 24);
    }
}

test "equal, byte for byte, to the host's filter" {
    const parsed = try std.json.parseFromSlice([]const Case, testing.allocator, @embedFile("resize_cases.json"), .{});
    defer parsed.deinit();
    for (parsed.value) |case| {
        const config: resize.Config = .{
            .from_width = case.from[0],
            .from_height = case.from[1],
            .to_width = case.to[0],
            .to_height = case.to[1],
            .pixel_bytes = case.pixelBytes,
        };
        const memory = try testing.allocator.alignedAlloc(u8, .@"16", resize.synapse_resize_requirements(&config));
        defer testing.allocator.free(memory);
        const picture = try testing.allocator.alloc(u8, case.from[0] * case.from[1] * case.pixelBytes);
        defer testing.allocator.free(picture);
        fill(picture);
        const resizer = resize.synapse_resize_begin(&config, memory.ptr, memory.len);
        const row_bytes = case.from[0] * case.pixelBytes;
        for (0..case.from[1]) |row| resize.synapse_resize_row(resizer, picture[row * row_bytes ..].ptr);
        // One row too many changes nothing.
        resize.synapse_resize_row(resizer, picture.ptr);
        const rgb = try testing.allocator.alloc(u8, case.to[0] * case.to[1] * 3);
        defer testing.allocator.free(rgb);
        resize.synapse_resize_end(resizer, rgb.ptr);
        var digest: [32]u8 = undefined;
        std.crypto.hash.sha2.Sha256.hash(rgb, &digest, .{});
        try testing.expectEqualStrings(case.sha256, &std.fmt.bytesToHex(digest, .lower));
    }
}

test "what is no configuration has no resizer" {
    var config: resize.Config = .{ .from_width = 4, .from_height = 4, .to_width = 2, .to_height = 2, .pixel_bytes = 3 };
    var memory: [4096]u8 align(16) = undefined;
    const needed = resize.synapse_resize_requirements(&config);
    try testing.expect(resize.synapse_resize_begin(&config, &memory, needed) != null);
    try testing.expectEqual(null, resize.synapse_resize_begin(&config, &memory, needed - 1));
    for ([_]*u32{ &config.from_width, &config.to_height, &config.pixel_bytes, &config.size }) |field| {
        const good = field.*;
        for ([_]u32{ 0, 2, 16_385 }) |bad| {
            if (bad == 2 and field != &config.pixel_bytes and field != &config.size) continue;
            field.* = bad;
            try testing.expectEqual(0, resize.synapse_resize_requirements(&config));
            try testing.expectEqual(null, resize.synapse_resize_begin(&config, &memory, memory.len));
        }
        field.* = good;
    }
}
