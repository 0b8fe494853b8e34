//! The address of a broker as people give it: `mqtt://user:password@host:port/path`. What it says of a user is taken
//! apart, so that it is kept as the secret that it is and the address can be shown.
const std = @import("std");
const isPrintable = @import("schema.zig").isPrintable;

pub const expected = "mqtt://, mqtts://, ws:// or wss://, a host, and maybe a port from 1 to 65535; none to remove " ++
    "the setting";

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
    for (place[0..colon]) |byte| {
        if (!std.ascii.isAlphanumeric(byte) and byte != '.' and byte != '-' and byte != '_') return false;
    }
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

/// `text` without percent encoding, into `out`, which is as long at least. Null for a percent sign without two
/// hexadecimal digits, and for what is not printable.
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

const Cases = struct {
    valid: []const struct {
        address: []const u8,
        url: []const u8,
        username: []const u8,
        password: []const u8,
    },
    invalid: []const []const u8,
};

test "addresses are what the table says of them" {
    const table = @embedFile("broker_address_cases.json");
    const cases = try std.json.parseFromSlice(Cases, std.testing.allocator, table, .{});
    defer cases.deinit();
    var username: [64]u8 = undefined;
    var password: [64]u8 = undefined;
    for (cases.value.valid) |case| {
        errdefer std.debug.print("{s}\n", .{case.address});
        const address = Address.parse(case.address) orelse return error.Refused;
        try std.testing.expect(std.mem.startsWith(u8, case.url, address.scheme));
        try std.testing.expectEqualStrings(case.url[address.scheme.len..], address.rest);
        try std.testing.expectEqualStrings(case.username, decode(&username, address.username orelse "").?);
        try std.testing.expectEqualStrings(case.password, decode(&password, address.password orelse "").?);
    }
    for (cases.value.invalid) |text| {
        errdefer std.debug.print("{s}\n", .{text});
        const address = Address.parse(text) orelse continue;
        const named = decode(&username, address.username orelse "") != null;
        try std.testing.expect(!named or decode(&password, address.password orelse "") == null);
    }
}

test "no user and no password are told apart from empty ones" {
    try std.testing.expectEqual(null, Address.parse("mqtt://b").?.username);
    try std.testing.expectEqual(null, Address.parse("mqtt://me@b").?.password);
    try std.testing.expectEqualStrings("", Address.parse("mqtt://me:@b").?.password.?);
    try std.testing.expectEqual(null, Address.parse("ws://b/a@c").?.username);
}
