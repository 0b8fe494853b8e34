//! A CBOR body (RFC 8949) as a stream of tokens. Lengths may be definite or not, but strings come in one piece. Three
//! tags are understood: 55799 (this is CBOR), 85 (an array of little-endian f32, RFC 8746, as JavaScript libraries
//! write a Float32Array) and 64 (bytes).
const std = @import("std");
const limits = @import("../limits.zig");
const binary64 = @import("binary64.zig");
const tokens = @import("token.zig");
const Token = tokens.Token;
const Error = tokens.Error;

const Level = struct {
    map: bool,
    /// Items still to come, a map's key and value counted apart; null when the end is marked by a break.
    left: ?u64,
    /// Items seen: odd in a map means that a value is due.
    seen: u64 = 0,
};

pub const CborTokens = struct {
    body: []u8,
    at: usize = 0,
    depth: usize = 0,
    levels: [limits.body_depth_max]Level = undefined,
    done: bool = false,

    pub fn init(body: []u8) CborTokens {
        return .{ .body = body };
    }

    pub fn offset(self: *const CborTokens) usize {
        return self.at;
    }

    pub fn next(self: *CborTokens) Error!Token {
        if (self.done) return if (self.at == self.body.len) .end else error.Malformed;
        if (self.depth > 0) {
            const level = &self.levels[self.depth - 1];
            if (level.left) |left| {
                if (left == 0) return self.close();
                level.left = left - 1;
            } else if (self.at < self.body.len and self.body[self.at] == 0xff) {
                if (level.map and level.seen % 2 == 1) return error.Malformed;
                self.at += 1;
                return self.close();
            }
        }
        const token = try self.item();
        if (self.depth > 0 and token != .object_begin and token != .array_begin) try self.count(token);
        if (self.depth == 0) self.done = true;
        return token;
    }

    /// Counts a finished item in the innermost container and holds keys to text.
    fn count(self: *CborTokens, token: Token) Error!void {
        const level = &self.levels[self.depth - 1];
        if (level.map and level.seen % 2 == 0 and token != .text) return error.Malformed;
        level.seen += 1;
    }

    fn close(self: *CborTokens) Token {
        self.depth -= 1;
        const map = self.levels[self.depth].map;
        if (self.depth == 0) self.done = true else self.levels[self.depth - 1].seen += 1;
        return if (map) .object_end else .array_end;
    }

    fn open(self: *CborTokens, map: bool, item_count: ?u64) Error!Token {
        if (self.depth > 0 and self.levels[self.depth - 1].map and
            self.levels[self.depth - 1].seen % 2 == 0) return error.Malformed;
        if (self.depth == limits.body_depth_max) return error.TooDeep;
        // Every item takes at least a byte, so a count beyond the body's rest cannot be true.
        if (item_count) |n| if (n > self.body.len - self.at) return error.Truncated;
        self.levels[self.depth] = .{ .map = map, .left = if (item_count) |n| (if (map) n * 2 else n) else null };
        self.depth += 1;
        return if (map) .object_begin else .array_begin;
    }

    fn item(self: *CborTokens) Error!Token {
        var tag: ?u64 = null;
        while (true) {
            const initial = (try self.take(1))[0];
            const minor: u5 = @truncate(initial);
            const indefinite = minor == 31;
            switch (@as(u3, @truncate(initial >> 5))) {
                0 => return if (tag != null) error.Malformed else .{
                    .number = binary64.ofWhole(try self.argument(minor)),
                },
                1 => return if (tag != null) error.Malformed else .{
                    .number = -binary64.ofWhole(try self.argument(minor) +| 1),
                },
                2 => {
                    if (indefinite or (tag != null and tag != 64 and tag != 85)) return error.Malformed;
                    return .{ .bytes = try self.take(try self.argument(minor)) };
                },
                3 => {
                    if (indefinite or tag != null) return error.Malformed;
                    const text = try self.take(try self.argument(minor));
                    if (!std.unicode.utf8ValidateSlice(text)) return error.Malformed;
                    return .{ .text = text };
                },
                4 => return if (tag != null) error.Malformed else self.open(
                    false,
                    if (indefinite) null else try self.argument(minor),
                ),
                5 => return if (tag != null) error.Malformed else self.open(
                    true,
                    if (indefinite) null else try self.argument(minor),
                ),
                6 => {
                    const found = try self.argument(minor);
                    if (tag != null) return error.Malformed;
                    if (found == 55799) {
                        if (self.at != 3) return error.Malformed;
                    } else if (found == 64 or found == 85) tag = found else return error.Malformed;
                },
                7 => return if (tag != null) error.Malformed else self.simple(minor),
            }
        }
    }

    fn simple(self: *CborTokens, minor: u5) Error!Token {
        return switch (minor) {
            20 => .{ .boolean = false },
            21 => .{ .boolean = true },
            22, 23 => .null,
            25 => .{ .number = binary64.of(f16, std.mem.readInt(u16, (try self.take(2))[0..2], .big)) },
            26 => .{ .number = binary64.of(f32, std.mem.readInt(u32, (try self.take(4))[0..4], .big)) },
            27 => .{ .number = @bitCast(std.mem.readInt(u64, (try self.take(8))[0..8], .big)) },
            else => error.Malformed,
        };
    }

    fn argument(self: *CborTokens, minor: u5) Error!u64 {
        return switch (minor) {
            0...23 => minor,
            24 => (try self.take(1))[0],
            25 => std.mem.readInt(u16, (try self.take(2))[0..2], .big),
            26 => std.mem.readInt(u32, (try self.take(4))[0..4], .big),
            27 => std.mem.readInt(u64, (try self.take(8))[0..8], .big),
            else => error.Malformed,
        };
    }

    fn take(self: *CborTokens, byte_count: u64) Error![]u8 {
        if (byte_count > self.body.len - self.at) return error.Truncated;
        const n: usize = @intCast(byte_count);
        defer self.at += n;
        return self.body[self.at..][0..n];
    }
};

