//! POST /v1/plan against what /v1/rollout says, its progress, and its cancelling.
const std = @import("std");
const hosts = @import("../test_host.zig");
const Host = hosts.Host;
const ActionSpace = @import("../model/action_space.zig").ActionSpace;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;

const jpeg = "\xff\xd8\xff\xe0";
const ones = "[" ++ repeated("1,-1,") ++ "1,-1]";
const goal = "[" ++ repeated("0.5,0.25,") ++ "0.5,0.25]";

fn repeated(comptime text: []const u8) []const u8 {
    comptime var result: []const u8 = "";
    inline for (0..hosts.latent_elements / 2 - 1) |_| result = result ++ text;
    return result;
}

/// The beginning of a plan's body.
const ends = "{\"start\":{\"latent\":" ++ ones ++ "},\"goal\":{\"latent\":" ++ goal ++ "},";
const request = ends ++
    "\"horizon\":3,\"seed\":9007199254740991,\"budget\":{\"samples\":12,\"iterations\":3,\"elites\":3}}";

fn number(value: std.json.Value) f64 {
    return switch (value) {
        .integer => |integer| @floatFromInt(integer),
        .float => |float| float,
        else => std.math.nan(f64),
    };
}

fn parse(text: []const u8) !std.json.Parsed(std.json.Value) {
    return std.json.parseFromSlice(std.json.Value, std.testing.allocator, text, .{});
}

test "a plan's latents are the rollout of its actions, its cost their distance to the goal, and its seed decides" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const reply = host.json("/v1/plan", request);
    errdefer std.debug.print("{s}\n", .{reply.body.items});
    try expectEqual(@as(u32, 200), reply.status);
    const parsed = try parse(reply.body.items);
    defer parsed.deinit();
    const plan = parsed.value.object;
    try expectEqual(@as(i64, 9007199254740991), plan.get("seed").?.integer);
    try expectEqual(@as(i64, 12 * 3 * 3 + 3), plan.get("predictions").?.integer);

    var body: std.Io.Writer.Allocating = .init(std.testing.allocator);
    defer body.deinit();
    try body.writer.writeAll("{\"start\":{\"latent\":" ++ ones ++ "},\"actions\":");
    try std.json.Stringify.value(plan.get("actions").?, .{}, &body.writer);
    try body.writer.writeAll("}");
    const rolled = try parse(host.json("/v1/rollout", body.written()).body.items);
    defer rolled.deinit();
    const trajectory = plan.get("trajectory").?.array.items;
    try expectEqual(@as(usize, 4), trajectory.len);
    for (trajectory, rolled.value.object.get("trajectory").?.array.items) |a, b| {
        for (a.array.items, b.array.items) |x, y| try expectEqual(number(y), number(x));
    }
    var cost: f64 = 0;
    for (trajectory[3].array.items, 0..) |value, i| {
        const wanted: f64 = if (i % 2 == 0) 0.5 else 0.25;
        cost += (number(value) - wanted) * (number(value) - wanted);
    }
    try std.testing.expectApproxEqRel(cost, number(plan.get("cost").?), 1e-5);

    const again = try parse(host.json("/v1/plan", request).body.items);
    defer again.deinit();
    try expectEqual(number(plan.get("cost").?), number(again.value.object.get("cost").?));
    const other = try parse(host.json(
        "/v1/plan",
        ends ++ "\"horizon\":3," ++
            "\"budget\":{\"samples\":12,\"iterations\":3,\"elites\":3}}",
    ).body.items);
    defer other.deinit();
    try expect(number(plan.get("cost").?) != number(other.value.object.get("cost").?));
}

test "more budget plans better" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const small = try parse(host.json(
        "/v1/plan",
        ends ++ "\"budget\":{\"samples\":2," ++
            "\"iterations\":1,\"elites\":2}}",
    ).body.items);
    defer small.deinit();
    const large = try parse(host.json(
        "/v1/plan",
        ends ++ "\"budget\":{\"samples\":100," ++
            "\"iterations\":10,\"elites\":10}}",
    ).body.items);
    defer large.deinit();
    try expect(number(large.value.object.get("cost").?) < number(small.value.object.get("cost").?));
}

