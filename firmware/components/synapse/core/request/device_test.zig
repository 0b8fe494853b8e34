//! Routes as a client sees them, against the real runtime and a small model.
const std = @import("std");
const abi = @import("../abi.zig");
const limits = @import("../limits.zig");
const ports = @import("../port.zig");
const Core = @import("../core.zig").Core;
const CborTokens = @import("../wire/cbor_tokens.zig").CborTokens;
const Document = @import("../routes/openapi_test.zig").Document;
const match = @import("match.zig");
const routes = @import("../routes.zig");
const hosts = @import("../test_host.zig");
const Host = hosts.Host;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;

const jpeg = "\xff\xd8\xff\xe0 a picture, as far as the core can tell";
const png = "\x89PNG\r\n\x1a\n and the rest";
const row10 = "[0,1,0,1,0,1,0,1,0,1]";
const latent32 = "[" ++ "0.5,-1.25,3e-3,1," ++ "0.5,-1.25,3e-3,1," ++ "0.5,-1.25,3e-3,1," ++ "0.5,-1.25,3e-3,1," ++ "0.5,-1.25,3e-3,1," ++ "0.5,-1.25,3e-3,1," ++ "0.5,-1.25,3e-3,1," ++ "0.5,-1.25,3e-3,1]";

fn parse(reply: *const hosts.Reply) !std.json.Parsed(std.json.Value) {
    return std.json.parseFromSlice(std.json.Value, std.testing.allocator, reply.body.items, .{});
}

fn number(value: std.json.Value) f64 {
    return switch (value) {
        .integer => |integer| @floatFromInt(integer),
        .float => |float| float,
        else => std.math.nan(f64),
    };
}

test "a picture becomes the same latent as jpeg, png, json and base64" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const reply = host.send("POST", "/v1/encode", "image/jpeg", "", jpeg);
    try expectEqual(@as(u32, 200), reply.status);
    try expect(reply.hasHeader("content-type: application/json"));
    const first = try parse(reply);
    defer first.deinit();
    const latent = first.value.object.get("latent").?.array.items;
    try expectEqual(@as(usize, hosts.latent_elements), latent.len);
    try expect(first.value.object.get("model").?.object.get("untrained").?.bool);

    const as_bytes = host.send("POST", "/v1/encode?latent=base64", "image/png", "", png);
    const second = try parse(as_bytes);
    defer second.deinit();
    var raw: [hosts.latent_elements]f32 = undefined;
    try std.base64.standard.Decoder.decode(std.mem.sliceAsBytes(&raw), second.value.object.get("latent").?.string);
    // Decimals read back as exactly the f32 that were computed.
    for (latent, raw) |text, value| try expectEqual(value, @as(f32, @floatCast(number(text))));

    var encoded: [256]u8 = undefined;
    const text = std.base64.standard.Encoder.encode(&encoded, jpeg);
    var body: [512]u8 = undefined;
    const object = try std.fmt.bufPrint(&body, "{{\"type\":\"image/jpeg\",\"image\":\"{s}\"}}", .{text});
    const third = host.json("/v1/encode?latent=base64", object);
    const parsed = try parse(third);
    defer parsed.deinit();
    try std.testing.expectEqualStrings(
        second.value.object.get("latent").?.string,
        parsed.value.object.get("latent").?.string,
    );
}

test "raw pixels, CBOR in and CBOR out" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const pixels: [hosts.image_bytes]u8 = @splat(77);
    const reply = host.send(
        "POST",
        "/v1/encode?latent=base64",
        "application/octet-stream",
        "application/cbor",
        &pixels,
    );
    try expectEqual(@as(u32, 200), reply.status);
    var cbor: CborTokens = .init(reply.body.items);
    try expect(try cbor.next() == .object_begin);
    try std.testing.expectEqualStrings("latent", (try cbor.next()).text);
    const latent = (try cbor.next()).bytes;
    try expectEqual(@as(usize, hosts.latent_elements * 4), latent.len);
    while (try cbor.next() != .end) {}

    // {"history": [h'...'], "actions": [[0, ..]]}
    var request: std.ArrayList(u8) = .empty;
    defer request.deinit(std.testing.allocator);
    try request.appendSlice(std.testing.allocator, "\xa2\x67history\x81\xd8\x55\x58\x80");
    try request.appendSlice(std.testing.allocator, latent);
    try request.appendSlice(std.testing.allocator, "\x67actions\x81\x8a" ++ "\x00\x01\x00\x01\x00\x01\x00\x01\x00\x01");
    const next = host.send("POST", "/v1/predict", "application/cbor", "", request.items);
    try expectEqual(@as(u32, 200), next.status);
}

