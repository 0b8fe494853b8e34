//! What every route answers to heads that are wrong whatever the route does, to the byte. The tables beside each
//! route's own tests have what is wrong with bodies.
const std = @import("std");
const hosts = @import("../test_host.zig");
const Route = @import("../request/device.zig").Route;
const routes = @import("../routes.zig");
const BodyType = @import("../wire/body_type.zig").BodyType;
const SimFlash = @import("sim_parts").SimFlash;
const Bounded = @import("../wire/problem.zig").Bounded;
const Host = hosts.Host;

/// The path of a route, with something that exists in place of `*`.
fn target(route: *const Route, buffer: *[64]u8) []const u8 {
    const wildcard = if (std.mem.startsWith(u8, route.path, "/v1/updates")) "model" else "model_b";
    const star = std.mem.indexOfScalar(u8, route.path, '*') orelse return route.path;
    return std.fmt.bufPrint(
        buffer,
        "{s}{s}{s}",
        .{ route.path[0..star], wildcard, route.path[star + 1 ..] },
    ) catch unreachable;
}

const Wrong = struct {
    status: u32,
    title: []const u8,
    code: []const u8,
    detail: []const u8,
    field: []const u8 = "",
    expected: []const u8,
};

fn expectAnswer(host: *Host, route: *const Route, headers: []const []const u8, body: []const u8, wrong: Wrong) !void {
    var buffer: [64]u8 = undefined;
    const reply = host.ask(@tagName(route.method), target(route, &buffer), headers, body);
    errdefer std.debug.print("{t} {s}: {d} {s}\n", .{ route.method, route.path, reply.status, reply.body.items });
    var text: Bounded(512) = .{};
    text.print(
        "{{\"title\":\"{s}\",\"status\":{d},\"code\":\"{s}\",\"detail\":\"{s}\"",
        .{ wrong.title, wrong.status, wrong.code, wrong.detail },
    );
    if (wrong.field.len > 0) text.print(",\"field\":\"{s}\"", .{wrong.field});
    text.print(",\"expected\":\"{s}\"}}", .{wrong.expected});
    try std.testing.expectEqualStrings(text.slice(), reply.body.items);
    try std.testing.expectEqual(wrong.status, reply.status);
    try std.testing.expect(reply.hasHeader("content-type: application/problem+json"));
    try std.testing.expectEqual(@as(u32, 0), host.device.inProgress());
    // The host keeps a limited number of answers.
    host.next -= 1;
    reply.body.clearRetainingCapacity();
    reply.* = .{ .body = reply.body };
}

fn acceptsOf(route: *const Route) ?[]const BodyType {
    return switch (route.kind) {
        .immediate => null,
        .inference => |kind| if (kind.assumes != null) null else kind.accepts,
        .task => |kind| kind.accepts,
    };
}

test "every route refuses heads that are wrong, in the same words" {
    var sim: SimFlash = try .init(std.testing.allocator, &hosts.areas, 1);
    defer sim.deinit();
    sim.program(1, &hosts.model);
    var host: Host = undefined;
    try std.testing.expectEqual(.ok, try host.startWithFlash(&sim));
    defer host.stop();
    try host.claim();
    for (&routes.table) |*route| {
        const offers = switch (route.kind) {
            inline else => |kind| kind.offers,
        };
        try refusesForms(&host, route, offers);
        const accepts = acceptsOf(route) orelse continue;
        if (accepts.len > 0) try refusesTypes(&host, route, accepts);
    }
}

/// Answers in another form than the route's, and encoded bodies.
fn refusesForms(host: *Host, route: *const Route, offers: []const []const u8) !void {
    var types: Bounded(256) = .{};
    for (offers, 0..) |offer, i| types.print("{s}{s}", .{ if (i == 0) "" else " or ", offer });
    try expectAnswer(
        host,
        route,
        &.{ "accept", "video/mp4" },
        "",
        .{
            .status = 406,
            .title = "Not Acceptable",
            .code = "NOT_ACCEPTABLE",
            .detail = "none of the accepted media types can be given",
            .field = "accept",
            .expected = types.slice(),
        },
    );
    if (route.kind == .immediate) return;
    try expectAnswer(
        host,
        route,
        &.{ "content-encoding", "gzip" },
        "",
        .{
            .status = 415,
            .title = "Unsupported Media Type",
            .code = "CONTENT_ENCODING",
            .detail = "the board takes no encoded bodies",
            .field = "content-encoding",
            .expected = "a body without content-encoding",
        },
    );
}

/// Bodies of another type, and a length that is none.
fn refusesTypes(host: *Host, route: *const Route, accepts: []const BodyType) !void {
    var wanted: Bounded(256) = .{};
    for (accepts, 0..) |accepted, i| wanted.print("{s}{s}", .{ if (i == 0) "" else ", ", accepted.mediaType() });
    try expectAnswer(
        host,
        route,
        &.{ "content-type", "text/html" },
        "x",
        .{
            .status = 415,
            .title = "Unsupported Media Type",
            .code = "CONTENT_TYPE",
            .detail = "the route does not take this type of body",
            .field = "content-type",
            .expected = wanted.slice(),
        },
    );
    try expectAnswer(
        host,
        route,
        &.{ "content-type", accepts[0].mediaType(), "content-length", "many" },
        "",
        .{
            .status = 400,
            .title = "Bad Request",
            .code = "CONTENT_LENGTH",
            .detail = "the length is not a number",
            .field = "content-length",
            .expected = "1 to 15 decimal digits",
        },
    );
}