test "start and goal may be pictures, one or both, encoded or raw" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    var jpeg_text: [16]u8 = undefined;
    const encoded = std.base64.standard.Encoder.encode(&jpeg_text, jpeg);
    // The picture that the test's decoder gives.
    var rgb: [hosts.image_bytes]u8 = undefined;
    for (&rgb, 0..) |*value, i| value.* = @truncate(i * 7);
    var raw_text: [std.base64.standard.Encoder.calcSize(hosts.image_bytes)]u8 = undefined;
    const raw = std.base64.standard.Encoder.encode(&raw_text, &rgb);
    var costs: [4]f64 = undefined;
    for (&costs, 0..) |*cost, i| {
        var body: std.Io.Writer.Allocating = .init(std.testing.allocator);
        defer body.deinit();
        for ([_]bool{ i & 1 == 1, i & 2 == 2 }, [_][]const u8{ "{\"start\":", ",\"goal\":" }) |as_raw, key| {
            try body.writer.print(
                "{s}{{\"image\":\"{s}\",\"type\":\"{s}\"}}",
                .{ key, if (as_raw) raw else encoded, if (as_raw) "application/octet-stream" else "image/jpeg" },
            );
        }
        try body.writer.writeAll(",\"horizon\":2}");
        const reply = host.json("/v1/plan", body.written());
        errdefer std.debug.print("{s}\n", .{reply.body.items});
        try expectEqual(@as(u32, 200), reply.status);
        const parsed = try parse(reply.body.items);
        defer parsed.deinit();
        cost.* = number(parsed.value.object.get("cost").?);
    }
    for (costs[1..]) |cost| try expectEqual(costs[0], cost);
}

test "progress comes as events, one an iteration, then the result" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const reply = host.send("POST", "/v1/plan", "application/json", "text/event-stream", request);
    try expect(reply.hasHeader("content-type: text/event-stream"));
    const plain = try parse(host.json("/v1/plan", request).body.items);
    defer plain.deinit();
    var events = std.mem.splitSequence(u8, std.mem.trimEnd(u8, reply.body.items, "\n"), "\n\n");
    for (1..4) |iteration| {
        const text = events.next().?;
        try expect(std.mem.startsWith(u8, text, "event: progress\ndata: {"));
        const data = try parse(text["event: progress\ndata: ".len..]);
        defer data.deinit();
        try expectEqual(@as(i64, @intCast(iteration)), data.value.object.get("iteration").?.integer);
    }
    const text = events.next().?;
    try expect(std.mem.startsWith(u8, text, "event: result\ndata: {"));
    const result = try parse(text["event: result\ndata: ".len..]);
    defer result.deinit();
    try expectEqual(number(plain.value.object.get("cost").?), number(result.value.object.get("cost").?));
    try expectEqual(@as(?[]const u8, null), events.next());
    try expectEqual(@as(u32, 1), reply.ended);
    // What is wrong with a request is told before the stream begins.
    const wrong = host.send("POST", "/v1/plan", "application/json", "text/event-stream", "{}");
    try expectEqual(@as(u32, 422), wrong.status);
    try expect(wrong.hasHeader("content-type: application/problem+json"));
}

test "a client that leaves stops its plan, and the next request is served" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const leaving = host.head("POST", "/v1/plan", "application/json", "text/event-stream");
    host.core.bodyChunk(leaving, request);
    host.core.requestEnd(leaving);
    host.turn();
    try expect(host.reply(leaving).ended == 0);
    const waiting = host.head("POST", "/v1/encode", "image/jpeg", "");
    host.core.bodyChunk(waiting, jpeg);
    host.core.requestEnd(waiting);
    host.core.requestClosed(leaving);
    host.turn();
    host.turn();
    try expectEqual(@as(u32, 200), host.reply(waiting).status);
    try expectEqual(@as(u32, 0), host.device.inProgress());
}

test "a cost that is no number is no answer" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const far = comptime far: {
        var text: []const u8 = "[1e30";
        for (1..hosts.latent_elements) |_| text = text ++ ",0";
        break :far text ++ "]";
    };
    const far_ends = "{\"start\":{\"latent\":" ++ ones ++ "},\"goal\":{\"latent\":" ++ far ++ "},";
    const body = far_ends ++ "\"horizon\":2,\"budget\":{\"samples\":4,\"iterations\":1,\"elites\":2}}";
    for ([_][]const u8{ "", "application/cbor", "text/event-stream" }) |accept| {
        const reply = host.send("POST", "/v1/plan", "application/json", accept, body);
        errdefer std.debug.print("{s}\n", .{reply.body.items});
        try expectEqual(@as(u32, if (std.mem.startsWith(u8, accept, "text")) 200 else 500), reply.status);
        try expect(std.mem.indexOf(u8, reply.body.items, "\"code\":\"RESULT_NOT_FINITE\"") != null);
    }
}