test "a rollout is its predictions one after another" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const reply = host.json(
        "/v1/rollout",
        "{\"start\":{\"latent\":" ++ latent32 ++ "},\"actions\":[" ++ row10 ++ "," ++ row10 ++ "," ++ row10 ++ "," ++ row10 ++ "]}",
    );
    try expectEqual(@as(u32, 200), reply.status);
    const parsed = try parse(reply);
    defer parsed.deinit();
    const trajectory = parsed.value.object.get("trajectory").?.array.items;
    try expectEqual(@as(usize, 5), trajectory.len);

    // The fourth step sees the last three latents.
    var body: std.Io.Writer.Allocating = .init(std.testing.allocator);
    defer body.deinit();
    try body.writer.writeAll("{\"actions\":[" ++ row10 ++ "," ++ row10 ++ "," ++ row10 ++ "],\"history\":");
    try std.json.Stringify.value(trajectory[1..4], .{}, &body.writer);
    try body.writer.writeAll("}");
    const next = host.json("/v1/predict", body.written());
    try expectEqual(@as(u32, 200), next.status);
    const predicted = try parse(next);
    defer predicted.deinit();
    for (predicted.value.object.get("latent").?.array.items, trajectory[4].array.items) |a, b| try expectEqual(number(a), number(b));
}

test "a rollout starts from a picture too, and is as long as the board says" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const steps = host.device.stepsMax();
    try expectEqual(@as(usize, hosts.body_bytes_max / (hosts.latent_elements * 4) - 1), steps);
    var encoded: [256]u8 = undefined;
    const text = std.base64.standard.Encoder.encode(&encoded, jpeg);
    // Actions as one base64 text: zeros.
    var body: std.Io.Writer.Allocating = .init(std.testing.allocator);
    defer body.deinit();
    try body.writer.print("{{\"start\":{{\"image\":\"{s}\",\"type\":\"image/jpeg\"}},\"actions\":\"", .{text});
    for (0..steps * hosts.action_elements * 4 / 3) |_| try body.writer.writeAll("AAAA");
    const rest = steps * hosts.action_elements * 4 % 3;
    try body.writer.writeAll(if (rest == 0) "" else if (rest == 1) "AA==" else "AAA=");
    try body.writer.writeAll("\"}");
    const reply = host.json("/v1/rollout?latent=base64", body.written());
    try expectEqual(@as(u32, 200), reply.status);
    const parsed = try parse(reply);
    defer parsed.deinit();
    try expectEqual(steps + 1, parsed.value.object.get("trajectory").?.array.items.len);
}

