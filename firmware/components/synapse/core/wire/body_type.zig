//! The types of bodies, and of parts of them, that routes take.
const std = @import("std");

pub const BodyType = enum {
    json,
    cbor,
    raw,
    jpeg,
    png,
    /// A form with a picture in it.
    form,

    pub fn of(media_type: []const u8) ?BodyType {
        // Not registered, and what some programs say all the same.
        if (std.ascii.eqlIgnoreCase(media_type, "image/jpg")) return .jpeg;
        for (std.enums.values(BodyType)) |candidate| {
            if (std.ascii.eqlIgnoreCase(media_type, candidate.mediaType())) return candidate;
        }
        return null;
    }

    pub fn mediaType(body_type: BodyType) []const u8 {
        return switch (body_type) {
            .json => "application/json",
            .cbor => "application/cbor",
            .raw => "application/octet-stream",
            .jpeg => "image/jpeg",
            .png => "image/png",
            .form => "multipart/form-data",
        };
    }

    /// The first bytes of an encoded picture.
    pub fn magic(body_type: BodyType) []const u8 {
        return switch (body_type) {
            .jpeg => "\xff\xd8\xff",
            .png => "\x89PNG\r\n\x1a\n",
            .json, .cbor, .raw, .form => unreachable,
        };
    }

    /// Whether a body or a part of one that is of this type can be pixels.
    pub fn isPicture(body_type: BodyType) bool {
        return switch (body_type) {
            .jpeg, .png, .raw => true,
            .json, .cbor, .form => false,
        };
    }
};
