//! What was begun with a right that is gone does not act: claims, tokens that were replaced, boards given away, what is
//! open no more, other brokers and origins.
const std = @import("std");
const abi = @import("../abi.zig");
const hosts = @import("../test_host.zig");
const boards = @import("../test_board.zig");
const Board = boards.Board;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

const json = [_][]const u8{ "content-type", "application/json" };
const plan = plan: {
    var latent: []const u8 = "0.5";
    for (1..hosts.latent_elements) |_| latent = latent ++ ",0.5";
    break :plan "{\"start\":{\"latent\":[" ++ latent ++ "]},\"goal\":{\"latent\":[" ++ latent ++ "]},\"horizon\":3}";
};

fn expectLost(board: *Board, request: u32, status: u32) !void {
    board.host.pump();
    try boards.expectProblem(board.host.reply(request), status, "RIGHT_LOST");
    try expectEqual(@as(u32, 1), board.host.reply(request).ended);
}

/// Another token in place of the owner's.
fn rotate(board: *Board) !void {
    board.host.random_byte +%= 1;
    try board.host.claim();
}

fn set(board: *Board, body: []const u8) !void {
    try expectEqual(@as(u32, 200), board.host.ask("PUT", "/v1/settings", &json, body).status);
}

fn asStranger(board: *Board) usize {
    defer board.host.token_len = 0;
    return board.host.token_len;
}

test "a claim begun before the board had an owner does not take it from the owner" {
    var board: Board = undefined;
    try board.startUnclaimed();
    defer board.stop();
    const stranger = board.host.begin("POST", "/v1/claim", &json);
    board.host.core.bodyChunk(stranger, "{");
    try board.host.claim();
    try expectLost(&board, stranger, 401);
    board.host.core.bodyChunk(stranger, "}");
    board.host.core.requestEnd(stranger);
    try expectEqual(@as(u32, 200), board.host.ask("GET", "/v1/settings", &.{}, "").status);
}

test "what was begun with a token that was replaced does not act" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    const core = board.host.core;
    const claim = board.host.begin("POST", "/v1/claim", &json);
    core.bodyChunk(claim, "{");
    const settings = board.host.begin("PUT", "/v1/settings", &json);
    core.bodyChunk(settings, "{\"name\":\"atta");
    try rotate(&board);
    core.bodyChunk(settings, "cker\"}");
    core.requestEnd(settings);
    core.bodyChunk(claim, "}");
    core.requestEnd(claim);
    try expectLost(&board, claim, 401);
    try expectLost(&board, settings, 401);
    try expectEqualStrings("a \"test\" board", core.device.name());
    const release = board.host.begin("DELETE", "/v1/claim", &.{});
    try rotate(&board);
    core.requestEnd(release);
    try expectLost(&board, release, 401);
    try expectEqual(@as(u32, 200), board.host.ask("GET", "/v1/settings", &.{}, "").status);
    try expectEqual(@as(u32, 0), core.device.inProgress());
}

test "an upload begun with a token that was replaced writes nothing more, and its slot is no model" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    for ([_]usize{ 1000, hosts.model.len }) |sent| {
        const upload = board.beginPut("model_b", hosts.model.len);
        board.host.core.bodyChunk(upload, hosts.model[0..sent]);
        // Also when all of it is there, and the worker reads it back.
        if (sent == hosts.model.len) board.host.core.requestEnd(upload);
        try rotate(&board);
        const operations = board.sim.operations;
        board.host.core.bodyChunk(upload, hosts.model[sent..]);
        board.host.core.requestEnd(upload);
        try expectLost(&board, upload, 401);
        // But for the record of a slot that was given up.
        try expect(board.sim.operations <= operations + 2);
        try board.expectSlot("model_b", "BROKEN", false);
    }
    try board.expectWorks();
}

