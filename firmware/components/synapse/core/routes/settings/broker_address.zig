//! The address of a broker as people give it: `mqtt://user:password@host:port/path`. What it says of a user is taken apart, so that it is kept as the
//! secret that it is and the address can be shown.
const std = @import("std");
const isPrintable = @import("schema.zig").isPrintable;

pub const expected = "mqtt://, mqtts://, ws:// or wss://, a host, and maybe a port from 1 to 65535; none to remove the setting";

pub const Address = struct {
    /// With its `://`.
    scheme: []const u8,
    /// As it stands in the address, percent signs and all; null without an `@`.
    username: ?[]const u8,
    /// Likewise; null without a colon in what stands before the `@`.
    password: ?[]const u8,
    /// Host, port and path.
    rest: []const u8,

    /// Null for what is no address of a broker.
    pub fn parse(text: []const u8) ?Address {
        const scheme = for ([_][]const u8{ "mqtt://", "mqtts://", "ws://", "wss://" }) |candidate| {
            if (std.mem.startsWith(u8, text, candidate)) break candidate;
        } else return null;
        for (text) |byte| if (byte <= ' ' or byte > '~') return null;
        const after = text[scheme.len..];
        const authority = after[0 .. std.mem.indexOfAny(u8, after, "/?#") orelse after.len];
        // A password may hold an `@`; a host cannot.
        const at = std.mem.lastIndexOfScalar(u8, authority, '@');
        const user = if (at) |end| authority[0..end] else null;
        const colon = if (user) |given| std.mem.indexOfScalar(u8, given, ':') else null;
        const place = authority[if (at) |end| end + 1 else 0..];
        if (!isPlace(place)) return null;
        return .{
            .scheme = scheme,
            .username = if (user) |given| given[0 .. colon orelse given.len] else null,
            .password = if (colon) |end| user.?[end + 1 ..] else null,
            .rest = after[if (at) |end| end + 1 else 0..],
        };
    }
};

/// A host name, an IPv4 address or an IPv6 address in brackets, and maybe a port.
pub fn isPlace(place: []const u8) bool {
    if (std.mem.startsWith(u8, place, "[")) {
        const end = std.mem.indexOfScalar(u8, place, ']') orelse return false;
        for (place[1..end]) |byte| if (!std.ascii.isHex(byte) and byte != ':' and byte != '.') return false;
        return end > 2 and isPort(place[end + 1 ..]);
    }
    const colon = std.mem.indexOfScalar(u8, place, ':') orelse place.len;
    for (place[0..colon]) |byte| if (!std.ascii.isAlphanumeric(byte) and byte != '.' and byte != '-' and byte != '_') return false;
    return colon > 0 and isPort(place[colon..]);
}

/// Nothing, or a colon and a number from 1 to 65535.
fn isPort(text: []const u8) bool {
    if (text.len == 0) return true;
    if (text[0] != ':' or text.len < 2 or text.len > 6 or text[1] == '0') return false;
    for (text[1..]) |digit| if (!std.ascii.isDigit(digit)) return false;
    const port = std.fmt.parseInt(u32, text[1..], 10) catch return false;
    return port <= 65535;
}

/// `text` without percent encoding, into `out`, which is as long at least. Null for a percent sign without two hexadecimal digits, and for what is
/// not printable.
pub fn decode(out: []u8, text: []const u8) ?[]const u8 {
    var count: usize = 0;
    var i: usize = 0;
    while (i < text.len) : (i += 1) {
        var byte = text[i];
        if (byte == '%') {
            if (text.len - i < 3) return null;
            byte = std.fmt.parseInt(u8, text[i + 1 ..][0..2], 16) catch return null;
            i += 2;
        }
        out[count] = byte;
        count += 1;
    }
    return if (isPrintable(out[0..count])) out[0..count] else null;
}

test "an address has a scheme, a host and maybe a port" {
    for ([_][]const u8{ "mqtt://10.0.0.2:1883", "mqtts://broker.example", "wss://b/mqtt", "ws://b:8080/x?y", "mqtt://[fe80::1]", "mqtt://[::1]:1883", "mqtt://b:1", "mqtt://b:65535", "mqtt://u:p@b", "mqtt://u@b:1883", "mqtt://u:p@p@b" }) |good| {
        errdefer std.debug.print("{s}\n", .{good});
        try std.testing.expect(Address.parse(good) != null);
    }
    for ([_][]const u8{ "", "broker", "http://a", "mqtt://", "mqtt://:1883", "mqtt://b:", "mqtt://b:0", "mqtt://b:080", "mqtt://b:-1", "mqtt://b:65536", "mqtt://b:99999", "mqtt://b:123456", "mqtt://b:18x3", "mqtt://a b", "mqtt://\u{e9}", "mqtt://[]", "mqtt://[::1", "mqtt://[g]", "mqtt://[::1]1883", "mqtt://u:p@", "mqtt://b/ x", "mqtt:///x" }) |bad| {
        errdefer std.debug.print("{s}\n", .{bad});
        try std.testing.expect(Address.parse(bad) == null);
    }
}

test "what it says of a user is taken apart" {
    const whole = Address.parse("mqtts://me:s%40cret@b:8883/x").?;
    try std.testing.expectEqualStrings("me", whole.username.?);
    try std.testing.expectEqualStrings("s%40cret", whole.password.?);
    try std.testing.expectEqualStrings("b:8883/x", whole.rest);
    const named = Address.parse("mqtt://me@b").?;
    try std.testing.expectEqualStrings("me", named.username.?);
    try std.testing.expectEqual(null, named.password);
    try std.testing.expectEqual(null, Address.parse("mqtt://b").?.username);
    // Only what stands before the path is a user.
    const path = Address.parse("ws://b/a@c").?;
    try std.testing.expectEqual(null, path.username);
    try std.testing.expectEqualStrings("b/a@c", path.rest);
}

test "percent signs stand for bytes" {
    var out: [16]u8 = undefined;
    try std.testing.expectEqualStrings("s@c:r t", decode(&out, "s%40c%3Ar%20t").?);
    for ([_][]const u8{ "%", "%4", "%zz", "%0a", "%7f", "%c2%80", "%ff" }) |bad| try std.testing.expectEqual(null, decode(&out, bad));
}
