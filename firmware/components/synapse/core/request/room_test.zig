//! Strangers on a board that its owner has opened, or that nobody owns yet, do not keep the owner from it.
const std = @import("std");
const abi = @import("../abi.zig");
const boards = @import("../test_board.zig");
const Board = boards.Board;
const hosts = @import("../test_host.zig");
const limits = @import("../limits.zig");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;

const json = [_][]const u8{ "content-type", "application/json" };
const latent = text: {
    var result: []const u8 = "[0.5";
    for (1..hosts.latent_elements) |_| result = result ++ ",0.5";
    break :text result ++ "]";
};
const action = text: {
    var result: []const u8 = "[0.1";
    for (1..hosts.action_elements) |_| result = result ++ ",0.1";
    break :text result ++ "]";
};
const predict = "{\"history\":[" ++ latent ++ "],\"actions\":[" ++ action ++ "]}";

fn plan(comptime budget: []const u8) []const u8 {
    return "{\"start\":{\"latent\":" ++ latent ++ "},\"goal\":{\"latent\":" ++ latent ++ "}," ++ budget ++ "}";
}

const large = plan("\"horizon\":5,\"budget\":{\"samples\":300,\"iterations\":30,\"elites\":30}");
const small = plan("\"horizon\":5,\"budget\":{\"samples\":40,\"iterations\":10,\"elites\":4}");

const Open = struct {
    board: Board,
    token_len: usize = 0,

    fn start(open: *Open) !void {
        try open.board.start();
        try expectEqual(
            @as(u32, 200),
            open.board.host.ask("PUT", "/v1/settings", &json, "{\"open_inference\":true}").status,
        );
        open.token_len = open.board.host.token_len;
    }

    fn be(open: *Open, who: enum { owner, stranger }, client: []const u8) *hosts.Host {
        open.board.host.token_len = if (who == .owner) open.token_len else 0;
        open.board.host.client = client;
        return &open.board.host;
    }

    /// A head and a body, whose end is still to come.
    fn begin(open: *Open, target: []const u8, body: []const u8) u32 {
        const request = open.board.host.head("POST", target, "application/json", "");
        open.board.host.core.bodyChunk(request, body);
        return request;
    }

    fn send(open: *Open, target: []const u8, body: []const u8) u32 {
        const request = open.begin(target, body);
        open.board.host.core.requestEnd(request);
        return request;
    }
};

fn expectOwnerIsServed(open: *Open) !void {
    const host = open.be(.owner, "10.0.0.1");
    try expectEqual(@as(u32, 200), host.ask("PUT", "/v1/settings", &json, "{\"open_inference\":true}").status);
    try expectEqual(@as(u32, 200), host.ask("POST", "/v1/predict", &json, predict).status);
    try expectEqual(@as(u32, 202), host.ask("POST", "/v1/reboot", &.{}, "").status);
    host.random_byte +%= 1;
    try host.claim();
    open.token_len = host.token_len;
}

test "slow bodies of strangers leave the owner room for inference, settings, a reboot, a claim and an activation" {
    var open: Open = .{ .board = undefined };
    try open.start();
    defer open.board.stop();
    try expectEqual(@as(u32, 201), open.board.put("model_b", &hosts.model).status);
    // From one address, also the owner's own, and from many.
    for ([_][]const u8{ "10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8::1", "" }) |client| {
        _ = open.be(.stranger, client);
        _ = open.begin("/v1/plan", " ");
    }
    try expectEqual(@as(u32, hosts.exchange_count - 1), open.board.host.device.inProgress());
    try expectOwnerIsServed(&open);
    _ = open.be(.owner, "");
    try expectEqual(@as(u32, 200), open.board.activate("model_b").status);
}