test "an activation whose right goes in the middle returns to the model before, and the slot stays ready" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try expectEqual(@as(u32, 201), board.put("model_b", &hosts.model).status);
    for (0..6) |turns| {
        const activation = board.host.begin("POST", "/v1/models/model_b/activate", &.{});
        board.host.core.requestEnd(activation);
        for (0..turns) |_| if (board.host.work_wanted and board.host.reply(activation).ended == 0) {
            board.host.work_wanted = false;
            board.host.core.work();
            if (turns % 2 == 0) board.host.core.workDone();
        };
        if (board.host.reply(activation).ended != 0) break;
        const half = turns % 2 == 1;
        board.host.random_byte +%= 1;
        const request = board.host.begin("POST", "/v1/claim", &json);
        board.host.core.bodyChunk(request, "{}");
        board.host.core.requestEnd(request);
        if (half and !board.host.work_wanted) board.host.core.workDone();
        try board.host.takeToken(board.host.reply(request));
        try expectLost(&board, activation, 401);
        try board.expectSlot("model_b", "VALID", false);
        try board.expectSlot("model_a", "VALID", true);
        try board.expectWorks();
    }
}

test "a firmware whose right goes in the middle is not started" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    var buffer: [2048]u8 = undefined;
    const image = @import("sim_parts").empty_image.make(&buffer, .{ .version = "2.0.0" });
    var length: [16]u8 = undefined;
    const upload = board.host.begin(
        "POST",
        "/v1/firmware",
        &.{
            "content-length",
            try std.fmt.bufPrint(&length, "{d}", .{image.len}),
            "content-type",
            "application/octet-stream",
        },
    );
    board.host.core.bodyChunk(upload, image);
    board.host.core.requestEnd(upload);
    try expect(board.host.work_wanted);
    board.host.random_byte +%= 1;
    const request = board.host.begin("POST", "/v1/claim", &json);
    board.host.core.bodyChunk(request, "{}");
    board.host.core.requestEnd(request);
    try board.host.takeToken(board.host.reply(request));
    try expectLost(&board, upload, 401);
    try expectEqual(@as(u32, 0), board.host.reboots);
    try expect(board.host.device.firmware.phase == .idle);
    _ = try board.host.reset();
    try board.firmwareIs("1.0.0", "VALID");
}

test "an update that was announced before the token was replaced, or the board given away, is fetched no further" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    for ([_]bool{ false, true }) |given_away| {
        for ([_]usize{ 0, 5000, hosts.model.len }) |sent| {
            try expectEqual(@as(u32, 202), board.announce("model", &hosts.model, "").status);
            board.later(1);
            const fetch = board.host.fetch;
            if (sent > 0) {
                abi.events.fetch_head(board.host.core, fetch, 200, hosts.model.len, .{});
                abi.events.fetch_chunk(board.host.core, fetch, &hosts.model, sent);
            }
            if (sent == hosts.model.len) abi.events.fetch_end(board.host.core, fetch, .whole);
            if (given_away) {
                try expectEqual(@as(u32, 200), board.host.ask("DELETE", "/v1/claim", &.{}, "").status);
                board.host.token_len = 0;
                board.host.random_byte +%= 1;
                try board.host.claim();
            } else try rotate(&board);
            if (sent < hosts.model.len) try expectEqual(fetch, board.host.fetch_cancelled);
            try board.stateIs(if (given_away) "IDLE" else "FAILED", if (given_away) null else "RIGHT_LOST");
            if (sent > 0 and sent < hosts.model.len) abi.events.fetch_chunk(
                board.host.core,
                fetch,
                hosts.model[sent..].ptr,
                1000,
            );
            board.later(100);
            try expectEqual(@as(u32, 0), board.host.device.inProgress());
            try expectEqual(fetch, board.host.fetch);
            try expectEqualStrings("model_a", board.host.device.active.slot.slice());
            if (sent > 0) try board.expectSlot("model_b", "BROKEN", false);
        }
    }
}

