//! Requests that are wrong: each is told what is wrong with it, where, and what would be right.
const std = @import("std");
const limits = @import("../limits.zig");
const Document = @import("../routes/openapi_test.zig").Document;
const match = @import("match.zig");
const routes = @import("../routes.zig");
const hosts = @import("../test_host.zig");
const fixtures = @import("fixture_test.zig");
const Host = hosts.Host;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const jpeg = fixtures.jpeg;
const png = fixtures.png;
const row10 = fixtures.row10;
const latent32 = fixtures.latent32;
const plan_ends = fixtures.plan_ends;
const parse = fixtures.parse;

const Case = struct {
    method: []const u8 = "POST",
    target: []const u8 = "/v1/predict",
    content_type: []const u8 = "application/json",
    accept: []const u8 = "",
    body: []const u8 = "",
    status: u32,
    code: []const u8,
    field: []const u8 = "",
};

const digits: [limits.number_bytes_max + 1]u8 = @splat('1');
const long_target = target: {
    const filler: [limits.target_bytes_max + 1]u8 = @splat('x');
    break :target "/" ++ filler;
};
const deep: [limits.body_depth_max + 4]u8 = @splat('[');

const malformed = [_]Case{
    .{ .target = "/v2", .status = 404, .code = "NOT_FOUND" },
    .{ .target = "/v1/log?level=loud", .method = "GET", .status = 400, .code = "QUERY_INVALID", .field = "level" },
    .{ .target = "/v1/log?after=", .method = "GET", .status = 400, .code = "QUERY_INVALID", .field = "after" },
    .{
        .target = "/v1/log?after=99999999999999999999",
        .method = "GET",
        .status = 400,
        .code = "QUERY_INVALID",
        .field = "after",
    },
    .{
        .target = "/v1/metrics",
        .method = "GET",
        .accept = "application/json",
        .status = 406,
        .code = "NOT_ACCEPTABLE",
        .field = "accept",
    },
    .{
        .target = "/v1/observe",
        .body = "{\"latent\":" ++ latent32 ++ "}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "stream",
    },
    .{ .target = "/v1/observe", .body = "{\"stream\":\"a\"}", .status = 422, .code = "BODY_INVALID" },
    .{
        .target = "/v1/observe",
        .body = "{\"stream\":\"a b\",\"latent\":" ++ latent32 ++ "}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "stream",
    },
    .{
        .target = "/v1/observe",
        .body = "{\"stream\":\"a\",\"latent\":" ++ latent32 ++ ",\"reset\":1}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "reset",
    },
    .{
        .target = "/v1/observe",
        .body = "{\"stream\":\"a\",\"latent\":" ++ latent32 ++ ",\"action\":[1]}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "action",
    },
    .{
        .target = "/v1/observe",
        .body = "{\"stream\":\"a\",\"image\":\"AAAA\",\"type\":\"image/png\",\"latent\":" ++ latent32 ++ "}",
        .status = 422,
        .code = "BODY_INVALID",
    },
    .{
        .target = "/v1/plan",
        .body = plan_ends ++ "\"horizon\":0}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "horizon",
    },
    .{
        .target = "/v1/plan",
        .body = plan_ends ++ "\"horizon\":33}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "horizon",
    },
    .{
        .target = "/v1/plan",
        .body = plan_ends ++ "\"horizon\":1.5}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "horizon",
    },
    .{
        .target = "/v1/plan",
        .body = plan_ends ++ "\"seed\":-1}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "seed",
    },
    .{
        .target = "/v1/plan",
        .body = plan_ends ++ "\"seed\":9007199254740993}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "seed",
    },
    .{
        .target = "/v1/plan",
        .body = plan_ends ++ "\"seed\":123456789.5}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "seed",
    },
    .{
        .target = "/v1/plan",
        .body = plan_ends ++ "\"seed\":1e-60}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "seed",
    },
    .{
        .target = "/v1/plan",
        .body = plan_ends ++ "\"budget\":{\"samples\":1}}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "budget.samples",
    },
    .{
        .target = "/v1/plan",
        .body = plan_ends ++ "\"budget\":{\"samples\":4,\"elites\":5}}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "budget.elites",
    },
    .{
        .target = "/v1/plan",
        .body = plan_ends ++ "\"budget\":{\"samples\":300,\"iterations\":30},\"horizon\":6}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "budget",
    },
    .{
        .target = "/v1/plan",
        .body = plan_ends ++ "\"budget\":7}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "budget",
    },
    .{
        .target = "/v1/plan",
        .body = plan_ends ++ "\"budget\":{\"sample\":7}}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "budget",
    },
    .{
        .target = "/v1/plan",
        .body = "{\"start\":{\"latent\":" ++ latent32 ++ "}}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "goal",
    },
    .{
        .target = "/v1/plan",
        .body = "{\"start\":{\"latent\":" ++ latent32 ++ "},\"goal\":{\"image\":\"AAAA\",\"type\":\"image/png\"}}",
        .status = 422,
        .code = "IMAGE_UNREADABLE",
        .field = "goal.image",
    },
    .{ .target = "/v1/selftest", .body = "{}", .status = 422, .code = "BODY_INVALID" },
    .{ .target = "/v1/models/b", .method = "GET", .status = 404, .code = "SLOT_UNKNOWN", .field = "slot" },
    .{ .method = "PUT", .status = 405, .code = "METHOD_NOT_ALLOWED" },
    .{
        .method = "GET",
        .target = "/v1/device",
        .accept = "image/png",
        .status = 406,
        .code = "NOT_ACCEPTABLE",
        .field = "accept",
    },
    .{ .method = "GET", .target = long_target, .status = 414, .code = "TARGET_TOO_LONG" },
    .{ .target = "/v1/encode?latent=hex", .status = 400, .code = "QUERY_INVALID", .field = "latent" },
    .{ .content_type = "text/plain", .status = 415, .code = "CONTENT_TYPE", .field = "content-type" },
    .{ .content_type = "", .status = 415, .code = "CONTENT_TYPE", .field = "content-type" },
    .{ .content_type = "image/jpeg", .status = 415, .code = "CONTENT_TYPE", .field = "content-type" },
    .{
        .target = "/v1/encode",
        .content_type = "image/jpeg",
        .body = png,
        .status = 422,
        .code = "IMAGE_UNREADABLE",
        .field = "content-type",
    },
    .{
        .target = "/v1/encode",
        .content_type = "image/jpeg",
        .body = "",
        .status = 422,
        .code = "IMAGE_UNREADABLE",
        .field = "content-type",
    },
    .{
        .target = "/v1/encode",
        .content_type = "application/octet-stream",
        .body = "abc",
        .status = 422,
        .code = "IMAGE_SIZE",
    },
    .{ .target = "/v1/encode", .body = "{\"image\":\"/9j/\"}", .status = 422, .code = "BODY_INVALID", .field = "type" },
    .{
        .target = "/v1/encode",
        .body = "{\"image\":\"/9j/\",\"type\":\"image/gif\"}",
        .status = 422,
        .code = "IMAGE_TYPE",
        .field = "type",
    },
    .{
        .target = "/v1/encode",
        .body = "{\"image\":\"data:image/jpeg;base64,/9j/\",\"type\":\"image/jpeg\"}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "image",
    },
    .{ .body = "", .status = 400, .code = "BODY_MALFORMED" },
    .{ .body = "{", .status = 400, .code = "BODY_MALFORMED" },
    .{ .body = "[]", .status = 422, .code = "BODY_INVALID" },
    .{ .body = "{}", .status = 422, .code = "BODY_INVALID", .field = "history" },
    .{ .body = "{\"history\":[],\"actions\":[]}", .status = 422, .code = "BODY_INVALID", .field = "history" },
    .{ .body = "{\"history\":[[1]],\"actions\":[]}", .status = 422, .code = "BODY_INVALID", .field = "history[0]" },
    .{
        .body = "{\"history\":[" ++ latent32 ++ "],\"actions\":[[1,2,\"x\"]]}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "actions[0][2]",
    },
    .{
        .body = "{\"history\":[" ++ latent32 ++ "],\"actions\":[[1e40]]}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "actions[0][0]",
    },
    .{
        .body = "{\"history\":[" ++ latent32 ++ "],\"actions\":[" ++ row10 ++ "," ++ row10 ++ "]}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "actions",
    },
    .{
        .body = "{\"history\":[" ++ latent32 ++ "," ++ latent32 ++ "," ++ latent32 ++ "," ++ latent32 ++ "]}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "history",
    },
    .{
        .body = "{\"history\":[" ++ latent32 ++ "],\"history\":1}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "history",
    },
    .{ .body = "{\"hystory\":1}", .status = 422, .code = "BODY_INVALID" },
    .{
        .body = "{\"actions\":[" ++ row10 ++ "],\"history\":[" ++ latent32 ++ "]} 1",
        .status = 400,
        .code = "BODY_MALFORMED",
    },
    .{ .body = "{\"history\":[[" ++ digits ++ "]]}", .status = 400, .code = "BODY_MALFORMED", .field = "history[0]" },
    .{ .body = "{\"history\":\"AAA*\"}", .status = 422, .code = "BODY_INVALID", .field = "history" },
    .{ .body = "{\"history\":\"AAAA\"}", .status = 422, .code = "BODY_INVALID", .field = "history" },
    .{ .body = "{\"history\":[" ++ deep, .status = 422, .code = "BODY_INVALID", .field = "history[0][0]" },
    .{ .body = "{\"\xff\":1}", .status = 400, .code = "BODY_MALFORMED" },
    .{ .content_type = "application/cbor", .body = "\xa1", .status = 400, .code = "BODY_MALFORMED" },
    .{
        .content_type = "application/cbor",
        .body = "\xa1\x67history\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        .status = 400,
        .code = "BODY_MALFORMED",
        .field = "history",
    },
    .{
        .content_type = "application/cbor",
        .body = "\xa1\x67history\x81\x44\x00\x00\xc0\x7f",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "history[0]",
    },
    .{
        .target = "/v1/rollout",
        .body = "{\"start\":{},\"actions\":[" ++ row10 ++ "]}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "start",
    },
    .{
        .target = "/v1/rollout",
        .body = "{\"start\":{\"latent\":[1]},\"actions\":[]}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "start.latent",
    },
    .{
        .target = "/v1/rollout",
        .body = "{\"start\":{\"latent\":" ++ latent32 ++ "},\"actions\":[]}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "actions",
    },
    .{
        .target = "/v1/rollout",
        .body = "{\"start\":{\"image\":\"AAAA\",\"type\":\"image/png\"},\"actions\":[" ++ row10 ++ "]}",
        .status = 422,
        .code = "IMAGE_UNREADABLE",
        .field = "start.image",
    },
};

