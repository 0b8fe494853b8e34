//! Who asks, as far as the network tells: the address of a request's client. Strangers share the board by it.
const std = @import("std");
const Bounded = @import("../wire/problem.zig").Bounded;

/// As the port gives it: an IPv4 or IPv6 address as text; empty when there is none.
pub const Client = Bounded(46);

/// What counts as one client: an IPv4 address, also when it is written as IPv6; the first half of an IPv6 address,
/// since whoever has one has all with that beginning; but a link-local one whole, where that half is everybody's.
pub fn same(a: *const Client, b: *const Client) bool {
    const one = plain(a.slice());
    const other = plain(b.slice());
    if (isNetwork(one) and isNetwork(other)) return std.mem.eql(u16, &network(one), &network(other));
    return std.ascii.eqlIgnoreCase(one, other);
}

/// Without the name of an interface, and an IPv4 address without what makes it one of IPv6.
fn plain(address: []const u8) []const u8 {
    const text = address[0 .. std.mem.indexOfScalar(u8, address, '%') orelse address.len];
    if (std.mem.indexOfScalar(u8, text, '.') == null) return text;
    return text[if (std.mem.lastIndexOfScalar(u8, text, ':')) |colon| colon + 1 else 0..];
}

/// Whether an address counts by its first half.
fn isNetwork(text: []const u8) bool {
    return std.mem.indexOfScalar(u8, text, ':') != null and !std.ascii.startsWithIgnoreCase(text, "fe80:");
}

/// The first four groups of an IPv6 address, those that `::` stands for included. What is no digit is 0: whoever gives
/// addresses writes none.
noinline fn network(text: []const u8) [4]u16 {
    var groups: [8]u16 = @splat(0);
    var last: usize = 0;
    var gap: usize = groups.len;
    for (text, 0..) |byte, i| {
        if (byte != ':') {
            groups[last] = groups[last] << 4 | (std.fmt.charToDigit(byte, 16) catch 0);
        } else if (i > 0 and text[i - 1] == ':') {
            gap = last;
        } else last = @min(last + 1, groups.len - 1);
    }
    // What follows the gap stands at the address's end.
    const moved = groups.len - 1 - last;
    var first: [4]u16 = @splat(0);
    for (&first, 0..) |*group, i| {
        if (i < gap) group.* = groups[i] else if (i >= gap + moved) group.* = groups[i - moved];
    }
    return first;
}

test "one client has one address, or one network of IPv6" {
    const cases = [_]struct { []const u8, []const u8, bool }{
        .{ "192.168.1.7", "192.168.1.7", true },
        .{ "192.168.1.7", "192.168.1.8", false },
        .{ "192.168.1.7", "::ffff:192.168.1.7", true },
        .{ "2001:db8:1:2::7", "2001:DB8:1:2:3:4:5:6", true },
        .{ "2001:db8:1:2::7", "2001:db8:1:3::7", false },
        .{ "2001:db8::7", "2001:db8:0:0:1::", true },
        .{ "2001:db8:0:1::7", "2001:db8::1:0:0:0:1", true },
        .{ "2001:db8::7", "2001:db8:0:1::7", false },
        .{ "::7", "2001:db8::7", false },
        .{ "1:2:3::", "1:2:3:0:5:6:7:8", true },
        .{ "1::2:3:4:5:6", "1:0:0:2:9::", true },
        .{ "1::2:3:4:5:6", "1:2:3:4:5:6::", false },
        .{ "fe80::1%eth0", "fe80::2%eth0", false },
        .{ "fe80::1%eth0", "fe80::1", true },
        .{ "::1", "::1", true },
        .{ "", "", true },
        .{ "", "10.0.0.1", false },
    };
    for (cases) |case| {
        var a: Client = .{};
        var b: Client = .{};
        a.append(case[0]);
        b.append(case[1]);
        errdefer std.debug.print("{s} {s}\n", .{ case[0], case[1] });
        try std.testing.expectEqual(case[2], same(&a, &b));
    }
}