test "inference that the owner opened ends when it is closed: received, decoded, queued or running" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    const host = &board.host;
    try set(&board, "{\"open_inference\":true}");
    const length = asStranger(&board);
    const events = board.host.begin("POST", "/v1/plan", &(json ++ [_][]const u8{ "accept", "text/event-stream" }));
    host.core.bodyChunk(events, plan);
    host.core.requestEnd(events);
    host.decode_now = false;
    host.client = "10.0.0.2";
    const decoding = board.host.begin("POST", "/v1/encode", &.{ "content-type", "image/jpeg" });
    host.core.bodyChunk(decoding, "\xff\xd8\xff");
    host.core.requestEnd(decoding);
    host.token_len = length;
    const own = board.host.begin("PUT", "/v1/settings", &json);
    host.core.bodyChunk(own, "{\"open_inference\":false}");
    host.core.requestEnd(own);
    try expectEqual(@as(u32, 200), host.reply(own).status);
    host.finishDecode(decoding);
    try expectLost(&board, decoding, 401);
    host.pump();
    const told = host.reply(events).body.items;
    try expect(std.mem.indexOf(u8, told, "event: error") != null and std.mem.indexOf(u8, told, "RIGHT_LOST") != null);
    try expect(std.mem.indexOf(u8, told, "event: result") == null);
    try expectEqual(@as(u32, 0), host.device.inProgress());
}

test "what the broker's users asked for ends with the broker, and its connection commands no more" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    const host = &board.host;
    abi.events.mqtt_connected(host.core, 5);
    const request = host.next;
    host.next += 1;
    const body = "{\"name\":\"moved\"}";
    abi.events.mqtt_received(
        host.core,
        request,
        &.{
            .qos = 1,
            .topic = .of("synapse/020000000001/cmd/settings/1"),
            .payload = body,
            .payload_bytes = 4,
            .total_bytes = body.len,
        },
    );
    try expectEqual(@as(u32, 1), host.device.inProgress());
    try set(&board, "{\"broker_url\":\"mqtt://elsewhere\"}");
    try expectEqual(@as(u32, 0), host.device.inProgress());
    host.core.bodyChunk(request, body[4..]);
    host.core.requestEnd(request);
    try expectEqualStrings("a \"test\" board", host.device.name());
    // What still comes over the old connection.
    host.receive(.{ .qos = 1, .topic = .of("synapse/020000000001/cmd/settings/2") }, body);
    try expectEqualStrings("a \"test\" board", host.device.name());
    try expect(std.mem.indexOf(u8, host.last("synapse/020000000001/res/2").?.payload, "RIGHT_LOST") != null);
    abi.events.mqtt_disconnected(host.core);
    abi.events.mqtt_connected(host.core, 5);
    host.receive(.{ .qos = 1, .topic = .of("synapse/020000000001/cmd/settings/3") }, body);
    try expectEqualStrings("moved", host.device.name());
    // Anything else that the owner sets leaves commands alone.
    try set(&board, "{\"telemetry_s\":5}");
    host.receive(.{ .qos = 1, .topic = .of("synapse/020000000001/cmd/settings/4") }, "{\"name\":\"again\"}");
    try expectEqualStrings("again", host.device.name());
}

test "a page whose origin is listed no more is not answered" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try set(&board, "{\"origins\":[\"http://panel.local\",\"http://other.local\"]}");
    const page = board.host.begin("PUT", "/v1/settings", &(json ++ [_][]const u8{ "origin", "http://panel.local" }));
    board.host.core.bodyChunk(page, "{\"name\":\"p\"}");
    const other = board.host.begin("PUT", "/v1/settings", &(json ++ [_][]const u8{ "origin", "http://other.local" }));
    board.host.core.bodyChunk(other, "{\"name\":\"o\"}");
    try set(&board, "{\"origins\":[\"http://other.local\"]}");
    board.host.core.requestEnd(page);
    try expectLost(&board, page, 401);
    try expect(!board.host.reply(page).hasHeader("access-control"));
    board.host.core.requestEnd(other);
    try expectEqual(@as(u32, 200), board.host.reply(other).status);
    try expect(board.host.reply(other).hasHeader("access-control-allow-origin: http://other.local"));
    try expectEqualStrings("o", board.host.device.name());
}
