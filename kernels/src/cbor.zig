//! A strict, bounded reader of the CBOR subset that packed models use (RFC 8949): definite lengths, text keys, no tags.
//!
//! It never allocates and never recurses: `skip` counts instead. Positions are absolute file offsets,
//! so errors can name the byte.

const std = @import("std");
const limits = @import("limits.zig");
const errors = @import("errors.zig");
const Report = errors.Report;
const Error = errors.Error;

pub const Major = enum(u3) { unsigned = 0, negative = 1, bytes = 2, text = 3, array = 4, map = 5, tag = 6, simple = 7 };

/// The bits of a double as the nearest f32, as `@floatCast` has it. In integers: a chip's helper for it comes from its
/// ROM, whose rounding nobody here has seen, and what a model computes must not depend on that.
fn single(bits: u64) f32 {
    const sign = @as(u32, @truncate(bits >> 32)) & 0x8000_0000;
    const exponent: i32 = @as(i32, @intCast(bits >> 52 & 0x7ff)) - 1023;
    if (exponent == 1024 and bits << 12 != 0) return std.math.nan(f32);
    if (exponent > 127) return @bitCast(sign | 0x7f80_0000);
    // A normal f32 keeps 24 of the 53 bits, and one fewer for every power of two below 2^-126.
    const dropped: u6 = if (exponent >= -126) 29 else @intCast(@min(63, -97 - exponent));
    const significand = bits & (1 << 52) - 1 | 1 << 52;
    const kept: u32 = @intCast(significand >> dropped);
    const rest = significand & (@as(u64, 1) << dropped) - 1;
    const half = @as(u64, 1) << dropped - 1;
    const up = rest > half or (rest == half and kept & 1 == 1);
    // The hidden bit adds one to the exponent, and so does a rounding that carries into it.
    const base: u32 = if (exponent >= -126) @as(u32, @intCast(exponent + 126)) << 23 else 0;
    return @bitCast(sign | (base + kept + @intFromBool(up)));
}

const Head = struct { major: Major, info: u5, value: u64, at: usize };

