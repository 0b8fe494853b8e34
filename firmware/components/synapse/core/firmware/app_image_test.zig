//! What images the board takes, and that it finds every byte that is wrong.
const std = @import("std");
const app_image = @import("app_image.zig");
const make = @import("sim_parts").empty_image.make;

test "a whole image passes, in pieces of any size" {
    var buffer: [4096]u8 = undefined;
    const image = make(&buffer, .{ .version = "2.3.4" });
    const head: app_image.Head = try .parse(image[0..app_image.head_bytes]);
    try std.testing.expectEqualStrings("2.3.4", head.version());
    try std.testing.expectEqualStrings("synapse", head.project());
    for ([_]usize{ 1, 7, 16, 300, image.len }) |step| {
        var checker: app_image.Checker = .{};
        var at: usize = 0;
        while (at < image.len) : (at += step) try checker.feed(image[at..@min(image.len, at + step)]);
        try checker.finish();
    }
}

test "an image is refused for any byte that is wrong, and for any that is missing" {
    var buffer: [4096]u8 = undefined;
    const image = make(&buffer, .{ .payload_bytes = 64 });
    for (0..image.len) |i| {
        image[i] ^= 0x10;
        defer image[i] ^= 0x10;
        var checker: app_image.Checker = .{};
        const result = if (checker.feed(image)) |_| checker.finish() else |err| err;
        try std.testing.expect(std.meta.isError(result));
    }
    for (0..image.len) |length| {
        var checker: app_image.Checker = .{};
        try checker.feed(image[0..length]);
        try std.testing.expectError(error.Incomplete, checker.finish());
    }
}

test "chip and revision" {
    var buffer: [4096]u8 = undefined;
    const Case = struct {
        chip: u16 = app_image.chip_esp32p4,
        min: u16 = 0,
        max: u16 = 199,
        fit: app_image.FitError!void,
    };
    for ([_]Case{
        .{ .fit = {} },
        .{ .chip = 9, .fit = error.OtherChip },
        .{ .min = 300, .max = 399, .fit = error.RevisionTooLow },
        .{ .max = 99, .fit = error.RevisionTooHigh },
        .{ .min = 103, .max = 103, .fit = {} },
    }) |case| {
        const head: app_image.Head = try .parse(make(
            &buffer,
            .{ .chip_id = case.chip, .revision_min = case.min, .revision_max = case.max },
        )[0..app_image.head_bytes]);
        try std.testing.expectEqual(case.fit, head.fits(103));
    }
}
