//! Reads what routes ask for out of a body's tokens, and says exactly where a body is wrong.
const std = @import("std");
const limits = @import("../limits.zig");
const Code = @import("code.zig").Code;
const Problem = @import("problem.zig").Problem;
const Bounded = @import("problem.zig").Bounded;
const ProblemError = @import("problem.zig").Error;
const binary64 = @import("binary64.zig");
const tokens = @import("tokens.zig");
const Token = tokens.Token;

comptime {
    // Base64 and byte-string latents are little-endian f32 and are copied as they are.
    std.debug.assert(@import("builtin").cpu.arch.endian() == .little);
}

pub const Body = struct {
    source: tokens.Tokens,
    problem: *Problem,
    path: Bounded(96) = .{},

    /// In place; see Tokens.init.
    pub fn init(self: *Body, format: tokens.Format, bytes: []u8, problem: *Problem) void {
        self.problem = problem;
        self.path = .{};
        self.source.init(format, bytes);
    }

    pub fn fail(self: *Body, status: u16, code: Code, comptime detail: []const u8, args: anytype) ProblemError {
        return self.problem.fail(status, code, detail, args, .{ .field = .{ "{s}", .{self.path.slice()} } });
    }

    pub fn failExpecting(
        self: *Body,
        comptime expected: []const u8,
        args: anytype,
        comptime detail: []const u8,
        detail_args: anytype,
    ) ProblemError {
        return self.problem.fail(
            422,
            .BODY_INVALID,
            detail,
            detail_args,
            .{ .field = .{ "{s}", .{self.path.slice()} }, .expected = .{ expected, args } },
        );
    }

    pub fn next(self: *Body) ProblemError!Token {
        return self.source.next() catch |err| {
            const format = if (self.source == .json) "JSON" else "CBOR";
            const what = switch (err) {
                error.Malformed => "is not valid",
                error.Truncated => "ends too early",
                error.TooDeep => "is nested too deeply",
                error.NumberTooLong => "holds a number that is too long",
            };
            return self.problem.fail(
                400,
                .BODY_MALFORMED,
                "the body {s} at byte {d} ({s})",
                .{ what, self.source.offset(), format },
                .{
                    .field = .{ "{s}", .{self.path.slice()} },
                    .expected = .{
                        "{s}, nested at most {d} deep, numbers of at most {d} characters",
                        .{ format, limits.body_depth_max, limits.number_bytes_max },
                    },
                },
            );
        };
    }

    /// The start of a map whose keys are read with `field`.
    pub fn object(self: *Body) ProblemError!void {
        const token = try self.next();
        if (token != .object_begin) return self.failExpecting(
            "an object",
            .{},
            "{s} where an object belongs",
            .{name(token)},
        );
    }

    /// The next key as an index of `fields`, or null at the map's end. `seen` has a bit for each field.
    /// Sets the path to base + key.
    pub fn field(self: *Body, base_len: usize, fields: []const []const u8, seen: *u32) ProblemError!?usize {
        self.path.len = base_len;
        const key = switch (try self.next()) {
            .object_end => return null,
            .text => |found| found,
            else => |token| return self.failExpecting("a key", .{}, "{s} where a key belongs", .{name(token)}),
        };
        for (fields, 0..) |candidate, index| {
            if (!std.mem.eql(u8, key, candidate)) continue;
            if (base_len > 0) self.path.append(".");
            self.path.append(candidate);
            const bit = @as(u32, 1) << @intCast(index);
            if (seen.* & bit != 0) return self.failExpecting("each key once", .{}, "the key appears twice", .{});
            seen.* |= bit;
            return index;
        }
        var known: Bounded(160) = .{};
        for (fields, 0..) |candidate, index| known.print("{s}{s}", .{ if (index == 0) "" else ", ", candidate });
        var shown: Bounded(48) = .{};
        shown.append(key);
        return self.failExpecting("only {s}", .{known.slice()}, "unknown key \"{s}\"", .{shown.slice()});
    }

    /// Fails when one of the fields did not appear.
    pub fn require(self: *Body, fields: []const []const u8, seen: u32, needed: u32) ProblemError!void {
        for (fields, 0..) |candidate, index| {
            const bit = @as(u32, 1) << @intCast(index);
            if (needed & bit == 0 or seen & bit != 0) continue;
            if (self.path.len > 0) self.path.append(".");
            self.path.append(candidate);
            return self.failExpecting("the key \"{s}\"", .{candidate}, "the key \"{s}\" is missing", .{candidate});
        }
    }

    pub fn end(self: *Body) ProblemError!void {
        self.path.len = 0;
        const token = try self.next();
        if (token != .end) return self.failExpecting(
            "nothing after the object",
            .{},
            "{s} after the end of the body",
            .{name(token)},
        );
    }

    pub fn text(self: *Body) ProblemError![]u8 {
        return switch (try self.next()) {
            .text => |value| value,
            else => |token| self.failExpecting("a string", .{}, "{s} where a string belongs", .{name(token)}),
        };
    }

    pub fn boolean(self: *Body) ProblemError!bool {
        return switch (try self.next()) {
            .boolean => |value| value,
            else => |token| self.failExpecting("true or false", .{}, "{s} where a boolean belongs", .{name(token)}),
        };
    }

    /// As `unsigned`, or null.
    pub fn unsignedOrNull(self: *Body, least: u64, most: u64) ProblemError!?u64 {
        const token = try self.next();
        return if (token == .null) null else try self.unsignedOf(token, least, most);
    }

    /// A whole number, least..most, most < 2^53.
    pub fn unsigned(self: *Body, least: u64, most: u64) ProblemError!u64 {
        return self.unsignedOf(try self.next(), least, most);
    }

    fn unsignedOf(self: *Body, token: Token, least: u64, most: u64) ProblemError!u64 {
        const value = switch (token) {
            .number => |number| binary64.whole(number),
            .decimal => null,
            else => return self.failExpecting(
                "a whole number, {d} to {d}",
                .{ least, most },
                "{s} where a number belongs",
                .{name(token)},
            ),
        };
        if (value == null or value.? < least or value.? > most) return self.failExpecting(
            "a whole number, {d} to {d}",
            .{ least, most },
            "the number is not one of those",
            .{},
        );
        return value.?;
    }

    /// Bytes: a CBOR byte string, or base64 text, which is decoded in place.
    pub fn blob(self: *Body) ProblemError![]u8 {
        return switch (try self.next()) {
            .bytes => |bytes| bytes,
            .text => |value| self.base64(value),
            else => |token| self.failExpecting(
                "base64 text or CBOR bytes",
                .{},
                "{s} where bytes belong",
                .{name(token)},
            ),
        };
    }

    /// One row of exactly `row.len` numbers: an array, or little-endian f32 as base64 text or bytes.
    pub fn floats(self: *Body, row: []f32) ProblemError!void {
        return self.floatsAfter(try self.next(), row);
    }

    fn floatsAfter(self: *Body, first: Token, row: []f32) ProblemError!void {
        switch (first) {
            .array_begin => try self.numbers(row, 0),
            .text => |value| try self.unpack(try self.base64(value), row),
            .bytes => |bytes| try self.unpack(bytes, row),
            else => return self.failExpecting(
                "{d} numbers",
                .{row.len},
                "{s} where an array of numbers belongs",
                .{name(first)},
            ),
        }
    }

    fn numbers(self: *Body, row: []f32, already: usize) ProblemError!void {
        var count = already;
        const base_len = self.path.len;
        while (true) : (count += 1) {
            const token = try self.next();
            if (token == .array_end) break;
            if (count >= row.len) return self.failExpecting(
                "{d} numbers",
                .{row.len},
                "the row has more than {d} numbers",
                .{row.len},
            );
            self.path.print("[{d}]", .{count});
            row[count] = try self.finite(token);
            self.path.len = base_len;
        }
        if (count != row.len) return self.failExpecting("{d} numbers", .{row.len}, "the row has {d} numbers", .{count});
    }

    fn finite(self: *Body, token: Token) ProblemError!f32 {
        const value: f32 = switch (token) {
            .number => |number| binary64.single(number),
            .decimal => |decimal| decimal,
            else => return self.failExpecting("a number", .{}, "{s} where a number belongs", .{name(token)}),
        };
        if (!std.math.isFinite(value)) return self.failExpecting(
            "a finite number in the range of f32",
            .{},
            "the number is not finite in f32",
            .{},
        );
        return value;
    }

    fn unpack(self: *Body, bytes: []const u8, row: []f32) ProblemError!void {
        if (bytes.len != row.len * 4) return self.failExpecting(
            "{d} bytes: {d} little-endian f32",
            .{ row.len * 4, row.len },
            "the row has {d} bytes",
            .{bytes.len},
        );
        @memcpy(std.mem.sliceAsBytes(row), bytes);
        for (row) |value| {
            if (!std.math.isFinite(value)) return self.failExpecting(
                "finite numbers",
                .{},
                "a number is not finite",
                .{},
            );
        }
    }

    /// Rows of `width` numbers, as many as there are, at least one: an array of rows,
    /// or all of them as base64 text or bytes.
    pub fn rows(self: *Body, values: []f32, width: usize) ProblemError!usize {
        const rows_max = values.len / width;
        switch (try self.next()) {
            .array_begin => {},
            .text => |value| return self.packedRows(try self.base64(value), values, width),
            .bytes => |bytes| return self.packedRows(bytes, values, width),
            else => |token| return self.failExpecting(
                "an array of rows of {d} numbers",
                .{width},
                "{s} where an array belongs",
                .{name(token)},
            ),
        }
        const base_len = self.path.len;
        var count: usize = 0;
        while (true) : (count += 1) {
            const token = try self.next();
            if (token == .array_end) break;
            if (count == rows_max) return self.failExpecting(
                "1 to {d} rows",
                .{rows_max},
                "there are more than {d} rows",
                .{rows_max},
            );
            self.path.print("[{d}]", .{count});
            try self.floatsAfter(token, values[count * width ..][0..width]);
            self.path.len = base_len;
        }
        if (count == 0) return self.failExpecting("1 to {d} rows", .{rows_max}, "there are no rows", .{});
        return count;
    }

    fn packedRows(self: *Body, bytes: []const u8, values: []f32, width: usize) ProblemError!usize {
        const row_bytes = width * 4;
        const count = bytes.len / row_bytes;
        if (bytes.len % row_bytes != 0 or count == 0 or count > values.len / width)
            return self.failExpecting(
                "1 to {d} rows of {d} bytes",
                .{ values.len / width, row_bytes },
                "the rows have {d} bytes",
                .{bytes.len},
            );
        try self.unpack(bytes, values[0 .. count * width]);
        return count;
    }

    fn base64(self: *Body, value: []u8) ProblemError![]u8 {
        return decodeBase64(value) orelse self.failExpecting(
            "standard base64 (RFC 4648 section 4), without a data: prefix or spaces",
            .{},
            "the text is not base64",
            .{},
        );
    }
};

