//! Addresses as they may be shown. What stands before the `@` of a host is a name and a password, and a query is often
//! a signature: whoever has it may fetch.
const std = @import("std");

/// `url` without its secrets, in `buffer`, which holds as many bytes as `url` and `longer_max`. A password with a raw
/// `/`, `?` or `#` ends the host for whoever reads the address by its rules; for whoever looks over a shoulder it is a
/// password all the same, so in doubt more is hidden.
pub fn masked(url: []const u8, buffer: []u8) []const u8 {
    const start = if (std.mem.indexOf(u8, url, "://")) |scheme| scheme + 3 else 0;
    const end = std.mem.indexOfAnyPos(u8, url, start, "/?#") orelse url.len;
    const query = std.mem.indexOfAnyPos(u8, url, end, "?#") orelse url.len;
    const shown = shownPart(url[start..query], url[start..end], url[query..]);
    var writer: std.Io.Writer = .fixed(buffer);
    const after = if (query < url.len) "?***" else "";
    writer.print("{s}{s}{s}{s}", .{ url[0..start], shown.before, shown.text, after }) catch unreachable;
    return writer.buffered();
}

const Shown = struct { before: []const u8, text: []const u8 };

/// Of what stands before a query. `authority` is its beginning, up to the first slash.
fn shownPart(text: []const u8, authority: []const u8, query: []const u8) Shown {
    if (std.mem.lastIndexOfScalar(u8, text, '@')) |at| {
        const of_user = at < authority.len or std.mem.indexOfScalar(u8, text[0..at], ':') != null or
            std.mem.indexOfScalar(u8, authority, '@') != null;
        if (of_user) return .{ .before = "***@", .text = text[at + 1 ..] };
    }
    const of_user = text.len == authority.len and std.mem.indexOfScalar(u8, query, '@') != null;
    if (of_user or !endsInPort(authority)) return .{ .before = "***", .text = "" };
    return .{ .before = "", .text = text };
}

/// Whether what follows a host's colon, if there is one, may be a port.
fn endsInPort(authority: []const u8) bool {
    const host = if (std.mem.lastIndexOfScalar(u8, authority, ']')) |bracket| bracket else 0;
    const colon = std.mem.indexOfScalarPos(u8, authority, host, ':') orelse return true;
    for (authority[colon + 1 ..]) |byte| if (!std.ascii.isDigit(byte)) return false;
    return true;
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
        .{ "https://u:pa/ss@h/f", "https://***@h/f" },
        .{ "https://u:12/34@h:80/f?s", "https://***@h:80/f?***" },
        .{ "https://u/s:pw@h/f", "https://***@h/f" },
        .{ "https://u:p@s/s@h/f", "https://***@h/f" },
        .{ "https://u:p?ss@h/f", "https://***?***" },
        .{ "https://u:1?2@h/f", "https://***?***" },
        .{ "https://u:p#ss@h/f", "https://***?***" },
        .{ "https://u:pa/ss", "https://***" },
        .{ "https://[::1]:80/f", "https://[::1]:80/f" },
        .{ "https://[::1]/f", "https://[::1]/f" },
        .{ "https://h:8443/f?e=a@b", "https://h:8443/f?***" },
        .{ "x:y", "***" },
        .{ "", "" },
    };
    for (cases) |case| {
        var buffer: [128]u8 = undefined;
        try std.testing.expectEqualStrings(case[1], masked(case[0], buffer[0 .. case[0].len + longer_max]));
    }
}
