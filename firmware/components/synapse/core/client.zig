//! Who asks, as far as the network tells: the address of a request's client. Strangers share the board by it.
const std = @import("std");
const Bounded = @import("problem.zig").Bounded;

/// As the port gives it: an IPv4 or IPv6 address as text; empty when there is none.
pub const Client = Bounded(46);

/// What counts as one client: an IPv4 address, also when it is written as IPv6; the first half of an IPv6 address, since whoever has one has
/// all with that beginning; but a link-local one whole, where that half is everybody's.
pub fn share(address: []const u8) []const u8 {
    const plain = address[0 .. std.mem.indexOfScalar(u8, address, '%') orelse address.len];
    if (std.mem.indexOfScalar(u8, plain, '.') != null) return plain[if (std.mem.lastIndexOfScalar(u8, plain, ':')) |colon| colon + 1 else 0..];
    if (std.ascii.startsWithIgnoreCase(plain, "fe80:")) return plain;
    var groups: usize = 0;
    for (plain, 0..) |byte, i| if (byte == ':') {
        groups += 1;
        if (groups == 4 or (i > 0 and plain[i - 1] == ':')) return plain[0..i];
    };
    return plain;
}

pub fn same(a: *const Client, b: *const Client) bool {
    return std.ascii.eqlIgnoreCase(share(a.slice()), share(b.slice()));
}

test "one client has one address, or one network of IPv6" {
    const cases = [_]struct { []const u8, []const u8, bool }{
        .{ "192.168.1.7", "192.168.1.7", true },
        .{ "192.168.1.7", "192.168.1.8", false },
        .{ "192.168.1.7", "::ffff:192.168.1.7", true },
        .{ "2001:db8:1:2::7", "2001:DB8:1:2:3:4:5:6", true },
        .{ "2001:db8:1:2::7", "2001:db8:1:3::7", false },
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
