//! Who may use which route: every route has a row, and every row is tried with every kind of
//! client on every kind of board.
const std = @import("std");
const hosts = @import("../test_host.zig");
const Route = @import("../request/device.zig").Route;
const routes = @import("../routes.zig");
const SimFlash = @import("sim_parts").SimFlash;
const Host = hosts.Host;

/// As access.zig has them, written down a second time.
const Level = enum { public, identity, claim, read, inference, owner };

const table = [_]struct { []const u8, Level }{
    .{ "GET /", .public },
    .{ "GET /openapi.json", .public },
    .{ "GET /v1/device", .identity },
    .{ "POST /v1/claim", .claim },
    .{ "DELETE /v1/claim", .owner },
    .{ "GET /v1/models", .read },
    .{ "GET /v1/models/*", .read },
    .{ "GET /v1/metrics", .read },
    .{ "GET /v1/log", .read },
    .{ "GET /status", .read },
    .{ "POST /v1/encode", .inference },
    .{ "POST /v1/predict", .inference },
    .{ "POST /v1/rollout", .inference },
    .{ "POST /v1/observe", .inference },
    .{ "POST /v1/plan", .inference },
    .{ "POST /v1/selftest", .inference },
    .{ "POST /encode", .inference },
    .{ "POST /predict", .inference },
    .{ "POST /rollout", .inference },
    .{ "PUT /v1/models/*", .owner },
    .{ "POST /v1/models/*/activate", .owner },
    .{ "GET /v1/settings", .owner },
    .{ "PUT /v1/settings", .owner },
    .{ "POST /v1/reboot", .owner },
    .{ "POST /v1/firmware", .owner },
    .{ "GET /v1/updates", .owner },
    .{ "DELETE /v1/updates", .owner },
    .{ "POST /v1/updates/*", .owner },
    .{ "GET /v1/requests", .owner },
    .{ "DELETE /v1/requests", .owner },
    .{ "DELETE /v1/requests/*", .owner },
};

const Case = struct {
    /// What the owner has opened; null: nobody owns the board.
    settings: ?[]const u8,
    token: enum { none, wrong, right } = .none,
    admitted: []const Level,
    /// What everything else is answered.
    code: []const u8,
};

const cases = [_]Case{
    .{ .settings = null, .admitted = &.{ .public, .identity, .claim }, .code = "UNCLAIMED" },
    .{ .settings = null, .token = .wrong, .admitted = &.{ .public, .identity, .claim }, .code = "UNCLAIMED" },
    .{ .settings = "{\"open_read\":false,\"open_inference\":false}", .admitted = &.{.public}, .code = "TOKEN_MISSING" },
    .{
        .settings = "{\"open_read\":false,\"open_inference\":false}",
        .token = .wrong,
        .admitted = &.{.public},
        .code = "TOKEN_WRONG",
    },
    .{
        .settings = "{\"open_read\":false,\"open_inference\":false}",
        .token = .right,
        .admitted = std.enums.values(Level),
        .code = "",
    },
    .{
        .settings = "{\"open_read\":true,\"open_inference\":false}",
        .admitted = &.{ .public, .identity, .read },
        .code = "TOKEN_MISSING",
    },
    .{
        .settings = "{\"open_read\":true,\"open_inference\":false}",
        .token = .wrong,
        .admitted = &.{ .public, .identity, .read },
        .code = "TOKEN_WRONG",
    },
    .{
        .settings = "{\"open_read\":false,\"open_inference\":true}",
        .admitted = &.{ .public, .inference },
        .code = "TOKEN_MISSING",
    },
    .{
        .settings = "{\"open_read\":true,\"open_inference\":true}",
        .token = .right,
        .admitted = std.enums.values(Level),
        .code = "",
    },
};

const refusals = [_][]const u8{ "UNCLAIMED", "TOKEN_MISSING", "TOKEN_WRONG", "TOO_MANY_ATTEMPTS" };

fn levelOf(route: *const Route) ?Level {
    var buffer: [96]u8 = undefined;
    const name = std.fmt.bufPrint(&buffer, "{t} {s}", .{ route.method, route.path }) catch unreachable;
    return for (table) |row| {
        if (std.mem.eql(u8, row[0], name)) break row[1];
    } else null;
}

test "every route lets in whom its row says, and nobody else" {
    try std.testing.expectEqual(table.len, routes.table.len);
    for (cases) |case| {
        var sim: SimFlash = try .init(std.testing.allocator, &hosts.areas, 1);
        defer sim.deinit();
        sim.program(1, &hosts.model);
        var host: Host = undefined;
        try std.testing.expectEqual(.ok, try host.startWithFlash(&sim));
        defer host.stop();
        if (case.settings) |settings| {
            try host.claim();
            try std.testing.expectEqual(
                @as(u32, 200),
                host.ask("PUT", "/v1/settings", &.{ "content-type", "application/json" }, settings).status,
            );
        }
        const length = host.token_len;
        for (&routes.table) |*route| {
            errdefer std.debug.print(
                "{t} {s}, settings {?s}, token {t}\n",
                .{ route.method, route.path, case.settings, case.token },
            );
            const level = levelOf(route) orelse return error.RouteWithoutRow;
            host.token_len = if (case.token == .right) length else 0;
            if (case.token == .wrong) host.device.storage.?.access.forgetAttempts();
            const headers: []const []const u8 = if (case.token == .wrong) &.{ "authorization", "Bearer x" } else &.{};
            var target: [64]u8 = undefined;
            const star = std.mem.indexOfScalar(u8, route.path, '*') orelse route.path.len;
            const path = try std.fmt.bufPrint(
                &target,
                "{s}{s}{s}",
                .{
                    route.path[0..star],
                    if (star < route.path.len) "model_b" else "",
                    route.path[@min(star + 1, route.path.len)..],
                },
            );
            // Whoever is let in is refused for this body, or has none: nothing changes on the way.
            const reply = host.ask(@tagName(route.method), path, headers, "x");
            const refused: ?[]const u8 = for (refusals) |code| {
                var text: [48]u8 = undefined;
                if (std.mem.indexOf(
                    u8,
                    reply.body.items,
                    std.fmt.bufPrint(&text, "\"code\":\"{s}\"", .{code}) catch unreachable,
                ) != null) break code;
            } else null;
            errdefer std.debug.print("{d} {?s}\n", .{ reply.status, refused });
            if (std.mem.indexOfScalar(Level, case.admitted, level) != null) {
                try std.testing.expectEqual(null, refused);
            } else try std.testing.expectEqualStrings(case.code, refused orelse "let in");
            host.next -= 1;
            reply.body.clearRetainingCapacity();
            reply.* = .{ .body = reply.body };
        }
        try std.testing.expectEqual(@as(u32, 0), host.device.inProgress());
        try std.testing.expectEqual(@as(u32, 0), host.reboots);
    }
}