test "a frame that is too much or too little is told as what it is" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    for ([_][2][]const u8{
        .{
            "\"latent\":" ++ latent32 ++ ",\"type\":\"image/png\",\"image\":\"AAAA\"",
            "the frame is a latent and a picture",
        },
        .{ "\"latent\":" ++ latent32 ++ ",\"type\":\"image/png\"", "the frame is a latent and a picture" },
        .{ "\"image\":\"AAAA\"", "the frame is neither a latent nor a picture with its type" },
        .{ "", "the frame is neither a latent nor a picture with its type" },
    }) |case| {
        var text: [512]u8 = undefined;
        const reply = host.json(
            "/v1/rollout",
            try std.fmt.bufPrint(&text, "{{\"start\":{{{s}}},\"actions\":[" ++ row10 ++ "]}}", .{case[0]}),
        );
        errdefer std.debug.print("{s}\n", .{reply.body.items});
        try expectEqual(@as(u32, 422), reply.status);
        try expect(std.mem.indexOf(u8, reply.body.items, case[1]) != null);
    }
}

test "wrong requests are told what is wrong, where, and what would be right" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const api: Document = try .open();
    defer api.close();
    for (malformed, 0..) |case, i| {
        errdefer std.debug.print(
            "case {d}: {s} {s} {s}\n",
            .{ i, case.method, case.target[0..@min(40, case.target.len)], case.body },
        );
        const reply = host.send(case.method, case.target, case.content_type, case.accept, case.body);
        errdefer std.debug.print("answer: {s}\n", .{reply.body.items});
        try expectEqual(case.status, reply.status);
        const target = case.target[0 .. std.mem.indexOfScalar(u8, case.target, '?') orelse case.target.len];
        switch (match.find(&routes.table, case.method, target)) {
            .found => |found| try expect(Document.documents(
                api.operation(found.route.method, found.route.path).?,
                reply.status,
            )),
            else => {},
        }
        try expect(reply.hasHeader("content-type: application/problem+json"));
        const problem = try parse(reply);
        defer problem.deinit();
        try std.testing.expectEqualStrings(case.code, problem.value.object.get("code").?.string);
        try std.testing.expectEqualStrings(
            case.field,
            if (problem.value.object.get("field")) |field| field.string else "",
        );
        try expect(problem.value.object.get("expected").?.string.len > 0);
        try expectEqual(@as(u32, 0), host.device.inProgress());
    }
    // The board is as well as before.
    try expectEqual(@as(u32, 200), host.send("POST", "/v1/encode", "image/jpeg", "", jpeg).status);
}
