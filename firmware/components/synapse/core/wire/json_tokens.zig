//! A JSON body as a stream of tokens. std.json's scanner does the grammar; strings are put together in place, over
//! bytes that were already read, so that a base64 picture of a megabyte with escaped slashes needs no second buffer.
const std = @import("std");
const limits = @import("../limits.zig");
const binary64 = @import("binary64.zig");
const tokens = @import("token.zig");
const Token = tokens.Token;

pub const JsonTokens = struct {
    body: []u8,
    scanner: std.json.Scanner,
    /// Holds the scanner's nesting bits; FixedBufferAllocator keeps its growth inside.
    stack_bytes: [512]u8 = undefined,
    stack_allocator: std.heap.FixedBufferAllocator,
    depth: usize = 0,

    /// In place: the scanner keeps a pointer into this struct, so it must not move.
    pub fn init(self: *JsonTokens, body: []u8) void {
        self.body = body;
        self.depth = 0;
        self.stack_allocator = .init(&self.stack_bytes);
        self.scanner = .initCompleteInput(self.stack_allocator.allocator(), body);
    }

    pub fn offset(self: *const JsonTokens) usize {
        return self.scanner.cursor;
    }

    fn scan(self: *JsonTokens) tokens.Error!std.json.Token {
        return self.scanner.next() catch |err| switch (err) {
            error.OutOfMemory => error.TooDeep,
            error.UnexpectedEndOfInput, error.BufferUnderrun => error.Truncated,
            error.SyntaxError => error.Malformed,
        };
    }

    pub fn next(self: *JsonTokens) tokens.Error!Token {
        switch (try self.scan()) {
            .object_begin => return self.begin(.object_begin),
            .array_begin => return self.begin(.array_begin),
            .object_end => {
                self.depth -= 1;
                return .object_end;
            },
            .array_end => {
                self.depth -= 1;
                return .array_end;
            },
            .true => return .{ .boolean = true },
            .false => return .{ .boolean = false },
            .null => return .null,
            .end_of_document => return .end,
            .number => |text| {
                if (text.len > limits.number_bytes_max) return error.NumberTooLong;
                // Whole numbers that f64 holds exactly keep all their digits: seeds need them.
                const negative = text[0] == '-';
                if (wholeOf(text[@intFromBool(negative)..])) |whole| {
                    const magnitude = binary64.ofWhole(whole);
                    return .{ .number = if (negative) -magnitude else magnitude };
                }
                return .{ .decimal = std.fmt.parseFloat(f32, text) catch return error.Malformed };
            },
            .string => |text| return .{ .text = self.mutable(text) },
            .partial_string => |text| return .{ .text = try self.gather(self.mutable(text)) },
            .partial_string_escaped_1 => |bytes| return .{ .text = try self.gatherEscaped(&bytes) },
            .partial_string_escaped_2 => |bytes| return .{ .text = try self.gatherEscaped(&bytes) },
            .partial_string_escaped_3 => |bytes| return .{ .text = try self.gatherEscaped(&bytes) },
            .partial_string_escaped_4 => |bytes| return .{ .text = try self.gatherEscaped(&bytes) },
            .partial_number, .allocated_number, .allocated_string => return error.Malformed,
        }
    }

    /// A string that starts with an escape: every escape is longer than what it stands for,
    /// so its own bytes have room for it.
    fn gatherEscaped(self: *JsonTokens, bytes: []const u8) tokens.Error![]u8 {
        const first = self.body[self.scanner.cursor - bytes.len ..][0..bytes.len];
        @memcpy(first, bytes);
        return self.gather(first);
    }

    /// Moves the pieces that follow `first` behind it. The target never overtakes the scanner, which is ahead by at
    /// least the escapes.
    fn gather(self: *JsonTokens, first: []u8) tokens.Error![]u8 {
        const start = @intFromPtr(first.ptr) - @intFromPtr(self.body.ptr);
        var end = start + first.len;
        while (true) {
            const piece: []const u8 = switch (try self.scan()) {
                .string => |text| {
                    end = self.move(end, text);
                    return self.body[start..end];
                },
                .partial_string => |text| text,
                .partial_string_escaped_1 => |*bytes| bytes,
                .partial_string_escaped_2 => |*bytes| bytes,
                .partial_string_escaped_3 => |*bytes| bytes,
                .partial_string_escaped_4 => |*bytes| bytes,
                else => return error.Malformed,
            };
            end = self.move(end, piece);
        }
    }

    fn move(self: *JsonTokens, end: usize, piece: []const u8) usize {
        std.debug.assert(end + piece.len <= self.scanner.cursor);
        @memmove(self.body[end..][0..piece.len], piece);
        return end + piece.len;
    }

    fn begin(self: *JsonTokens, token: Token) tokens.Error!Token {
        self.depth += 1;
        if (self.depth > limits.body_depth_max) return error.TooDeep;
        return token;
    }

    fn mutable(self: *JsonTokens, text: []const u8) []u8 {
        const start = @intFromPtr(text.ptr) - @intFromPtr(self.body.ptr);
        return self.body[start..][0..text.len];
    }
};