test "definite and indefinite containers give the same tokens" {
    var definite = [_]u8{ 0xa1, 0x61, 'a', 0x82, 0x01, 0xf9, 0x3c, 0x00 };
    var indefinite = [_]u8{ 0xbf, 0x61, 'a', 0x9f, 0x01, 0xfa, 0x3f, 0x80, 0, 0, 0xff, 0xff };
    for ([_][]u8{ &definite, &indefinite }) |body| {
        var cbor: CborTokens = .init(body);
        try std.testing.expectEqual(Token.object_begin, try cbor.next());
        try std.testing.expectEqualStrings("a", (try cbor.next()).text);
        try std.testing.expectEqual(Token.array_begin, try cbor.next());
        try std.testing.expectEqual(@as(f64, 1), (try cbor.next()).number);
        try std.testing.expectEqual(@as(f64, 1), (try cbor.next()).number);
        try std.testing.expectEqual(Token.array_end, try cbor.next());
        try std.testing.expectEqual(Token.object_end, try cbor.next());
        try std.testing.expectEqual(Token.end, try cbor.next());
    }
}

test "every prefix of a body ends in an error, and nothing follows a body" {
    var body = [_]u8{ 0xa2, 0x61, 'a', 0x82, 0x01, 0xd8, 0x55, 0x44, 0, 0, 0, 0, 0x61, 'b', 0xf6 };
    for (0..body.len) |n| {
        var cbor: CborTokens = .init(body[0..n]);
        const failed = while (true) {
            const token = cbor.next() catch break true;
            if (token == .end) break false;
        };
        try std.testing.expect(failed);
    }
    var trailing = [_]u8{ 0x01, 0x02 };
    var cbor: CborTokens = .init(&trailing);
    _ = try cbor.next();
    try std.testing.expectError(error.Malformed, cbor.next());
}

test "keys are text, depth and counts are bounded" {
    var number_key = [_]u8{ 0xa1, 0x01, 0x02 };
    var cbor: CborTokens = .init(&number_key);
    _ = try cbor.next();
    try std.testing.expectError(error.Malformed, cbor.next());
    var deep: [limits.body_depth_max + 1]u8 = @splat(0x81);
    cbor = .init(&deep);
    for (0..limits.body_depth_max) |_| _ = try cbor.next();
    try std.testing.expectError(error.TooDeep, cbor.next());
    var huge = [_]u8{ 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    cbor = .init(&huge);
    try std.testing.expectError(error.Truncated, cbor.next());
}

test "a tag belongs to bytes" {
    for ([_][]const u8{
        "\xd8\x55\x05",
        "\xd8\x40\x20",
        "\xd8\x40\xf5",
        "\xd8\x55\x61a",
        "\xd8\x55\x80",
        "\xd8\x40\xd8\x40\x40",
        "\xc1\x05",
    }) |text| {
        var body: [8]u8 = undefined;
        @memcpy(body[0..text.len], text);
        var cbor: CborTokens = .init(body[0..text.len]);
        try std.testing.expectError(error.Malformed, cbor.next());
    }
}

test "the tag of self-described CBOR stands at the beginning alone" {
    var first = "\xd9\xd9\xf7\xa1\x61a\x01".*;
    var cbor: CborTokens = .init(&first);
    try std.testing.expectEqual(Token.object_begin, try cbor.next());
    var inside = "\xa1\x61a\xd9\xd9\xf7\x01".*;
    cbor = .init(&inside);
    _ = try cbor.next();
    _ = try cbor.next();
    try std.testing.expectError(error.Malformed, cbor.next());
}