test "device, models and the page" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const device = try parse(host.send("GET", "/v1/device", "", "", ""));
    defer device.deinit();
    try std.testing.expectEqualStrings("a \"test\" board", device.value.object.get("name").?.string);
    const slot = device.value.object.get("slots").?.array.items[0].object;
    try std.testing.expectEqualStrings("VALID", slot.get("state").?.string);
    try expect(slot.get("untrained").?.bool);
    const model = try parse(host.send("GET", "/v1/models/model_a", "", "", ""));
    defer model.deinit();
    try std.testing.expectEqualStrings(
        "encode",
        model.value.object.get("entries").?.array.items[0].object.get("name").?.string,
    );
    try expect(model.value.object.get("meta").?.object.get("untrained").?.bool);
    const page = host.send("GET", "/", "", "text/html", "");
    try expectEqual(@as(u32, 200), page.status);
    // It is kept in compressed form only; who refuses that is told.
    try expect(std.mem.startsWith(u8, page.body.items, "\x1f\x8b"));
    try expect(page.hasHeader("content-encoding: gzip"));
    const refused = host.ask("GET", "/", &.{ "accept-encoding", "gzip;q=0, br" }, "");
    try expectEqual(@as(u32, 406), refused.status);
    try expect(std.mem.indexOf(u8, refused.body.items, "\"field\":\"accept-encoding\",\"expected\":\"gzip\"") != null);
    const head = host.send("HEAD", "/v1/device", "", "", "");
    try expectEqual(@as(u32, 200), head.status);
    try expectEqual(@as(usize, 0), head.body.items.len);
    for ([_][]const u8{ "/v1/device", "/v1/models", "/v1/models/model_a" }) |path| {
        var cbor: CborTokens = .init(host.send("GET", path, "", "application/cbor", "").body.items);
        while (try cbor.next() != .end) {}
    }
}

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
        .body = "{\"start\":{\"latent\":" ++ latent32 ++ "},\"goal\":{\"latent\":" ++ latent32 ++ "},\"horizon\":0}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "horizon",
    },
    .{
        .target = "/v1/plan",
        .body = "{\"start\":{\"latent\":" ++ latent32 ++ "},\"goal\":{\"latent\":" ++ latent32 ++ "},\"horizon\":33}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "horizon",
    },
    .{
        .target = "/v1/plan",
        .body = "{\"start\":{\"latent\":" ++ latent32 ++ "},\"goal\":{\"latent\":" ++ latent32 ++ "},\"horizon\":1.5}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "horizon",
    },
    .{
        .target = "/v1/plan",
        .body = "{\"start\":{\"latent\":" ++ latent32 ++ "},\"goal\":{\"latent\":" ++ latent32 ++ "},\"seed\":-1}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "seed",
    },
    .{
        .target = "/v1/plan",
        .body = "{\"start\":{\"latent\":" ++ latent32 ++ "},\"goal\":{\"latent\":" ++ latent32 ++ "},\"seed\":9007199254740993}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "seed",
    },
    .{
        .target = "/v1/plan",
        .body = "{\"start\":{\"latent\":" ++ latent32 ++ "},\"goal\":{\"latent\":" ++ latent32 ++ "},\"seed\":123456789.5}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "seed",
    },
    .{
        .target = "/v1/plan",
        .body = "{\"start\":{\"latent\":" ++ latent32 ++ "},\"goal\":{\"latent\":" ++ latent32 ++ "},\"seed\":1e-60}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "seed",
    },
    .{
        .target = "/v1/plan",
        .body = "{\"start\":{\"latent\":" ++ latent32 ++ "},\"goal\":{\"latent\":" ++ latent32 ++ "},\"budget\":{\"samples\":1}}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "budget.samples",
    },
    .{
        .target = "/v1/plan",
        .body = "{\"start\":{\"latent\":" ++ latent32 ++ "},\"goal\":{\"latent\":" ++ latent32 ++ "},\"budget\":{\"samples\":4,\"elites\":5}}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "budget.elites",
    },
    .{
        .target = "/v1/plan",
        .body = "{\"start\":{\"latent\":" ++ latent32 ++ "},\"goal\":{\"latent\":" ++ latent32 ++ "},\"budget\":{\"samples\":300,\"iterations\":30},\"horizon\":6}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "budget",
    },
    .{
        .target = "/v1/plan",
        .body = "{\"start\":{\"latent\":" ++ latent32 ++ "},\"goal\":{\"latent\":" ++ latent32 ++ "},\"budget\":7}",
        .status = 422,
        .code = "BODY_INVALID",
        .field = "budget",
    },
    .{
        .target = "/v1/plan",
        .body = "{\"start\":{\"latent\":" ++ latent32 ++ "},\"goal\":{\"latent\":" ++ latent32 ++ "},\"budget\":{\"sample\":7}}",
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

test "bodies that are too long are refused by their header and by their bytes" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const headers = [_]ports.Header{
        .{ .name = .of("content-type"), .value = .of("application/json") },
        .{ .name = .of("content-length"), .value = .of("65537") },
    };
    host.core.requestHead(60, "POST", "/v1/predict", "", &headers);
    try expectEqual(@as(u32, 413), host.reply(60).status);
    const request = host.head("POST", "/v1/predict", "application/json", "");
    const piece: [1024]u8 = @splat(' ');
    for (0..65) |_| host.core.bodyChunk(request, &piece);
    try expectEqual(@as(u32, 413), host.reply(request).status);
    host.core.requestEnd(request);
    try expectEqual(@as(u32, 1), host.reply(request).ended);
    try expectEqual(@as(u32, 0), host.device.inProgress());
}