/// The whole number below 2^53 that a number without a sign stands for, with a point or an exponent too: 1e15
/// and 123456789.0 are whole. Null for any other.
fn wholeOf(text: []const u8) ?u64 {
    const digits_len = std.mem.indexOfAny(u8, text, "eE") orelse text.len;
    // An exponent beyond i32 leaves nothing whole but zero, whatever its sign.
    var scale: i64 = if (digits_len == text.len) 0 else std.fmt.parseInt(
        i32,
        text[digits_len + 1 ..],
        10,
    ) catch std.math.maxInt(i32);
    var value: u64 = 0;
    // Of the digits so far; they count once another digit follows.
    var zeros: i64 = 0;
    var fraction = false;
    for (text[0..digits_len]) |character| {
        if (character == '.') {
            fraction = true;
            continue;
        }
        if (fraction) scale -= 1;
        zeros += 1;
        if (character == '0') continue;
        value = scaled(value, zeros) orelse return null;
        value += character - '0';
        zeros = 0;
    }
    const whole = scaled(value, scale + zeros) orelse return null;
    return if (whole < 1 << 53) whole else null;
}

/// value * 10^scale, if that is whole and not far beyond 2^53.
fn scaled(value: u64, scale: i64) ?u64 {
    if (value == 0) return 0;
    var result = value;
    var left = scale;
    while (left < 0) : (left += 1) {
        if (result % 10 != 0) return null;
        result /= 10;
    }
    while (left > 0) : (left -= 1) {
        if (result >= 1 << 53) return null;
        result *= 10;
    }
    return result;
}

fn tokensOf(text: []const u8, buffer: []u8, self: *JsonTokens) void {
    @memcpy(buffer[0..text.len], text);
    self.init(buffer[0..text.len]);
}

test "escaped strings are put together in place" {
    var buffer: [256]u8 = undefined;
    var json: JsonTokens = undefined;
    tokensOf("[\"a\\/b\\u20acc\\ud83d\\ude00\",\"\\n\",\"\",-1.5e0]", &buffer, &json);
    try std.testing.expectEqual(Token.array_begin, try json.next());
    try std.testing.expectEqualStrings("a/b\u{20ac}c\u{1f600}", (try json.next()).text);
    try std.testing.expectEqualStrings("\n", (try json.next()).text);
    try std.testing.expectEqualStrings("", (try json.next()).text);
    try std.testing.expectEqual(@as(f32, -1.5), (try json.next()).decimal);
    try std.testing.expectEqual(Token.array_end, try json.next());
    try std.testing.expectEqual(Token.end, try json.next());
}

test "a whole number keeps its digits however it is written, and a zero its sign" {
    var buffer: [512]u8 = undefined;
    var json: JsonTokens = undefined;
    tokensOf(
        "[9007199254740991,123456789.0,1e15,1.23456789E+8,12345678900e-2,0.0000000123456789e16," ++
            "100000000000000000000000000e-26,0e99999999999,0.00,20000001.0000000000000000000000000]",
        &buffer,
        &json,
    );
    _ = try json.next();
    for ([_]f64{
        9007199254740991,
        123456789,
        1e15,
        123456789,
        123456789,
        123456789,
        1,
        0,
        0,
        20000001,
    }) |whole| try std.testing.expectEqual(whole, (try json.next()).number);
    tokensOf("[-123456789,-9007199254740991.0]", &buffer, &json);
    _ = try json.next();
    for ([_]f64{ -123456789, -9007199254740991 }) |whole| try std.testing.expectEqual(whole, (try json.next()).number);
    // Everything else is the nearest f32, and no whole number even where that is one.
    tokensOf(
        "[123456789.5,9007199254740993,1e-60,1e-2147483648,1e99999,-1e99999,1e-99999999999999999999]",
        &buffer,
        &json,
    );
    _ = try json.next();
    for ([_]f32{
        123456792,
        9007199254740992,
        0,
        0,
        std.math.inf(f32),
        -std.math.inf(f32),
        0,
    }) |nearest| try std.testing.expectEqual(nearest, (try json.next()).decimal);
    tokensOf("[-0,-0.0,0]", &buffer, &json);
    _ = try json.next();
    for ([_]bool{ true, true, false }) |negative| {
        try std.testing.expectEqual(negative, std.math.signbit((try json.next()).number));
    }
}

test "depth, number length and truncation are errors" {
    var buffer: [256]u8 = undefined;
    var json: JsonTokens = undefined;
    tokensOf("[[[[[[[[[[[[[[[[[[", &buffer, &json);
    for (0..limits.body_depth_max) |_| _ = try json.next();
    try std.testing.expectError(error.TooDeep, json.next());
    const digits: [limits.number_bytes_max + 1]u8 = @splat('1');
    tokensOf(&digits, &buffer, &json);
    try std.testing.expectError(error.NumberTooLong, json.next());
    tokensOf("[1,", &buffer, &json);
    _ = try json.next();
    _ = try json.next();
    try std.testing.expectError(error.Truncated, json.next());
}

test "numbers have up to 64 characters, and are whole below 2^53" {
    const cases = [_]struct { []const u8, tokens.Error!bool }{
        .{ "0." ++ "11111111111111111111111111111111111111111111111111111111111111", false },
        .{ "0.111111111111111111111111111111111111111111111111111111111111111", error.NumberTooLong },
        .{ "9007199254740991", true },
        .{ "9007199254740992", false },
        .{ "-9007199254740991", true },
        .{ "-9007199254740992", false },
    };
    for (cases) |case| {
        var body: [80]u8 = undefined;
        const text = body[0..case[0].len];
        @memcpy(text, case[0]);
        var json: JsonTokens = undefined;
        json.init(text);
        errdefer std.debug.print("{s}\n", .{case[0]});
        const token = json.next();
        if (case[1]) |whole| {
            try std.testing.expectEqual(whole, (try token) == .number);
        } else |expected| try std.testing.expectError(expected, token);
    }
}
