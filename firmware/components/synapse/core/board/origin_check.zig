//! Which web pages may use what needs no token. A browser carries no token of the owner's by itself, but it carries
//! everybody's right to what is open: a page of another origin could run it, and a page whose name was made to lead to
//! the board (DNS rebinding) could read it, too.
const std = @import("std");
const Access = @import("access.zig").Access;
const http = @import("../wire/http.zig");
const ports = @import("../port.zig");
const problems = @import("../wire/problem.zig");
const Problem = problems.Problem;

/// Whether the request names the board by an address or a name that only a local network gives out,
/// or one that the owner lists.
pub fn isOwnHost(access: *const Access, headers: []const ports.Header, target: http.Target) bool {
    const host = target.authority orelse http.header(headers, "host") orelse return true;
    if (http.isLocalHost(host)) return true;
    for (&access.origins) |*origin| {
        const scheme = std.mem.indexOf(u8, origin.slice(), "://") orelse continue;
        if (std.ascii.eqlIgnoreCase(http.hostName(origin.slice()[scheme + 3 ..]), http.hostName(host))) return true;
    }
    return false;
}

/// Refuses what a foreign page asks, or what is asked of a foreign name. Not for requests with the owner's token, which
/// no foreign page has.
pub fn check(
    access: *const Access,
    headers: []const ports.Header,
    target: http.Target,
    problem: *Problem,
) problems.Error!void {
    if (!isOwnHost(access, headers, target)) {
        return problem.fail(
            403,
            .HOST_FOREIGN,
            "without the owner's token the board does not answer under this name",
            .{},
            .{
                .field = "host",
                .expected = "its IP address, a name of the local network, or one that the owner lists in origins",
            },
        );
    }
    const origin = http.header(headers, "origin") orelse return;
    if (access.listed(origin) != null) return;
    const scheme = std.mem.indexOf(u8, origin, "://");
    const host = target.authority orelse http.header(headers, "host");
    if (scheme != null and host != null and std.ascii.eqlIgnoreCase(origin[scheme.? + 3 ..], host.?)) return;
    return problem.fail(
        403,
        .ORIGIN_FOREIGN,
        "without the owner's token the board does not answer pages of this origin",
        .{},
        .{ .field = "origin", .expected = "its own page, or an origin that the owner lists" },
    );
}