test "one address without the token has a share, and what is over says so" {
    var open: Open = .{ .board = undefined };
    try open.start();
    defer open.board.stop();
    const host = open.be(.stranger, "10.0.0.2");
    _ = open.begin("/v1/plan", " ");
    const second = open.begin("/v1/plan", " ");
    try boards.expectProblem(host.reply(second), 503, "QUEUE_FULL");
    try expect(host.reply(second).hasHeader("retry-after: "));
    try expect(std.mem.indexOf(u8, host.reply(second).body.items, "from this address") != null);
    _ = open.be(.stranger, "10.0.0.3");
    const third = open.begin("/v1/plan", " ");
    try expectEqual(@as(u32, 0), host.reply(third).ended);
    _ = open.be(.stranger, "10.0.0.4");
    const fourth = open.begin("/v1/plan", " ");
    try boards.expectProblem(host.reply(fourth), 503, "QUEUE_FULL");
    const queue = open.be(.owner, "").ask("GET", "/v1/device", &.{}, "").body.items;
    try expect(std.mem.indexOf(
        u8,
        queue,
        "\"queue\":{\"in_progress\":2,\"capacity\":3,\"open_max\":2,\"open_client_max\":1}",
    ) != null);
}

test "how much a stranger may ask for has a bound, which the owner sets" {
    var open: Open = .{ .board = undefined };
    try open.start();
    defer open.board.stop();
    const actions = "[" ++ action ++ "," ++ action ++ "," ++ action ++ "]";
    const rollout = "{\"start\":{\"latent\":" ++ latent ++ "},\"actions\":" ++ actions ++ "}";
    try boards.expectProblem(open.be(.stranger, "").json("/v1/plan", large), 403, "COST_LIMIT");
    try expectEqual(@as(u32, 200), open.be(.stranger, "").json("/v1/plan", small).status);
    try expectEqual(
        @as(u32, 200),
        open.be(.owner, "").ask("PUT", "/v1/settings", &json, "{\"open_predictions_max\":2}").status,
    );
    try boards.expectProblem(open.be(.stranger, "").json("/v1/plan", small), 403, "COST_LIMIT");
    try boards.expectProblem(open.be(.stranger, "").json("/v1/rollout", rollout), 403, "COST_LIMIT");
    try boards.expectProblem(
        open.be(.stranger, "").json(
            "/rollout",
            "{\"latent\":" ++ latent ++ ",\"actions\":[" ++ action ++ "," ++ action ++ "," ++ action ++ "]}",
        ),
        403,
        "COST_LIMIT",
    );
    try expectEqual(@as(u32, 200), open.be(.owner, "").json("/v1/rollout", rollout).status);
    try expectEqual(@as(u32, 200), open.be(.owner, "").json("/v1/plan", small).status);
    try expect(std.mem.indexOf(
        u8,
        open.be(.owner, "").ask("GET", "/v1/device", &.{}, "").body.items,
        "\"open_predictions_max\":2,",
    ) != null);
}

test "the owner's request goes before a stranger's plan, which goes on after it to the same end" {
    var open: Open = .{ .board = undefined };
    try open.start();
    defer open.board.stop();
    const alone = open.be(.owner, "").json("/v1/plan", small);
    const expected = try std.testing.allocator.dupe(
        u8,
        alone.body.items[0..std.mem.indexOf(u8, alone.body.items, "\"model\"").?],
    );
    defer std.testing.allocator.free(expected);
    const host = open.be(.stranger, "10.0.0.2");
    const long = open.send("/v1/plan", small);
    for (0..3) |_| host.turn();
    try expectEqual(@as(u32, 0), host.reply(long).ended);
    _ = open.be(.owner, "10.0.0.1");
    const short = open.send("/v1/predict", predict);
    var turns: u32 = 0;
    while (host.reply(short).ended == 0) : (turns += 1) host.turn();
    try expect(turns <= 6);
    try expectEqual(@as(u32, 0), host.reply(long).ended);
    host.pump();
    try expectEqual(@as(u32, 200), host.reply(long).status);
    try expect(std.mem.startsWith(u8, host.reply(long).body.items, expected));
}

test "an activation of the owner's ends what strangers run" {
    var open: Open = .{ .board = undefined };
    try open.start();
    defer open.board.stop();
    try expectEqual(@as(u32, 201), open.board.put("model_b", &hosts.model).status);
    const host = open.be(.stranger, "10.0.0.2");
    const running = open.send("/v1/plan", small);
    host.turn();
    _ = open.be(.stranger, "10.0.0.3");
    const queued = open.send("/v1/plan", small);
    _ = open.be(.owner, "10.0.0.1");
    const activation = host.head("POST", "/v1/models/model_b/activate", "", "");
    host.core.requestEnd(activation);
    try boards.expectProblem(host.reply(queued), 503, "MODEL_SWITCHING");
    host.turn();
    try boards.expectProblem(host.reply(running), 503, "MODEL_SWITCHING");
    host.pump();
    try expectEqual(@as(u32, 200), host.reply(activation).status);
}

