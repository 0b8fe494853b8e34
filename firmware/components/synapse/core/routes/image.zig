//! A picture in a request: as the whole body, as the file of a form, or as `image` and `type` in a JSON or CBOR object.
//! Shared by the routes that take one.
const std = @import("std");
const Body = @import("../wire/body.zig").Body;
const BodyType = @import("../wire/body_type.zig").BodyType;
const Exchange = @import("../request/device.zig").Exchange;
const limits = @import("../limits.zig");
const multipart = @import("../wire/multipart.zig");
const picture_size = @import("picture_size.zig");
const Encode = @import("../model/model.zig").Encode;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;

/// The whole body is a picture.
pub fn fromBody(exchange: *Exchange, encoder: *const Encode) ProblemError!void {
    return take(exchange, 0, encoder, exchange.body(), exchange.body_type, "", "content-type");
}

/// Picture `index` of the exchange, found in an object; `media_type` is its `type` key.
pub fn fromObject(
    exchange: *Exchange,
    comptime index: usize,
    encoder: *const Encode,
    bytes: []const u8,
    media_type: []const u8,
    comptime path: []const u8,
) ProblemError!void {
    const image_type = try pictureType(exchange, media_type, path ++ "type");
    return take(exchange, index, encoder, bytes, image_type, path ++ "image", path ++ "image");
}

/// The picture is the one file of a form. Many a client does not know the type of a file: its first bytes say it,
/// unless it has the length of raw RGB.
pub fn fromForm(exchange: *Exchange, encoder: *const Encode) ProblemError!void {
    const file = try multipart.file(exchange.body(), exchange.boundary.slice(), &exchange.problem);
    const given = file.media_type;
    var image_type: BodyType = if (given.len == 0) .raw else try pictureType(exchange, given, "form");
    if (image_type == .raw and file.bytes.len != encoder.image_bytes) {
        for ([_]BodyType{ .jpeg, .png }) |candidate| {
            if (std.mem.startsWith(u8, file.bytes, candidate.magic())) image_type = candidate;
        }
    }
    return take(exchange, 0, encoder, file.bytes, image_type, "form", "form");
}

fn pictureType(exchange: *Exchange, media_type: []const u8, field: []const u8) ProblemError!BodyType {
    if (BodyType.of(media_type)) |found| if (found.isPicture()) return found;
    return exchange.problem.fail(
        422,
        .IMAGE_TYPE,
        "the picture's type is none that the board decodes",
        .{},
        .{
            .field = .{ "{s}", .{field} },
            .expected = "image/jpeg, image/png, or application/octet-stream for raw RGB",
        },
    );
}

fn take(
    exchange: *Exchange,
    comptime index: usize,
    encoder: *const Encode,
    bytes: []const u8,
    image_type: BodyType,
    field: []const u8,
    type_field: []const u8,
) ProblemError!void {
    const picture = &exchange.pictures[index];
    picture.given = true;
    picture.field = field;
    if (image_type == .raw) {
        if (bytes.len != encoder.image_bytes) {
            return exchange.problem.fail(
                422,
                .IMAGE_SIZE,
                "the raw picture has {d} bytes",
                .{bytes.len},
                .{
                    .field = .{ "{s}", .{field} },
                    .expected = .{
                        "{d} bytes: {d} x {d} pixels, RGB, rows from the top",
                        .{ encoder.image_bytes, encoder.width, encoder.height },
                    },
                },
            );
        }
        // The first picture has memory of its own; a second one stays where it is in the body.
        if (index == 0) @memcpy(exchange.image, bytes);
        picture.pixels = if (index == 0) exchange.image else bytes;
        return;
    }
    try checkHead(exchange, bytes, image_type, field, type_field);
    if (index > 0 and encoder.image_bytes > exchange.buffer.len) {
        return exchange.problem.fail(
            422,
            .IMAGE_SIZE,
            "the board's memory for a request cannot hold the pixels of two pictures",
            .{},
            .{ .field = .{ "{s}", .{field} }, .expected = "a latent; POST /v1/encode turns a picture into one" },
        );
    }
    picture.encoded = bytes;
    picture.encoded_type = image_type;
}

/// What its first bytes say: whether it is of its type, and not too large to be decoded.
fn checkHead(
    exchange: *Exchange,
    bytes: []const u8,
    image_type: BodyType,
    field: []const u8,
    type_field: []const u8,
) ProblemError!void {
    if (!std.mem.startsWith(u8, bytes, image_type.magic())) {
        return exchange.problem.fail(
            422,
            .IMAGE_UNREADABLE,
            "the bytes do not start as {s} does",
            .{image_type.mediaType()},
            .{
                .field = .{ "{s}", .{type_field} },
                .expected = "the type that the picture really has: image/jpeg, image/png, or " ++
                    "application/octet-stream for raw RGB",
            },
        );
    }
    if (picture_size.of(bytes, image_type)) |size| if (!size.fits()) {
        return exchange.problem.fail(
            422,
            .IMAGE_TOO_LARGE,
            "the picture has {d} x {d} pixels",
            .{ size.width, size.height },
            .{
                .field = .{ "{s}", .{field} },
                .expected = .{
                    "at most {d} pixels a side and {d} in all",
                    .{ limits.image_side_max, limits.image_pixels_max },
                },
            },
        );
    };
}

pub const fields = [_][]const u8{ "image", "type" };

/// A picture while its object is being read: the keys come in any order.
pub const Parts = struct {
    bytes: []const u8 = "",
    media_type: []const u8 = "",

    /// `index` as in `fields`.
    pub fn read(parts: *Parts, body: *Body, index: usize) ProblemError!void {
        if (index == 0) parts.bytes = try body.blob() else parts.media_type = try body.text();
    }
};