const bounds: ActionSpace = .{
    .units = "m/s",
    .min = &.{ -0.25, 0 },
    .max = &.{ 0.5, 0.125 },
    .mean = &.{ 0, 0.5 },
    .deviation = &.{ 3, 3 },
};

fn startBounded(host: *Host) !void {
    try host.startWithModel();
    host.device.active.model.?.actions = bounds;
}

test "planned actions are within the model's bounds, the same on every run, and their rollout has no warning" {
    var host: Host = undefined;
    try startBounded(&host);
    defer host.stop();
    const parsed = try parse(host.json("/v1/plan", request).body.items);
    defer parsed.deinit();
    const actions = parsed.value.object.get("actions").?;
    var at_bound: u32 = 0;
    for (actions.array.items) |row| for (row.array.items, 0..) |item, i| {
        const value: f32 = @floatCast(number(item));
        try expectEqual(bounds.clip(i, value), value);
        at_bound += @intFromBool(value == bounds.min[i % 2] or value == bounds.max[i % 2]);
    };
    // With a deviation twelve times the bounds' width all elites of some values are at the same bound.
    try expect(at_bound > 0);
    const again = try parse(host.json("/v1/plan", request).body.items);
    defer again.deinit();
    try expectEqual(number(parsed.value.object.get("cost").?), number(again.value.object.get("cost").?));

    var body: std.Io.Writer.Allocating = .init(std.testing.allocator);
    defer body.deinit();
    try body.writer.writeAll("{\"start\":{\"latent\":" ++ ones ++ "},\"actions\":");
    try std.json.Stringify.value(actions, .{}, &body.writer);
    try body.writer.writeAll("}");
    const reply = host.json("/v1/rollout", body.written());
    try expectEqual(@as(u32, 200), reply.status);
    try expect(std.mem.indexOf(u8, reply.body.items, "\"warnings\"") == null);
}

test "actions outside of the model's bounds are used, and the answer says how many they are and where the first is" {
    const rows = "[[0,0,0,0,0,0,0,0,0,0],[0,0,0,0.5,0,0,-2,0,0,0]]";
    const warning = "\"warnings\":[{{\"code\":\"ACTION_OUT_OF_BOUNDS\",\"detail\":\"2 of {d} values lie outside of " ++
        "the model's bounds; the first is 0.5\",\"field\":\"{s}\",\"expected\":\"0 to 0.125, in m/s\"}}]";
    const cases = [_]struct { target: []const u8, body: []const u8, values: u32, field: []const u8 }{
        .{
            .target = "/v1/rollout",
            .body = "{\"start\":{\"latent\":" ++ ones ++ "},\"actions\":" ++ rows ++ "}",
            .values = 20,
            .field = "actions[1][3]",
        },
        .{
            .target = "/v1/predict",
            .body = "{\"history\":[" ++ ones ++ "," ++ ones ++ "],\"actions\":" ++ rows ++ "}",
            .values = 20,
            .field = "actions[1][3]",
        },
        .{
            .target = "/v1/observe",
            .body = "{\"stream\":\"s\",\"latent\":" ++ ones ++ ",\"action\":[0,0,0,0.5,0,0,-2,0,0,0]}",
            .values = 10,
            .field = "action[3]",
        },
    };
    var host: Host = undefined;
    try startBounded(&host);
    defer host.stop();
    inline for (cases) |case| {
        const reply = host.json(case.target, case.body);
        errdefer std.debug.print("{s}\n", .{reply.body.items});
        try expectEqual(@as(u32, 200), reply.status);
        var text: [256]u8 = undefined;
        try expect(std.mem.indexOf(
            u8,
            reply.body.items,
            try std.fmt.bufPrint(&text, warning, .{ case.values, case.field }),
        ) != null);
    }
    const slot = host.ask("GET", "/v1/models", &.{}, "").body.items;
    errdefer std.debug.print("{s}\n", .{slot});
    try expect(std.mem.indexOf(
        u8,
        slot,
        "\"actions\":{\"units\":\"m/s\",\"bounds\":{\"min\":[-0.25,0],\"max\":[0.5,0.125]}}",
    ) != null);
    // A model without bounds is asked whatever the client likes.
    host.device.active.model.?.actions = .{};
    inline for (cases) |case| try expect(std.mem.indexOf(
        u8,
        host.json(case.target, case.body).body.items,
        "warnings",
    ) == null);
    try expect(std.mem.indexOf(u8, host.ask("GET", "/v1/models", &.{}, "").body.items, "\"bounds\"") == null);
}