pub const Reader = struct {
    file: []const u8,
    position: usize,
    end: usize,
    report: *Report,

    pub fn init(file: []const u8, begin: usize, end: usize, report: *Report) Reader {
        return .{ .file = file, .position = begin, .end = end, .report = report };
    }

    fn fail(self: *Reader, at: usize, comptime format: []const u8, args: anytype) Error {
        return self.report.fail(.cbor, at, format, args);
    }

    fn head(self: *Reader) Error!Head {
        const at = self.position;
        if (at >= self.end) return self.fail(at, "header ends at byte {d} in the middle of a value", .{at});
        const initial = self.file[at];
        const info: u5 = @truncate(initial);
        const major: Major = @fromBackingInt(@intCast(initial >> 5));
        self.position += 1;
        const value: u64 = switch (info) {
            0...23 => info,
            24, 25, 26, 27 => blk: {
                const length = @as(usize, 1) << @intCast(info - 24);
                if (self.end - self.position < length) return self.fail(
                    at,
                    "header ends inside the number at byte {d}",
                    .{at},
                );
                var sum: u64 = 0;
                for (self.file[self.position..][0..length]) |byte| sum = sum << 8 | byte;
                self.position += length;
                break :blk sum;
            },
            else => return self.fail(at, "byte {d}: indefinite lengths and reserved values are not allowed", .{at}),
        };
        if (major == .tag) return self.fail(at, "byte {d}: tags are not allowed", .{at});
        return .{ .major = major, .info = info, .value = value, .at = at };
    }

    fn expect(self: *Reader, major: Major, what: []const u8) Error!Head {
        const item = try self.head();
        if (item.major != major) {
            return self.report.fail(
                .header,
                item.at,
                "byte {d}: found {t}, expected {s}",
                .{ item.at, item.major, what },
            );
        }
        return item;
    }

    fn slice(self: *Reader, item: Head) Error![]const u8 {
        if (item.value > self.end - self.position) {
            return self.fail(item.at, "byte {d}: a string of {d} bytes runs past the header", .{ item.at, item.value });
        }
        const length: usize = @intCast(item.value);
        defer self.position += length;
        return self.file[self.position..][0..length];
    }

    pub fn text(self: *Reader, bytes_max: usize) Error![]const u8 {
        const item = try self.expect(.text, "text");
        if (item.value > bytes_max) {
            return self.report.fail(
                .limit,
                item.at,
                "byte {d}: text of {d} bytes, at most {d} allowed",
                .{ item.at, item.value, bytes_max },
            );
        }
        const value = try self.slice(item);
        if (!std.unicode.utf8ValidateSlice(value)) return self.fail(item.at, "byte {d}: text is not UTF-8", .{item.at});
        return value;
    }

    pub fn bytes(self: *Reader, length: usize) Error![]const u8 {
        const item = try self.expect(.bytes, "a byte string");
        if (item.value != length) {
            return self.report.fail(
                .header,
                item.at,
                "byte {d}: {d} bytes, expected {d}",
                .{ item.at, item.value, length },
            );
        }
        return self.slice(item);
    }

    /// The number of items of an array, which cannot exceed what the remaining bytes could hold.
    pub fn array(self: *Reader, count_max: usize) Error!u32 {
        return self.container(.array, count_max, "an array");
    }

    pub fn map(self: *Reader, count_max: usize) Error!u32 {
        return self.container(.map, count_max, "a map");
    }

    fn container(self: *Reader, major: Major, count_max: usize, what: []const u8) Error!u32 {
        const item = try self.expect(major, what);
        if (item.value > count_max) {
            return self.report.fail(
                .limit,
                item.at,
                "byte {d}: {d} items, at most {d} allowed",
                .{ item.at, item.value, count_max },
            );
        }
        if (item.value > self.end - self.position) {
            return self.fail(item.at, "byte {d}: {d} items do not fit in the header", .{ item.at, item.value });
        }
        return @intCast(item.value);
    }

    pub fn unsigned(self: *Reader, value_max: u64) Error!u32 {
        const item = try self.expect(.unsigned, "a whole number");
        if (item.value > value_max) {
            return self.report.fail(
                .limit,
                item.at,
                "byte {d}: {d}, at most {d} allowed",
                .{ item.at, item.value, value_max },
            );
        }
        return @intCast(item.value);
    }

    pub fn boolean(self: *Reader) Error!bool {
        const item = try self.head();
        if (item.major == .simple and item.info == 20) return false;
        if (item.major == .simple and item.info == 21) return true;
        return self.report.fail(.header, item.at, "byte {d}: expected true or false", .{item.at});
    }

    /// A finite number of any CBOR width, rounded to f32.
    pub fn number(self: *Reader) Error!f32 {
        const item = try self.head();
        const value: f32 = switch (item.major) {
            .unsigned => @floatFromInt(item.value),
            // The magnitude is one more than the number that stands there, and is rounded once.
            .negative => -@as(f32, @floatFromInt(item.value +| 1)),
            .simple => switch (item.info) {
                25 => @import("storage/expanded.zig").scaleOf(@bitCast(@as(u16, @truncate(item.value)))),
                26 => @bitCast(@as(u32, @truncate(item.value))),
                27 => single(item.value),
                else => return self.report.fail(.header, item.at, "byte {d}: expected a number", .{item.at}),
            },
            else => return self.report.fail(
                .header,
                item.at,
                "byte {d}: found {t}, expected a number",
                .{ item.at, item.major },
            ),
        };
        if (!std.math.isFinite(value)) return self.report.fail(
            .header,
            item.at,
            "byte {d}: expected a finite number",
            .{item.at},
        );
        return value;
    }

    /// Passes over one value of any allowed kind. Nesting is bounded; every step consumes input, so the time is too.
    /// Repeated keys are not looked for: whoever decodes the value finds them.
    pub fn skip(self: *Reader) Error!void {
        const Open = struct { remaining: u64, is_map: bool };
        // The header's own map, in which every value lies that is passed over, is the first level.
        var open: [limits.cbor_depth_max - 1]Open = undefined;
        var depth: usize = 0;
        while (true) {
            const item = try self.head();
            const is_key = depth > 0 and open[depth - 1].is_map and open[depth - 1].remaining % 2 == 0;
            if (is_key and item.major != .text) return self.fail(
                item.at,
                "byte {d}: found {t} as a key, expected text",
                .{ item.at, item.major },
            );
            switch (item.major) {
                .unsigned, .negative => {
                    const most: u64 = limits.cbor_integer_max;
                    if (item.value > most - @intFromBool(item.major == .negative)) {
                        return self.fail(item.at, "byte {d}: an integer beyond 2^53 - 1", .{item.at});
                    }
                },
                .bytes => _ = try self.slice(item),
                .text => if (!std.unicode.utf8ValidateSlice(try self.slice(item))) return self.fail(
                    item.at,
                    "byte {d}: text is not UTF-8",
                    .{item.at},
                ),
                .array, .map => {
                    if (item.value > self.end - self.position) {
                        return self.fail(
                            item.at,
                            "byte {d}: {d} items do not fit in the header",
                            .{ item.at, item.value },
                        );
                    }
                    if (depth == open.len) return self.fail(
                        item.at,
                        "byte {d}: nested deeper than {d}",
                        .{ item.at, limits.cbor_depth_max },
                    );
                    if (item.value > 0) {
                        const is_map = item.major == .map;
                        open[depth] = .{ .remaining = if (is_map) item.value * 2 else item.value, .is_map = is_map };
                        depth += 1;
                        continue;
                    }
                },
                .tag => unreachable,
                .simple => switch (item.info) {
                    20, 21, 22, 25, 26, 27 => {},
                    else => return self.fail(item.at, "byte {d}: expected true, false, null or a number", .{item.at}),
                },
            }
            while (depth > 0) {
                open[depth - 1].remaining -= 1;
                if (open[depth - 1].remaining > 0) break;
                depth -= 1;
            }
            if (depth == 0) return;
        }
    }
};

