//! A body as a stream of tokens, whatever it was written in. Routes read this and never know whether the client sent JSON or CBOR.
const JsonTokens = @import("json_tokens.zig").JsonTokens;
const CborTokens = @import("cbor_tokens.zig").CborTokens;

pub const Error = error{ Malformed, Truncated, TooDeep, NumberTooLong };

pub const Token = union(enum) {
    object_begin,
    object_end,
    array_begin,
    array_end,
    /// Keys and strings. The bytes lie in the body and may be overwritten by their reader.
    text: []u8,
    /// CBOR only.
    bytes: []u8,
    /// As sent. JSON: whole and below 2^53 in magnitude.
    number: f64,
    /// JSON: any other number, already rounded to the nearest f32, once; so it may look whole. Infinite when beyond the range.
    decimal: f32,
    boolean: bool,
    null,
    end,
};

pub const Format = enum { json, cbor };

pub const Tokens = union(Format) {
    json: JsonTokens,
    cbor: CborTokens,

    /// In place: the JSON scanner keeps a pointer into itself.
    pub fn init(self: *Tokens, format: Format, body: []u8) void {
        switch (format) {
            .json => {
                self.* = .{ .json = undefined };
                self.json.init(body);
            },
            .cbor => self.* = .{ .cbor = .init(body) },
        }
    }

    pub fn next(self: *Tokens) Error!Token {
        return switch (self.*) {
            inline else => |*source| source.next(),
        };
    }

    /// Bytes of the body read so far.
    pub fn offset(self: *const Tokens) usize {
        return switch (self.*) {
            inline else => |*source| source.offset(),
        };
    }
};
