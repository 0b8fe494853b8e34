//! The routes of the published port give its clients what /v1 gives others.
const std = @import("std");
const hosts = @import("../../test_host.zig");
const Host = hosts.Host;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

const latent32 = "[0.25,-1,2,0.5,0.25,-1,2,0.5,0.25,-1,2,0.5,0.25,-1,2,0.5,0.25,-1,2,0.5,0.25,-1,2,0.5,0.25,-1,2," ++
    "0.5,0.25,-1,2,0.5]";
const row10 = "[1,0,1,0,1,0,1,0,1,0]";

fn parse(reply: *const hosts.Reply) !std.json.Parsed(std.json.Value) {
    errdefer std.debug.print("{d} {s}\n", .{ reply.status, reply.body.items });
    try expectEqual(@as(u32, 200), reply.status);
    return std.json.parseFromSlice(std.json.Value, std.testing.allocator, reply.body.items, .{});
}

fn same(expected: std.json.Value, given: std.json.Value) !void {
    const a = try std.json.Stringify.valueAlloc(std.testing.allocator, expected, .{});
    defer std.testing.allocator.free(a);
    const b = try std.json.Stringify.valueAlloc(std.testing.allocator, given, .{});
    defer std.testing.allocator.free(b);
    try expectEqualStrings(a, b);
}

test "a legacy picture of normalised floats is the picture of bytes" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    var pixels: [hosts.image_bytes]u8 = undefined;
    var floats: [hosts.image_bytes]f32 = undefined;
    const mean = [3]f32{ 0.485, 0.456, 0.406 };
    const deviation = [3]f32{ 0.229, 0.224, 0.225 };
    for (&pixels, &floats, 0..) |*byte, *value, i| {
        byte.* = @truncate(i * 31);
        value.* = (@as(f32, @floatFromInt(byte.*)) / 255 - mean[i % 3]) / deviation[i % 3];
    }
    const expected = try parse(host.send("POST", "/v1/encode", "application/octet-stream", "", &pixels));
    defer expected.deinit();
    // As `curl --data-binary` labels it.
    const given = try parse(host.send(
        "POST",
        "/encode?height=28&width=28",
        "application/x-www-form-urlencoded",
        "",
        std.mem.sliceAsBytes(&floats),
    ));
    defer given.deinit();
    try same(expected.value.object.get("latent").?, given.value.object.get("latent").?);
    try std.testing.expect(given.value.object.get("latency_ms") != null);
    const short = host.send("POST", "/encode", "", "", std.mem.sliceAsBytes(floats[1..]));
    try expectEqual(@as(u32, 422), short.status);
    try std.testing.expect(std.mem.indexOf(u8, short.body.items, "IMAGE_SIZE") != null);
    floats[7] = std.math.nan(f32);
    try expectEqual(@as(u32, 422), host.send("POST", "/encode", "", "", std.mem.sliceAsBytes(&floats)).status);
}

test "legacy predictions and rollouts are those of /v1" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const next = try parse(host.send(
        "POST",
        "/predict",
        "",
        "",
        "{\"latent\":" ++ latent32 ++ ",\"action\":" ++ row10 ++ "}",
    ));
    defer next.deinit();
    const expected = try parse(host.json(
        "/v1/predict",
        "{\"history\":[" ++ latent32 ++ "],\"actions\":[" ++ row10 ++ "]}",
    ));
    defer expected.deinit();
    try same(expected.value.object.get("latent").?, next.value.object.get("next_latent").?);
    const path = try parse(host.send(
        "POST",
        "/rollout",
        "text/plain",
        "",
        "{\"latent\":" ++ latent32 ++ ",\"actions\":[" ++ row10 ++ "," ++ row10 ++ "," ++ row10 ++ "],\"steps\":2}",
    ));
    defer path.deinit();
    const rollout = try parse(host.json(
        "/v1/rollout",
        "{\"start\":{\"latent\":" ++ latent32 ++ "},\"actions\":[" ++ row10 ++ "," ++ row10 ++ "]}",
    ));
    defer rollout.deinit();
    try same(rollout.value.object.get("trajectory").?, path.value.object.get("trajectory").?);
    try expectEqual(@as(i64, 2), path.value.object.get("steps").?.integer);
}

test "legacy status, and legacy requests that are wrong" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const status = try parse(host.send("GET", "/status", "", "", ""));
    defer status.deinit();
    try expectEqual(@as(i64, hosts.latent_elements), status.value.object.get("latent_dim").?.integer);
    try expectEqual(@as(i64, hosts.action_elements), status.value.object.get("action_dim").?.integer);
    try std.testing.expect(status.value.object.get("has_encoder").?.bool);
    const Case = struct { target: []const u8, body: []const u8, status: u32, field: []const u8 };
    for ([_]Case{
        .{ .target = "/predict", .body = "{\"latent\":[1]}", .status = 422, .field = "latent" },
        .{
            .target = "/predict",
            .body = "{\"latent\":" ++ latent32 ++ ",\"action\":[0.5,0.3]}",
            .status = 422,
            .field = "action",
        },
        .{ .target = "/predict", .body = "{\"latent\":" ++ latent32 ++ "}", .status = 422, .field = "action" },
        .{ .target = "/predict", .body = "latent", .status = 400, .field = "" },
        .{
            .target = "/rollout",
            .body = "{\"latent\":" ++ latent32 ++ ",\"actions\":[]}",
            .status = 422,
            .field = "actions",
        },
        .{ .target = "/rollout", .body = "{\"steps\":0}", .status = 422, .field = "steps" },
        .{ .target = "/encode", .body = "", .status = 422, .field = "body" },
    }) |case| {
        const reply = host.send("POST", case.target, "", "", case.body);
        try expectEqual(case.status, reply.status);
        var wanted: [64]u8 = undefined;
        if (case.field.len > 0) try std.testing.expect(std.mem.indexOf(
            u8,
            reply.body.items,
            std.fmt.bufPrint(&wanted, "\"field\":\"{s}\"", .{case.field}) catch unreachable,
        ) != null);
    }
}