/// Decodes over the text itself. In pieces through a small buffer,
/// so that no decoder has to work with overlapping slices.
fn decodeBase64(text: []u8) ?[]u8 {
    const unpadded = std.mem.trimEnd(u8, text, "=");
    const padding = text.len - unpadded.len;
    if (padding > 0 and (padding > 2 or text.len % 4 != 0)) return null;
    const decoder = std.base64.standard_no_pad.Decoder;
    const piece_chars = 1024;
    var buffer: [piece_chars / 4 * 3]u8 = undefined;
    var written: usize = 0;
    var at: usize = 0;
    while (at < unpadded.len) {
        const piece = unpadded[at..@min(unpadded.len, at + piece_chars)];
        const size = decoder.calcSizeForSlice(piece) catch return null;
        decoder.decode(buffer[0..size], piece) catch return null;
        at += piece.len;
        @memcpy(text[written..][0..size], buffer[0..size]);
        written += size;
    }
    return text[0..written];
}

fn name(token: Token) []const u8 {
    return switch (token) {
        .object_begin, .object_end => "an object",
        .array_begin, .array_end => "an array",
        .text => "a string",
        .bytes => "a byte string",
        .number, .decimal => "a number",
        .boolean => "a boolean",
        .null => "null",
        .end => "the end of the body",
    };
}