test "the owner sees what is in progress, and ends it" {
    var open: Open = .{ .board = undefined };
    try open.start();
    defer open.board.stop();
    const host = open.be(.stranger, "10.0.0.2");
    const running = open.send("/v1/plan", small);
    host.turn();
    _ = open.be(.stranger, "10.0.0.3");
    const slow = open.begin("/v1/plan", " ");
    _ = open.be(.owner, "10.0.0.1");
    const own = host.head("POST", "/v1/encode", "image/jpeg", "");
    const list = host.reply(host.head("GET", "/v1/requests", "", ""));
    const parsed = try std.json.parseFromSlice(std.json.Value, std.testing.allocator, list.body.items, .{});
    defer parsed.deinit();
    const shown = parsed.value.object.get("requests").?.array.items;
    try expectEqual(@as(usize, 3), shown.len);
    for (shown, [_][3][]const u8{
        .{ "stranger", "10.0.0.2", "running" },
        .{ "stranger", "10.0.0.3", "receiving" },
        .{ "owner", "10.0.0.1", "receiving" },
    }) |request, expected| {
        for ([_][]const u8{ "by", "client", "state" }, expected) |name, value| {
            try std.testing.expectEqualStrings(value, request.object.get(name).?.string);
        }
    }
    var target: [64]u8 = undefined;
    const one = try std.fmt.bufPrint(&target, "/v1/requests/{d}", .{shown[0].object.get("id").?.integer});
    const stop = host.head("DELETE", one, "", "");
    host.core.requestEnd(stop);
    try expectEqual(@as(u32, 200), host.reply(stop).status);
    // The worker leaves it between two model runs.
    host.turn();
    try boards.expectProblem(host.reply(running), 403, "REQUEST_STOPPED");
    try boards.expectProblem(host.ask("DELETE", one, &.{}, ""), 404, "REQUEST_UNKNOWN");
    try boards.expectProblem(host.ask("DELETE", "/v1/requests/x", &.{}, ""), 404, "REQUEST_UNKNOWN");
    try std.testing.expectEqualStrings("{\"stopped\":1}", host.ask("DELETE", "/v1/requests", &.{}, "").body.items);
    try boards.expectProblem(host.reply(slow), 403, "REQUEST_STOPPED");
    try expectEqual(@as(u32, 0), host.reply(own).ended);
    try expectEqual(@as(u32, 1), host.device.inProgress());
    host.core.requestClosed(own);
}

test "what changes the board is not ended half way" {
    var open: Open = .{ .board = undefined };
    try open.start();
    defer open.board.stop();
    const host = open.be(.owner, "");
    const upload = open.board.beginPut("model_b", hosts.model.len);
    const id = host.device.requests.sequence;
    host.core.bodyChunk(upload, &hosts.model);
    host.core.requestEnd(upload);
    var target: [64]u8 = undefined;
    const stop = host.head("DELETE", try std.fmt.bufPrint(&target, "/v1/requests/{d}", .{id}), "", "");
    host.core.requestEnd(stop);
    try boards.expectProblem(host.reply(stop), 409, "REQUEST_BOUND");
    host.pump();
    try expectEqual(@as(u32, 201), host.reply(upload).status);
}

test "slow claims of a board without an owner make room for the next, whoever's it is" {
    for ([_][4][]const u8{
        .{ "10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.1" },
        .{ "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5" },
    }) |clients| {
        var board: Board = undefined;
        try board.startUnclaimed();
        defer board.stop();
        const host = &board.host;
        var slow: [6]u32 = undefined;
        for (&slow, 0..) |*request, i| {
            host.client = clients[i % clients.len];
            request.* = host.head("POST", "/v1/claim", "application/json", "");
            host.core.bodyChunk(request.*, "{");
        }
        try boards.expectProblem(host.reply(slow[0]), 503, "QUEUE_FULL");
        try expectEqual(@as(u32, 0), host.reply(slow[5]).ended);
        host.client = "10.0.0.1";
        try host.claim();
        try boards.expectProblem(host.reply(slow[5]), 401, "RIGHT_LOST");
        try expectEqual(@as(u32, 0), host.device.inProgress());
    }
}