test "a full queue answers 503 with Retry-After, then goes on in order" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    var requests: [hosts.exchange_count]u32 = undefined;
    for (&requests) |*request| {
        request.* = host.head("POST", "/v1/encode", "image/jpeg", "");
        host.core.bodyChunk(request.*, jpeg);
        host.core.requestEnd(request.*);
    }
    const refused = host.head("POST", "/v1/encode", "image/jpeg", "");
    try expectEqual(@as(u32, 503), host.reply(refused).status);
    try expect(host.reply(refused).hasHeader("retry-after: 1"));
    for (requests) |request| {
        try expectEqual(@as(u32, 0), host.reply(request).status);
        // Other routes answer while work is under way.
        try expectEqual(@as(u32, 200), host.reply(host.head("GET", "/v1/device", "", "")).status);
        host.turn();
        try expectEqual(@as(u32, 200), host.reply(request).status);
    }
}

test "a client that leaves frees its place, whatever its request was doing" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const receiving = host.head("POST", "/v1/encode", "image/jpeg", "");
    host.core.requestClosed(receiving);
    try expectEqual(@as(u32, 0), host.device.inProgress());

    host.decode_now = false;
    const decoding = host.head("POST", "/v1/encode", "image/jpeg", "");
    host.core.bodyChunk(decoding, jpeg);
    host.core.requestEnd(decoding);
    host.core.requestClosed(decoding);
    // The decoder still reads the body.
    try expectEqual(@as(u32, 1), host.device.inProgress());
    host.finishDecode(decoding);
    try expectEqual(@as(u32, 0), host.device.inProgress());

    host.decode_now = true;
    const running = host.head("POST", "/v1/encode", "image/jpeg", "");
    const queued = host.head("POST", "/v1/encode", "image/jpeg", "");
    for ([_]u32{ running, queued }) |request| {
        host.core.bodyChunk(request, jpeg);
        host.core.requestEnd(request);
    }
    host.core.requestClosed(queued);
    host.core.requestClosed(running);
    host.pump();
    try expectEqual(@as(u32, 0), host.device.inProgress());
    for ([_]u32{
        receiving,
        decoding,
        running,
        queued,
    }) |request| try expectEqual(@as(u32, 0), host.reply(request).heads);
}

test "the number of a request whose client left is another's at once, whatever the worker still does with the first" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const left = host.head("POST", "/v1/encode", "image/jpeg", "");
    host.core.bodyChunk(left, jpeg);
    host.core.requestEnd(left);
    host.core.requestClosed(left);
    try expectEqual(@as(u32, 1), host.device.inProgress());
    host.next = left;
    try expectEqual(left, host.head("POST", "/v1/encode", "image/jpeg", ""));
    host.core.bodyChunk(left, jpeg);
    host.core.requestEnd(left);
    host.pump();
    try expectEqual(@as(u32, 200), host.reply(left).status);
    try expectEqual(@as(u32, 1), host.reply(left).ended);
    try expectEqual(@as(u32, 0), host.device.inProgress());
}

test "slow and silent clients lose their request" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const silent = host.head("POST", "/v1/encode", "image/jpeg", "");
    host.core.tick(host.clock_us + limits.receive_idle_us_max);
    try expectEqual(@as(u32, 0), host.reply(silent).status);
    host.core.tick(host.clock_us + limits.receive_idle_us_max + 100);
    try expectEqual(@as(u32, 408), host.reply(silent).status);
    const slow = host.head("POST", "/v1/encode", "image/jpeg", "");
    const began = host.clock_us;
    while (host.clock_us < began + limits.receive_total_us_max) {
        host.clock_us += limits.receive_idle_us_max / 2;
        host.core.bodyChunk(slow, "x");
        host.core.tick(host.clock_us);
    }
    host.core.tick(host.clock_us + 1000);
    try expectEqual(@as(u32, 408), host.reply(slow).status);
}

