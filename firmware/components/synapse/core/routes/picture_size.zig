//! How many pixels a JPEG or PNG says that it has, read from its head:
//! what is too large is refused before anything is decoded.
const std = @import("std");
const BodyType = @import("../wire/body_type.zig").BodyType;
const limits = @import("../limits.zig");

pub const Size = struct {
    width: u32,
    height: u32,

    /// Whether boards decode pictures of this size.
    pub fn fits(size: Size) bool {
        return size.width <= limits.image_side_max and size.height <= limits.image_side_max and
            @as(u64, size.width) * size.height <= limits.image_pixels_max;
    }
};

/// Null when the head does not say it, or is cut: whoever decodes such a picture finds that it is none.
pub fn of(bytes: []const u8, picture_type: BodyType) ?Size {
    return switch (picture_type) {
        .jpeg => ofJpeg(bytes),
        .png => ofPng(bytes),
        else => null,
    };
}

/// The first chunk is IHDR: PNG (third edition) section 11.2.1.
fn ofPng(bytes: []const u8) ?Size {
    if (bytes.len < 24 or !std.mem.eql(u8, bytes[12..16], "IHDR")) return null;
    return .{ .width = std.mem.readInt(u32, bytes[16..20], .big), .height = std.mem.readInt(u32, bytes[20..24], .big) };
}

/// The first frame header (ITU T.81 section B.2.2), behind segments of any kind. As decoders do, what is between two
/// segments is passed over.
fn ofJpeg(bytes: []const u8) ?Size {
    var at: usize = 2;
    while (true) {
        at = std.mem.indexOfScalarPos(u8, bytes, @min(at, bytes.len), 0xff) orelse return null;
        at = std.mem.indexOfNonePos(u8, bytes, at, "\xff") orelse return null;
        const marker = bytes[at];
        at += 1;
        switch (marker) {
            // A stuffed byte, and markers that stand alone: TEM, RST, SOI.
            0x00, 0x01, 0xd0...0xd8 => continue,
            // The picture itself, or its end, without a frame before it.
            0xd9, 0xda => return null,
            else => {},
        }
        if (bytes.len - at < 7) return null;
        switch (marker) {
            // SOF of every coding; C4, C8 and CC are tables and extensions.
            0xc0...0xc3, 0xc5...0xc7, 0xc9...0xcb, 0xcd...0xcf => return .{
                .height = std.mem.readInt(u16, bytes[at + 3 ..][0..2], .big),
                .width = std.mem.readInt(u16, bytes[at + 5 ..][0..2], .big),
            },
            else => at += std.mem.readInt(u16, bytes[at..][0..2], .big),
        }
    }
}

test "sizes of JPEG and PNG" {
    const expectEqual = std.testing.expectEqual;
    const png = "\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x0f\x42\x40\x08\x02";
    try expectEqual(Size{ .width = 1, .height = 1_000_000 }, of(png, .png).?);
    try std.testing.expect(!of(png, .png).?.fits());
    // A thumbnail's frame within a segment, bytes that belong to nothing, repeated 0xff, a restart marker:
    // none of them is the frame.
    const frame = "\xff\xc2\x00\x11\x08\x01\x02\x03\x04\x03";
    const segment = "\xff\xd8\xff\xe1\x00\x0c" ++ "\xff\xd8\xff\xc0\x00\x11\x08\x00\x01\x00";
    const jpeg = segment ++ "junk\x00" ++ "\xff\xff\xff\xd0" ++ "\xff\xc4\x00\x04ab" ++ frame;
    try expectEqual(Size{ .width = 0x304, .height = 0x102 }, of(jpeg, .jpeg).?);
    for (0..jpeg.len - 1) |cut| try expectEqual(@as(?Size, null), of(jpeg[0..cut], .jpeg));
    for (0..24) |cut| try expectEqual(@as(?Size, null), of(png[0..cut], .png));
    try expectEqual(@as(?Size, null), of("\xff\xd8\xff\xda" ++ frame, .jpeg));
    try expectEqual(@as(?Size, null), of("\xff\xd8\xff\xe0\x00\x00" ++ "\x00\x00\x00\x00\x00\x00\x00\x00", .jpeg));
}

test "what fits: each side, and the area" {
    for ([_]Size{
        .{ .width = limits.image_side_max, .height = 1 },
        .{ .width = 1, .height = limits.image_side_max },
        .{ .width = 10_000, .height = 5_000 },
    }) |size| try std.testing.expect(size.fits());
    for ([_]Size{
        .{ .width = limits.image_side_max + 1, .height = 1 },
        .{ .width = 1, .height = limits.image_side_max + 1 },
        .{ .width = 10_000, .height = 5_001 },
        .{ .width = 0xffff_ffff, .height = 0xffff_ffff },
    }) |size| try std.testing.expect(!size.fits());
}