fn readerOf(bytes: []const u8, report: *Report) Reader {
    return .init(bytes, 0, bytes.len, report);
}

test "reads the allowed kinds" {
    var report: Report = .{};
    var reader = readerOf("\x19\x01\x00\x63abc\xf5\xf9\x3c\x00\xfa\x40\x20\x00\x00\x20\x82\x01\x02", &report);
    try std.testing.expectEqual(256, try reader.unsigned(1000));
    try std.testing.expectEqualStrings("abc", try reader.text(3));
    try std.testing.expect(try reader.boolean());
    try std.testing.expectEqual(1.0, try reader.number());
    try std.testing.expectEqual(2.5, try reader.number());
    try std.testing.expectEqual(-1.0, try reader.number());
    try std.testing.expectEqual(2, try reader.array(2));
}

test "refuses what the subset excludes, naming the byte" {
    const cases = [_][]const u8{
        "\xa1\x01\x01",
        "\xf7",
        "\xf8\x20",
        "\x1b\x00\x20\x00\x00\x00\x00\x00\x00",
        "\x81\x62\xc3\x28",
        "",
        "\x9f\x01\xff",
        "\xc0\x00",
        "\x19\x01",
        "\x65abc",
        "\x7b\xff\xff\xff\xff\xff\xff\xff\xff",
        "\x1c",
        "\x62\xc3\x28",
    };
    for (cases) |case| {
        var report: Report = .{};
        var reader = readerOf(case, &report);
        try std.testing.expectError(error.Refused, if (case.len > 0 and case[0] >> 5 == 3) blk: {
            _ = reader.text(100) catch |err| break :blk @as(Error!void, err);
            break :blk {};
        } else reader.skip());
        try std.testing.expect(report.code != .ok);
    }
}

test "skip is bounded in depth and consumes exactly one value" {
    var report: Report = .{};
    // Below the header's map there are fifteen more levels; an empty array is one, too.
    const deep = @as([15]u8, @splat(0x81)) ++ [_]u8{0x80};
    var reader = readerOf(deep[1..], &report);
    try reader.skip();
    reader = readerOf(&deep, &report);
    try std.testing.expectError(error.Refused, reader.skip());
    reader = readerOf("\xa1\x61a\x82\x01\xa0\x05", &report);
    try reader.skip();
    try std.testing.expectEqual(5, try reader.unsigned(9));
}

test "integers are rounded to f32 once, and end at 2^53 - 1 on both sides" {
    var report: Report = .{};
    // -16,777,218 is an f32; its magnitude less one is not.
    var reader = readerOf("\x3a\x01\x00\x00\x01\x1a\x01\x00\x00\x02", &report);
    try std.testing.expectEqual(-16_777_218.0, try reader.number());
    try std.testing.expectEqual(16_777_218.0, try reader.number());
    for ([_][]const u8{ "\x1b\x00\x1f\xff\xff\xff\xff\xff\xff", "\x3b\x00\x1f\xff\xff\xff\xff\xff\xfe" }) |last| {
        reader = readerOf(last, &report);
        try reader.skip();
    }
    for ([_][]const u8{ "\x1b\x00\x20\x00\x00\x00\x00\x00\x00", "\x3b\x00\x1f\xff\xff\xff\xff\xff\xff" }) |beyond| {
        reader = readerOf(beyond, &report);
        try std.testing.expectError(error.Refused, reader.skip());
    }
}

test "a double is rounded to the f32 that the processor makes of it" {
    var random: std.Random.DefaultPrng = .init(1);
    for (0..100_000) |_| {
        const drawn = random.random().int(u64);
        const near: u64 = @bitCast(@as(f64, @as(f32, @bitCast(@as(u32, @truncate(drawn))))));
        // Anything; around an f32, subnormal ones too; half way between two; and below all of them.
        const tiny = (863 + (drawn >> 40) % 50) << 52;
        for ([_]u64{
            drawn,
            near,
            near +% 1,
            near +% (1 << 28),
            near +% (1 << 28) + 1,
            near +% (3 << 28) - 1,
            tiny | drawn & 0xff << 44,
        }) |bits| {
            const expected: f32 = @floatCast(@as(f64, @bitCast(bits)));
            if (std.math.isNan(expected)) {
                try std.testing.expect(std.math.isNan(single(bits)));
            } else try std.testing.expectEqual(@as(u32, @bitCast(expected)), @as(u32, @bitCast(single(bits))));
        }
    }
}
