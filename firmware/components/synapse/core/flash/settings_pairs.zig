//! Settings as bytes: a row of pairs, each `key_bytes u8 | value_bytes u16 | key | value`. A value length of 0xffff
//! removes the key.
const std = @import("std");

pub const key_bytes_max = 31;
const removed = 0xffff;
const head_bytes = 3;

pub const Pair = struct {
    key: []const u8,
    /// Null: the key is removed.
    value: ?[]const u8,
};

/// Walks over pairs and ends early at bytes that are none.
pub const Iterator = struct {
    bytes: []const u8,
    at: usize = 0,

    pub fn next(pairs: *Iterator) ?Pair {
        const rest = pairs.bytes[pairs.at..];
        if (rest.len < head_bytes) return null;
        const key_bytes: usize = rest[0];
        const length = std.mem.readInt(u16, rest[1..3], .little);
        const value_bytes: usize = if (length == removed) 0 else length;
        if (key_bytes == 0 or key_bytes > key_bytes_max or rest.len - head_bytes < key_bytes + value_bytes) return null;
        pairs.at += head_bytes + key_bytes + value_bytes;
        const key = rest[head_bytes..][0..key_bytes];
        return .{
            .key = key,
            .value = if (length == removed) null else rest[head_bytes + key_bytes ..][0..value_bytes],
        };
    }
};

pub fn isWhole(bytes: []const u8) bool {
    var pairs: Iterator = .{ .bytes = bytes };
    while (pairs.next()) |_| {}
    return pairs.at == bytes.len;
}

pub fn find(bytes: []const u8, key: []const u8) ?Pair {
    var pairs: Iterator = .{ .bytes = bytes };
    var found: ?Pair = null;
    while (pairs.next()) |pair| if (std.mem.eql(u8, pair.key, key)) {
        found = pair;
    };
    return found;
}

pub const Writer = struct {
    buffer: []u8,
    len: usize = 0,

    pub fn add(writer: *Writer, pair: Pair) error{NoSpace}!void {
        const value = pair.value orelse "";
        const bytes = head_bytes + pair.key.len + value.len;
        if (value.len >= removed or bytes > writer.buffer.len - writer.len) return error.NoSpace;
        const out = writer.buffer[writer.len..][0..bytes];
        out[0] = @intCast(pair.key.len);
        std.mem.writeInt(u16, out[1..3], if (pair.value == null) removed else @intCast(value.len), .little);
        @memcpy(out[head_bytes..][0..pair.key.len], pair.key);
        @memcpy(out[head_bytes + pair.key.len ..], value);
        writer.len += bytes;
    }
};

/// `old` with `changes` made to it, in `buffer`, which is neither's. The last change of a key counts.
pub fn merge(buffer: []u8, old: []const u8, changes: []const u8) error{NoSpace}![]u8 {
    var out: Writer = .{ .buffer = buffer };
    var pairs: Iterator = .{ .bytes = old };
    while (pairs.next()) |pair| {
        if (find(changes, pair.key) == null) try out.add(pair);
    }
    pairs = .{ .bytes = changes };
    while (pairs.next()) |pair| {
        const later = find(changes[pairs.at..], pair.key) != null;
        if (!later and pair.value != null) try out.add(pair);
    }
    return buffer[0..out.len];
}

test "the last change of a key counts, and removed keys are gone" {
    var a: [64]u8 = undefined;
    var b: [64]u8 = undefined;
    var changes: Writer = .{ .buffer = &a };
    for ([_]Pair{
        .{ .key = "name", .value = "one" },
        .{ .key = "x", .value = "" },
        .{ .key = "name", .value = "two" },
        .{ .key = "y", .value = null },
    }) |pair| try changes.add(pair);
    const merged = try merge(&b, "", a[0..changes.len]);
    try std.testing.expectEqualStrings("two", find(merged, "name").?.value.?);
    try std.testing.expectEqualStrings("", find(merged, "x").?.value.?);
    try std.testing.expectEqual(null, find(merged, "y"));
    var c: [64]u8 = undefined;
    changes = .{ .buffer = &a };
    try changes.add(.{ .key = "name", .value = null });
    try std.testing.expectEqual(null, find(try merge(&c, merged, a[0..changes.len]), "name"));
    try std.testing.expectError(error.NoSpace, merge(c[0..8], "", merged));
}

test "any bytes can be walked over" {
    var source: std.Random.DefaultPrng = .init(std.testing.random_seed);
    errdefer std.debug.print("seed: 0x{x}\n", .{std.testing.random_seed});
    for (0..20_000) |_| {
        var bytes: [40]u8 = undefined;
        source.random().bytes(&bytes);
        for (&bytes) |*byte| if (byte.* & 1 == 0) {
            byte.* %= 8;
        };
        _ = isWhole(&bytes);
        _ = find(&bytes, "abc");
        var out: [80]u8 = undefined;
        if (merge(
            &out,
            bytes[0..20],
            bytes[20..],
        )) |merged| try std.testing.expect(isWhole(merged)) else |err| return err;
    }
}