test "rows as arrays, base64 and bytes are the same numbers" {
    var problem: Problem = .{};
    var body: Body = undefined;
    var values: [6]f32 = undefined;
    var json = "[[1,2,3],\"AACAQAAAoEAAAMBA\"]".*;
    body.init(.json, &json, &problem);
    try std.testing.expectEqual(@as(usize, 2), try body.rows(&values, 3));
    try std.testing.expectEqualSlices(f32, &.{ 1, 2, 3, 4, 5, 6 }, &values);
    var cbor = [_]u8{ 0xd8, 0x55, 0x4c, 0, 0, 0x80, 0x40, 0, 0, 0xa0, 0x40, 0, 0, 0xc0, 0x40 };
    body.init(.cbor, &cbor, &problem);
    try std.testing.expectEqual(@as(usize, 1), try body.rows(&values, 3));
    try std.testing.expectEqualSlices(f32, &.{ 4, 5, 6 }, values[0..3]);
}

test "a wrong number is named by its path" {
    var problem: Problem = .{};
    var body: Body = undefined;
    var values: [6]f32 = undefined;
    var json = "[[1,2,3],[1,true,3]]".*;
    body.init(.json, &json, &problem);
    body.path.append("actions");
    try std.testing.expectError(error.Problem, body.rows(&values, 3));
    try std.testing.expectEqualStrings("actions[1][1]", problem.field.slice());
    try std.testing.expectEqual(.BODY_INVALID, problem.code);
}