test "a claim has little time, and the broker's commands leave the owner a place" {
    var board: Board = undefined;
    try board.startUnclaimed();
    defer board.stop();
    const host = &board.host;
    const slow = host.head("POST", "/v1/claim", "application/json", "");
    for (0..11) |_| {
        host.clock_us += 1_000_000;
        host.core.bodyChunk(slow, " ");
        host.core.tick(host.clock_us);
    }
    try boards.expectProblem(host.reply(slow), 408, "BODY_TIMEOUT");
    try host.claim();
    abi.events.mqtt_connected(host.core, 5);
    for (0..limits.tasks_max) |i| {
        var topic: [64]u8 = undefined;
        const request = host.next;
        host.next += 1;
        abi.events.mqtt_received(
            host.core,
            request,
            &.{
                .qos = 1,
                .topic = .of(try std.fmt.bufPrint(&topic, "synapse/020000000001/cmd/settings/{d}", .{i})),
                .payload = "{",
                .payload_bytes = 1,
                .total_bytes = 2,
            },
        );
    }
    try expectEqual(@as(u32, limits.tasks_max - 1), host.device.inProgress());
    try expectEqual(@as(u32, 200), host.ask("PUT", "/v1/settings", &json, "{\"name\":\"mine\"}").status);
}

test "how long to wait is at least a second and at most a minute" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    const device = board.host.device;
    for ([_]struct { u64, u32 }{ .{ 0, 1 }, .{
        1_000_000,
        1 + hosts.exchange_count,
    }, .{ 19_500_000, 59 }, .{ 19_900_000, 60 }, .{ 1_000_000_000, 60 } }) |case| {
        device.requests.inference_us_mean = case[0];
        try expectEqual(case[1], device.retryAfter());
    }
}

test "streams of strangers take no place of the owner's, and are none of the owner's by their names" {
    var open: Open = undefined;
    try open.start();
    defer open.board.stop();
    const observe = struct {
        fn of(host: *hosts.Host, name: []const u8) !*hosts.Reply {
            var body: [4096]u8 = undefined;
            return host.json(
                "/v1/observe",
                try std.fmt.bufPrint(
                    &body,
                    "{{\"latent\":" ++ latent ++ ",\"action\":" ++ action ++ ",\"stream\":\"{s}\"}}",
                    .{name},
                ),
            );
        }
    }.of;
    for (0..3) |_| _ = try observe(open.be(.owner, "a"), "door");
    // More of them than there are places, and one that is called as the owner's.
    var name: [8]u8 = undefined;
    for (0..limits.streams_max + 2) |i| {
        const reply = try observe(open.be(.stranger, "b"), try std.fmt.bufPrint(&name, "s{d}", .{i}));
        try expectEqual(@as(u32, 200), reply.status);
        try expect(std.mem.find(u8, reply.body.items, "\"evicted\":\"door\"") == null);
    }
    try expect(std.mem.find(u8, (try observe(open.be(.stranger, "b"), "door")).body.items, "\"frame\":1,") != null);
    try expect(std.mem.find(u8, (try observe(open.be(.owner, "a"), "door")).body.items, "\"frame\":4,") != null);
    // The owner takes their places, and then there is none for them.
    for (1..limits.streams_max) |i| {
        const reply = try observe(open.be(.owner, "a"), try std.fmt.bufPrint(&name, "o{d}", .{i}));
        try expect(std.mem.find(u8, reply.body.items, "\"evicted\":\"o") == null);
    }
    const refused = try observe(open.be(.stranger, "b"), "more");
    try expectEqual(@as(u32, 503), refused.status);
    try expect(std.mem.find(u8, refused.body.items, "STREAMS_FULL") != null);
    try expect(std.mem.find(u8, (try observe(open.be(.owner, "a"), "door")).body.items, "\"frame\":5,") != null);
}
