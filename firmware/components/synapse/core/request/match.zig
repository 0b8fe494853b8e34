//! Which route of a table answers a request.
const std = @import("std");
const Method = @import("route.zig").Method;
const Route = @import("device.zig").Route;

/// A route's number, under which its requests are counted.
pub fn indexOf(table: []const Route, route: *const Route) usize {
    return (@intFromPtr(route) - @intFromPtr(table.ptr)) / @sizeOf(Route);
}

pub const Match = union(enum) {
    found: struct { route: *const Route, wildcard: []const u8 },
    /// The path exists with other methods: the value of Allow.
    method_not_allowed: []const u8,
    not_found,
};

/// Values of Allow, by the set of methods.
const allow_texts = texts: {
    const count = std.enums.values(Method).len;
    var texts: [1 << count][]const u8 = undefined;
    for (&texts, 0..) |*text, set| {
        text.* = "";
        for (std.enums.values(Method), 0..) |method, bit| {
            if (set >> bit & 1 == 0) continue;
            const name = @tagName(method) ++ (if (method == .GET) ", HEAD" else "");
            text.* = text.* ++ (if (text.len > 0) ", " else "") ++ name;
        }
    }
    break :texts texts;
};

pub fn find(table: []const Route, method: []const u8, path: []const u8) Match {
    var allowed: usize = 0;
    for (table) |*route| {
        const wildcard = matchPath(route.path, path) orelse continue;
        const asked = if (std.mem.eql(u8, method, "HEAD")) "GET" else method;
        if (std.mem.eql(u8, asked, @tagName(route.method))) return .{ .found = .{
            .route = route,
            .wildcard = wildcard,
        } };
        allowed |= @as(usize, 1) << @backingInt(route.method);
    }
    return if (allowed != 0) .{ .method_not_allowed = allow_texts[allowed] } else .not_found;
}

/// What stands for `*`, or an empty text for a path without one.
fn matchPath(pattern: []const u8, path: []const u8) ?[]const u8 {
    const star = std.mem.indexOfScalar(u8, pattern, '*') orelse return if (std.mem.eql(u8, pattern, path)) "" else null;
    const tail = pattern[star + 1 ..];
    if (path.len <= star + tail.len) return null;
    if (!std.mem.startsWith(u8, path, pattern[0..star]) or !std.mem.endsWith(u8, path, tail)) return null;
    const middle = path[star .. path.len - tail.len];
    return if (std.mem.indexOfScalar(u8, middle, '/') == null) middle else null;
}