test "a picture that cannot be decoded is the client's error" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    host.decode_fails = true;
    const reply = host.send("POST", "/v1/encode", "image/jpeg", "", jpeg);
    try expectEqual(@as(u32, 422), reply.status);
    try expect(std.mem.indexOf(u8, reply.body.items, "ends in the middle") != null);
}

test "without a model the board answers and says why" {
    var host: Host = undefined;
    try host.start();
    defer host.stop();
    try expectEqual(@as(u32, 503), host.send("POST", "/v1/encode", "image/jpeg", "", jpeg).status);
    var err: ports.ErrorInfo = .{};
    const broken align(64) = model: {
        var bytes = hosts.model;
        bytes[bytes.len / 2] ^= 1;
        break :model bytes;
    };
    try expectEqual(
        ports.Result.model,
        abi.synapse_device_load_model(host.core, .of("model_a"), &broken, broken.len, &err),
    );
    try expect(err.model_code < 0);
    const device = try parse(host.send("GET", "/v1/device", "", "", ""));
    defer device.deinit();
    const slot = device.value.object.get("slots").?.array.items[0].object;
    try std.testing.expectEqualStrings("BROKEN", slot.get("state").?.string);
    try expect(slot.get("detail").?.string.len > 0);
}

test "a model that does not fit is refused with the exact number of missing bytes" {
    var host: Host = undefined;
    try host.start();
    defer host.stop();
    inline for (.{ "fast", "slow" }, .{ ports.Region.fast, ports.Region.slow }) |name, region| {
        var config = host.configuration();
        const needs = Core.requirements(&config);
        @field(config, name ++ "_bytes") = @intCast(@field(needs, name ++ "_bytes") + 64);
        var device: ?*Core = null;
        var err: ports.ErrorInfo = .{};
        try expectEqual(ports.Result.ok, abi.synapse_device_init(&config, &device, &err));
        // Memory is counted step by step, so growing by what is missing ends at a size that is just enough.
        var rounds: u32 = 0;
        while (abi.synapse_device_load_model(
            device,
            .of("a"),
            &hosts.model,
            hosts.model.len,
            &err,
        ) != .ok) : (rounds += 1) {
            try expectEqual(@backingInt(ports.Result.model_memory), err.code);
            try expectEqual(@backingInt(region), err.region);
            try expectEqual(@field(config, name ++ "_bytes") + err.bytes_missing, err.bytes_needed);
            @field(config, name ++ "_bytes") = @intCast(err.bytes_needed);
            try expectEqual(ports.Result.ok, abi.synapse_device_init(&config, &device, &err));
            try expect(rounds < 4);
        }
        try expect(rounds > 0);
        @field(config, name ++ "_bytes") -= 64;
        try expectEqual(ports.Result.ok, abi.synapse_device_init(&config, &device, &err));
        try expectEqual(
            ports.Result.model_memory,
            abi.synapse_device_load_model(device, .of("a"), &hosts.model, hosts.model.len, &err),
        );
        try expectEqual(@as(u64, 64), err.bytes_missing);
    }
}

test "wrong configurations are refused" {
    var host: Host = undefined;
    try host.start();
    defer host.stop();
    var device: ?*Core = null;
    var err: ports.ErrorInfo = .{};
    inline for (.{ "threads", "body_bytes_max", "exchange_count", "size" }) |name| {
        var config = host.configuration();
        @field(config, name) = 0;
        try expectEqual(ports.Result.argument, abi.synapse_device_init(&config, &device, &err));
        try expect(std.mem.indexOf(u8, &err.message, name) != null);
    }
    var config = host.configuration();
    config.slow_bytes = 1000;
    try expectEqual(ports.Result.out_of_memory, abi.synapse_device_init(&config, &device, &err));
    try expectEqual(Core.requirements(&config).slow_bytes - 1000, err.bytes_missing);
}
