//! A body as a stream of tokens, whatever it was written in. Routes read this and never know whether the
//! client sent JSON or CBOR.
const JsonTokens = @import("json_tokens.zig").JsonTokens;
const CborTokens = @import("cbor_tokens.zig").CborTokens;
const token = @import("token.zig");
pub const Error = token.Error;
pub const Token = token.Token;

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
