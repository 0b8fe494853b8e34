//! Addresses as they may be shown. What stands before the `@` of a host is a name and a password, and a query is often a signature: whoever has it may fetch.
const std = @import("std");

/// `url` without its secrets, in `buffer`, which holds as many bytes as `url` and `longer_max`.
pub fn masked(url: []const u8, buffer: []u8) []const u8 {
    const start = if (std.mem.indexOf(u8, url, "://")) |scheme| scheme + 3 else 0;
    const end = std.mem.indexOfAnyPos(u8, url, start, "/?#") orelse url.len;
    const at = std.mem.lastIndexOfScalar(u8, url[start..end], '@');
    const query = std.mem.indexOfAnyPos(u8, url, end, "?#") orelse url.len;
    var writer: std.Io.Writer = .fixed(buffer);
    writer.print("{s}{s}{s}{s}", .{ url[0..start], if (at != null) "***@" else "", url[if (at) |i| start + i + 1 else start..query], if (query < url.len) "?***" else "" }) catch unreachable;
    return writer.buffered();
}

pub const longer_max = 8;

test "names, passwords and signatures are not shown" {
    const cases = [_][2][]const u8{
        .{ "mqtt://broker:1883", "mqtt://broker:1883" },
        .{ "mqtts://user:p%40ss@broker/x", "mqtts://***@broker/x" },
        .{ "http://a@b@host/f", "http://***@host/f" },
        .{ "https://s3.example/f.syn?X-Amz-Signature=abc&x=1#k", "https://s3.example/f.syn?***" },
        .{ "https://u:p@h?s", "https://***@h?***" },
        .{ "https://h/a@b", "https://h/a@b" },
        .{ "https://h#secret", "https://h?***" },
        .{ "u@h", "***@h" },
        .{ "", "" },
    };
    for (cases) |case| {
        var buffer: [128]u8 = undefined;
        try std.testing.expectEqualStrings(case[1], masked(case[0], buffer[0 .. case[0].len + longer_max]));
    }
}
