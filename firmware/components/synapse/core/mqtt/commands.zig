//! The commands, each of which is a route of the HTTP API under another name. Adding one is a line here.
const std = @import("std");
const http = @import("../wire/http.zig");
const BodyType = @import("../wire/body_type.zig").BodyType;

pub const Command = struct {
    name: []const u8,
    method: []const u8,
    /// A `*` is the level that follows the name.
    path: []const u8,
    /// What the `*` is.
    argument: []const u8 = "slot",
    /// What the route does with an empty payload, if something else.
    method_empty: ?[]const u8 = null,
    /// The payload only says in which form the answer should be.
    bodiless: bool = false,
};

pub const table = [_]Command{
    .{ .name = "device", .method = "GET", .path = "/v1/device", .bodiless = true },
    .{ .name = "models", .method = "GET", .path = "/v1/models", .bodiless = true },
    .{ .name = "slot", .method = "GET", .path = "/v1/models/*", .bodiless = true },
    .{ .name = "metrics", .method = "GET", .path = "/v1/metrics", .bodiless = true },
    .{ .name = "log", .method = "GET", .path = "/v1/log", .bodiless = true },
    .{ .name = "encode", .method = "POST", .path = "/v1/encode" },
    .{ .name = "predict", .method = "POST", .path = "/v1/predict" },
    .{ .name = "rollout", .method = "POST", .path = "/v1/rollout" },
    .{ .name = "observe", .method = "POST", .path = "/v1/observe" },
    .{ .name = "plan", .method = "POST", .path = "/v1/plan" },
    .{ .name = "selftest", .method = "POST", .path = "/v1/selftest", .bodiless = true },
    .{ .name = "activate", .method = "POST", .path = "/v1/models/*/activate", .bodiless = true },
    .{ .name = "model", .method = "POST", .path = "/v1/updates/model" },
    .{ .name = "firmware", .method = "POST", .path = "/v1/updates/firmware" },
    .{ .name = "updates", .method = "GET", .path = "/v1/updates", .bodiless = true },
    .{ .name = "stop_update", .method = "DELETE", .path = "/v1/updates", .bodiless = true },
    .{ .name = "requests", .method = "GET", .path = "/v1/requests", .bodiless = true },
    .{ .name = "stop_request", .method = "DELETE", .path = "/v1/requests/*", .argument = "id", .bodiless = true },
    .{ .name = "stop_strangers", .method = "DELETE", .path = "/v1/requests", .bodiless = true },
    .{ .name = "settings", .method = "PUT", .path = "/v1/settings", .method_empty = "GET" },
    .{ .name = "reboot", .method = "POST", .path = "/v1/reboot", .bodiless = true },
};

/// Not a route: takes back the command whose answer would go where this one's would.
pub const cancel = "cancel";

/// What the levels after `cmd/` ask for. All parts lie in the topic.
pub const Asked = struct {
    command: *const Command,
    /// In place of `*`.
    argument: []const u8 = "",
    id: []const u8 = "",
    query: []const u8 = "",

    pub fn parse(levels: []const u8) ?Asked {
        const target: http.Target = .parse(levels);
        var parts = std.mem.splitScalar(u8, target.path, '/');
        const name = parts.next().?;
        const command = for (&table) |*candidate| {
            if (std.mem.eql(u8, candidate.name, name)) break candidate;
        } else return null;
        var asked: Asked = .{ .command = command, .query = target.query };
        if (std.mem.indexOfScalar(u8, command.path, '*') != null) {
            asked.argument = parts.next() orelse return null;
            if (asked.argument.len == 0) return null;
        }
        asked.id = parts.next() orelse "";
        return if (parts.next() == null) asked else null;
    }

    /// An option from the topic.
    pub fn option(asked: *const Asked, name: []const u8) ?[]const u8 {
        return (http.Target{ .path = "", .query = asked.query }).parameter(name);
    }
};

/// The type of a payload that does not say it: JSON and pictures begin in ways in which no CBOR map does. Null:
/// there is nothing.
pub fn typeOf(payload: []const u8) ?BodyType {
    if (payload.len == 0) return null;
    for ([_]BodyType{ .jpeg, .png }) |picture| if (std.mem.startsWith(u8, payload, picture.magic())) return picture;
    return switch (payload[0]) {
        '{', '[', ' ', '\t', '\r', '\n' => .json,
        else => .cbor,
    };
}

test "levels after cmd" {
    const encode = Asked.parse("encode").?;
    try std.testing.expectEqualStrings("/v1/encode", encode.command.path);
    try std.testing.expectEqualStrings("", encode.id);
    const plan = Asked.parse("plan/a7?accept=text/event-stream&latent=base64").?;
    try std.testing.expectEqualStrings("a7", plan.id);
    try std.testing.expectEqualStrings("text/event-stream", plan.option("accept").?);
    const activate = Asked.parse("activate/model_b/9").?;
    try std.testing.expectEqualStrings("model_b", activate.argument);
    try std.testing.expectEqualStrings("9", activate.id);
    for ([_][]const u8{
        "",
        "encod",
        "encode/1/2",
        "activate",
        "activate/",
        "activate/a/1/2",
        "/encode",
    }) |bad| try std.testing.expectEqual(@as(?Asked, null), Asked.parse(bad));
}

test "payloads show their type" {
    try std.testing.expectEqual(BodyType.json, typeOf(" {}").?);
    try std.testing.expectEqual(BodyType.cbor, typeOf("\xa1\x61a\x01").?);
    try std.testing.expectEqual(BodyType.jpeg, typeOf("\xff\xd8\xff\xe0").?);
    try std.testing.expectEqual(BodyType.png, typeOf("\x89PNG\r\n\x1a\n").?);
    try std.testing.expectEqual(@as(?BodyType, null), typeOf(""));
}
