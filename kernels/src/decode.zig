//! CBOR maps to structs by their field names: required fields have no default, optional ones do, unknown and repeated
//! keys are errors. A field that is no plain number, name or truth value has a type that knows how to `read` itself.

const std = @import("std");
const cbor = @import("cbor.zig");
const limits = @import("limits.zig");
const Error = @import("errors.zig").Error;

/// Reads a whole map into `T`.
pub fn map(comptime T: type, reader: *cbor.Reader) Error!T {
    const at = reader.position;
    return fields(T, reader, try reader.map(pairs_max), at);
}

/// No map has as many keys; what has more is refused before it is looked at.
const pairs_max = 64;

/// Reads `count` pairs of a map that began at `at` into `T`.
pub fn fields(comptime T: type, reader: *cbor.Reader, count: u32, at: usize) Error!T {
    const info = @typeInfo(T).@"struct";
    var result: T = undefined;
    var seen: [info.field_names.len]bool = @splat(false);
    for (0..count) |_| {
        const key_at = reader.position;
        const key = try reader.text(limits.port_name_bytes_max);
        const index = indexOf(info.field_names, key) orelse return reader.report.fail(
            .header,
            key_at,
            "byte {d}: unknown key \"{s}\"",
            .{ key_at, key },
        );
        if (seen[index]) return reader.report.fail(
            .header,
            key_at,
            "byte {d}: key \"{s}\" stands twice",
            .{ key_at, key },
        );
        seen[index] = true;
        inline for (info.field_names, info.field_types, 0..) |field, Field, i| {
            if (index == i) @field(result, field) = try value(Field, reader);
        }
    }
    var missing: ?[]const u8 = null;
    inline for (info.field_names, info.field_types, info.field_attrs, 0..) |field, Field, attributes, i| {
        if (attributes.defaultValue(Field)) |default| {
            if (!seen[i]) @field(result, field) = default;
        } else if (!seen[i]) missing = field;
    }
    if (missing) |field| return reader.report.fail(.header, at, "byte {d}: key \"{s}\" is missing", .{ at, field });
    return result;
}

fn value(comptime T: type, reader: *cbor.Reader) Error!T {
    switch (T) {
        u32 => return reader.unsigned(std.math.maxInt(u32)),
        f32 => return reader.number(),
        bool => return reader.boolean(),
        else => switch (@typeInfo(T)) {
            .optional => |optional| return try value(optional.child, reader),
            .@"enum" => return name(T, reader),
            .@"struct" => return T.read(reader),
            else => comptime unreachable,
        },
    }
}

/// A whole number of at most `value_max`.
pub fn Count(comptime value_max: u32) type {
    return struct {
        value: u32,

        pub fn read(reader: *cbor.Reader) Error!@This() {
            return .{ .value = try reader.unsigned(value_max) };
        }
    };
}

pub fn Text(comptime bytes_max: usize) type {
    return struct {
        bytes: []const u8 = "",

        pub fn read(reader: *cbor.Reader) Error!@This() {
            return .{ .bytes = try reader.text(bytes_max) };
        }
    };
}

/// Where a value stands that is read later.
pub const Place = struct {
    begin: u32 = 0,
    end: u32 = 0,

    pub fn read(reader: *cbor.Reader) Error!Place {
        const begin: u32 = @intCast(reader.position);
        try reader.skip();
        return .{ .begin = begin, .end = @intCast(reader.position) };
    }
};

/// Where the items of an array stand that are read later, and how many they are.
pub fn List(comptime count_max: usize) type {
    return struct {
        begin: u32 = 0,
        count: u32 = 0,

        pub fn read(reader: *cbor.Reader) Error!@This() {
            const count = try reader.array(count_max);
            const begin: u32 = @intCast(reader.position);
            for (0..count) |_| try reader.skip();
            return .{ .begin = begin, .count = count };
        }
    };
}

/// A text that names a value of an enum.
pub fn name(comptime T: type, reader: *cbor.Reader) Error!T {
    const at = reader.position;
    const text = try reader.text(limits.port_name_bytes_max);
    const info = @typeInfo(T).@"enum";
    const index = indexOf(info.field_names, text) orelse return reader.report.fail(
        .header,
        at,
        "byte {d}: unknown name \"{s}\"",
        .{ at, text },
    );
    const values = comptime blk: {
        var all: [info.field_names.len]T = undefined;
        for (&all, info.field_names) |*each, field| each.* = @field(T, field);
        break :blk all;
    };
    return values[index];
}

/// Out of line and not unrolled: the header knows some hundred names.
noinline fn indexOf(names: []const [:0]const u8, text: []const u8) ?usize {
    for (names, 0..) |candidate, index| {
        if (std.mem.eql(u8, candidate, text)) return index;
    }
    return null;
}

const Report = @import("errors.zig").Report;

fn readTest(comptime T: type, bytes: []const u8, report: *Report) Error!T {
    var reader: cbor.Reader = .init(bytes, 0, bytes.len, report);
    return map(T, &reader);
}

test "a map is read by the fields of a struct, in any order" {
    const T = struct {
        at: Place,
        list: List(3),
        name: Text(4) = .{ .bytes = "none" },
        rows: Count(9),
        dynamic: ?bool = null,
    };
    var report: Report = .{};
    const found = try readTest(
        T,
        "\xa4\x64rows\x09\x64list\x82\x01\x81\x02\x62at\xa1\x61x\x01\x67dynamic\xf5",
        &report,
    );
    try std.testing.expectEqual(9, found.rows.value);
    try std.testing.expectEqualStrings("none", found.name.bytes);
    try std.testing.expectEqual(true, found.dynamic);
    try std.testing.expectEqual(List(3){ .begin = 13, .count = 2 }, found.list);
    try std.testing.expectEqual(Place{ .begin = 19, .end = 23 }, found.at);
}

test "a key that is repeated, unknown or missing, and a value beyond its bound, are refused where they stand" {
    const T = struct { name: Text(4), rows: Count(9) };
    const cases = [_]struct { []const u8, []const u8 }{
        .{ "\xa3\x64name\x61a\x64name\x61b\x64rows\x01", "byte 8: key \"name\" stands twice" },
        .{ "\xa2\x64name\x61a\x64cols\x01", "byte 8: unknown key \"cols\"" },
        .{ "\xa1\x64name\x61a", "byte 0: key \"rows\" is missing" },
        .{ "\xa2\x64name\x61a\x64rows\x0a", "byte 13: 10, at most 9 allowed" },
        .{ "\xa2\x64name\x65aaaaa\x64rows\x09", "byte 6: text of 5 bytes, at most 4 allowed" },
    };
    for (cases) |case| {
        var report: Report = .{};
        try std.testing.expectError(error.Refused, readTest(T, case[0], &report));
        try std.testing.expectEqualStrings(case[1], std.mem.sliceTo(&report.message, 0));
    }
}
