//! Updating the firmware over HTTP, and updates that the board fetches, as a client and a file server see them.
const std = @import("std");
const empty_image = @import("sim_parts").empty_image;
const hosts = @import("../test_host.zig");
const limits = @import("../limits.zig");
const abi = @import("../abi.zig");
const Board = @import("../test_board.zig").Board;
const expectProblem = @import("../test_board.zig").expectProblemAt;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

const too_large: [hosts.ota_bytes + 1]u8 = @splat(0);

test "a firmware is written, tried after a reboot, and confirmed when it stays up" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try board.firmwareIs("1.0.0", "VALID");
    var buffer: [8192]u8 = undefined;
    const image = empty_image.make(&buffer, .{ .version = "2.0.0", .payload_bytes = 6000 });
    const reply = board.post("/v1/firmware", image);
    try expectEqual(@as(u32, 202), reply.status);
    try expect(std.mem.indexOf(u8, reply.body.items, "\"version\":\"2.0.0\"") != null);
    try expectEqual(@as(u32, 1), board.host.reboots);
    try board.firmwareIs("1.0.0", "VALID");
    _ = try board.host.reset();
    try board.firmwareIs("2.0.0", "ON_TRIAL");
    try expectProblem(board.post("/v1/firmware", image), 409, "FIRMWARE_ON_TRIAL", null);
    board.later(61);
    try board.firmwareIs("2.0.0", "VALID");
    _ = try board.host.reset();
    try board.firmwareIs("2.0.0", "VALID");
}

test "a firmware that does not stay up is left again" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    var buffer: [8192]u8 = undefined;
    try expectEqual(
        @as(u32, 202),
        board.post("/v1/firmware?reboot=false", empty_image.make(&buffer, .{ .version = "2.0.0" })).status,
    );
    try expectEqual(@as(u32, 0), board.host.reboots);
    _ = try board.host.reset();
    try board.firmwareIs("2.0.0", "ON_TRIAL");
    _ = try board.host.reset();
    try board.firmwareIs("1.0.0", "RETURNED");
    board.host.core.mqtt.connect(board.host.device, 5);
    const told = board.host.last("synapse/020000000001/event/ota").?;
    try expect(std.mem.indexOf(u8, told.payload, "FIRMWARE_RETURNED") != null);
}

test "a reboot that was asked for does not confirm a firmware" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    var buffer: [8192]u8 = undefined;
    try expectEqual(
        @as(u32, 202),
        board.post("/v1/firmware", empty_image.make(&buffer, .{ .version = "2.0.0" })).status,
    );
    _ = try board.host.reset();
    try board.firmwareIs("2.0.0", "ON_TRIAL");
    try expectEqual(@as(u32, 202), board.host.ask("POST", "/v1/reboot", &.{}, "").status);
    _ = try board.host.reset();
    try board.firmwareIs("1.0.0", "RETURNED");
}

test "what cannot run here is refused before anything is erased" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    var buffer: [8192]u8 = undefined;
    const before = board.sim.operations;
    const Case = struct { image: []const u8, status: u32, code: []const u8 };
    var storage: [6][8192]u8 = undefined;
    const cases = [_]Case{
        .{
            .image = empty_image.make(&storage[0], .{ .revision_min = 300, .revision_max = 399 }),
            .status = 422,
            .code = "FIRMWARE_REVISION",
        },
        .{ .image = empty_image.make(&storage[1], .{ .chip_id = 9 }), .status = 422, .code = "FIRMWARE_CHIP" },
        .{ .image = hosts.model[0..4000], .status = 422, .code = "NOT_AN_IMAGE" },
        .{ .image = "", .status = 422, .code = "NOT_AN_IMAGE" },
        .{ .image = &too_large, .status = 413, .code = "FIRMWARE_TOO_LARGE" },
    };
    for (&cases) |*case| try expectProblem(board.post("/v1/firmware", case.image), case.status, case.code, null);
    try expectProblem(board.host.ask("POST", "/v1/firmware", &.{}, ""), 411, "LENGTH_REQUIRED", "content-length");
    try expectProblem(board.post("/v1/firmware?reboot=maybe", buffer[0..1000]), 400, "QUERY_INVALID", "reboot");
    try expectEqual(before, board.sim.operations);
    // A damaged one is noticed at its end, and does not count.
    const image = empty_image.make(&buffer, .{ .version = "2.0.0", .payload_bytes = 5000 });
    image[3000] ^= 1;
    try expectProblem(board.post("/v1/firmware", image), 422, "FIRMWARE_DAMAGED", "body");
    const short = board.host.ask("POST", "/v1/firmware", &.{ "content-length", "5000" }, image[0..4000]);
    try expectProblem(short, 400, "BODY_INCOMPLETE", "content-length");
    try expectEqual(@as(u32, 0), board.host.reboots);
    _ = try board.host.reset();
    try board.firmwareIs("1.0.0", "VALID");
}

test "a model is fetched in two tries, verified and run, and every step is told" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    board.host.core.mqtt.connect(board.host.device, 5);
    board.host.forget();
    const file: []const u8 = &hosts.model;
    const reply = board.announce("model", file, "");
    try expectEqual(@as(u32, 202), reply.status);
    board.later(1);
    try expectEqual(@as(u64, 0), board.host.fetch_from);
    board.serve(file, 50_000);
    try board.stateIs("QUEUED", "DOWNLOAD_BROKE");
    board.later(3);
    try expectEqual(@as(u64, 50_000), board.host.fetch_from);
    board.serve(file, file.len);
    try board.stateIs("UPDATED", null);
    try expectEqualStrings("model_b", board.host.device.active.slot.slice());
    var told: std.ArrayList(u8) = .empty;
    defer told.deinit(std.testing.allocator);
    var last: []const u8 = "";
    for (board.host.published.items) |*message| {
        if (!std.mem.endsWith(u8, message.topic, "/event/ota")) continue;
        const parsed = try std.json.parseFromSlice(std.json.Value, std.testing.allocator, message.payload, .{});
        defer parsed.deinit();
        const state = parsed.value.object.get("event_type").?.string;
        if (std.mem.eql(u8, state, last)) continue;
        try told.print(std.testing.allocator, "{s} ", .{state});
        last = told.items[told.items.len - state.len - 1 ..][0..state.len];
    }
    try expectEqualStrings("QUEUED DOWNLOADING QUEUED DOWNLOADING DOWNLOADED VERIFIED UPDATING UPDATED ", told.items);
}

test "a firmware is fetched, and starts on trial" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    var buffer: [8192]u8 = undefined;
    const image = empty_image.make(&buffer, .{ .version = "2.0.0", .payload_bytes = 6000 });
    try expectEqual(@as(u32, 202), board.announce("firmware", image, "").status);
    board.later(1);
    board.serve(image, 3000);
    board.later(3);
    try expectEqual(@as(u64, 3000), board.host.fetch_from);
    board.serve(image, image.len);
    try expectEqual(@as(u32, 1), board.host.reboots);
    _ = try board.host.reset();
    try board.firmwareIs("2.0.0", "ON_TRIAL");
}

test "what is fetched must be what was announced" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    const file: []const u8 = &hosts.model;
    var other: [hosts.model.len]u8 = undefined;
    @memcpy(&other, file);
    other[file.len - 5] ^= 1;
    // Announced as one file, served another.
    _ = board.announce("model", &other, "");
    board.later(1);
    board.serve(file, file.len);
    try board.stateIs("FAILED", "DIGEST_WRONG");
    // The right bytes of a damaged pack.
    _ = board.announce("model", &other, "");
    board.later(1);
    board.serve(&other, other.len);
    try board.stateIs("FAILED", "DIGEST_WRONG");
    // Another length.
    _ = board.announce("model", file, "");
    board.later(1);
    abi.events.fetch_head(board.host.core, board.host.fetch, 200, file.len + 1, .{});
    try board.stateIs("FAILED", "LENGTH_DIFFERS");
    _ = board.announce("model", file, "");
    board.later(1);
    abi.events.fetch_head(board.host.core, board.host.fetch, 404, 9, .{});
    try board.stateIs("FAILED", "FILE_NOT_FOUND");
    try expectEqualStrings("model_a", board.host.device.active.slot.slice());
    try expectEqual(@as(u32, 200), board.host.send("POST", "/v1/encode", "image/jpeg", "", "\xff\xd8\xff").status);
}

test "a server that does not answer is asked again, less and less often, and then no more" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    _ = board.announce("model", &hosts.model, "");
    var asked: u32 = 0;
    for (0..2000) |_| {
        const before = board.host.fetches;
        board.later(1);
        if (board.host.fetches == before) continue;
        asked += 1;
        abi.events.fetch_end(board.host.core, board.host.fetch, .broken);
    }
    try expectEqual(@as(u32, limits.update_tries_max), asked);
    try board.stateIs("FAILED", "DOWNLOAD_BROKE");
}

test "a server that goes silent is asked again: before its answer, and within it" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    _ = board.announce("model", &hosts.model, "");
    board.later(1);
    const first = board.host.fetch;
    board.later(31);
    try expectEqual(first, board.host.fetch_cancelled);
    try board.stateIs("QUEUED", "SERVER_SILENT");
    board.later(3);
    abi.events.fetch_head(board.host.core, board.host.fetch, 200, hosts.model.len, .{});
    abi.events.fetch_chunk(board.host.core, board.host.fetch, &hosts.model, 9000);
    board.later(11);
    try board.stateIs("QUEUED", "BODY_TIMEOUT");
    board.later(3);
    try expectEqual(@as(u64, 9000), board.host.fetch_from);
    board.serve(&hosts.model, hosts.model.len);
    try board.stateIs("UPDATED", null);
}

test "an update can be taken back, and only one is under way" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try expectProblem(board.host.ask("DELETE", "/v1/updates", &.{}, ""), 409, "NO_UPDATE", null);
    _ = board.announce("model", &hosts.model, ",\"spread_s\":100");
    try expectProblem(board.announce("model", &hosts.model, ""), 409, "UPDATE_IN_PROGRESS", null);
    board.later(101);
    const fetch = board.host.fetch;
    try expectEqual(@as(u32, 200), board.host.ask("DELETE", "/v1/updates", &.{}, "").status);
    try expectEqual(fetch, board.host.fetch_cancelled);
    try board.stateIs("FAILED", "CANCELLED");
    abi.events.fetch_chunk(board.host.core, fetch, &hosts.model, 100);
    try expectEqual(@as(u32, 0), board.host.device.inProgress());
    // Whole, and being checked: it cannot be called off any more, so nobody is told that it was.
    var buffer: [2048]u8 = undefined;
    const image = empty_image.make(&buffer, .{ .version = "2.0.0" });
    _ = board.announce("firmware", image, "");
    board.later(1);
    abi.events.fetch_head(board.host.core, board.host.fetch, 200, image.len, .{});
    abi.events.fetch_chunk(board.host.core, board.host.fetch, image.ptr, image.len);
    abi.events.fetch_end(board.host.core, board.host.fetch, .whole);
    const late = board.host.next;
    board.host.next += 1;
    board.host.core.requestHead(
        late,
        "DELETE",
        "/v1/updates",
        board.host.client,
        &.{.{ .name = .of("authorization"), .value = .of(board.host.token[0..board.host.token_len]) }},
    );
    board.host.core.requestEnd(late);
    try expectProblem(board.host.reply(late), 409, "NO_UPDATE", null);
    board.host.pump();
    try expectEqual(@as(u32, 1), board.host.reboots);
}

test "a board that is given away fetches nothing for the owner it had, and does not say what that was" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    for ([_][]const u8{ ",\"spread_s\":100", "" }) |extra| {
        _ = board.announce("model", &hosts.model, extra);
        board.later(1);
        if (extra.len == 0) {
            abi.events.fetch_head(board.host.core, board.host.fetch, 200, hosts.model.len, .{});
            abi.events.fetch_chunk(board.host.core, board.host.fetch, &hosts.model, 9000);
        }
        try expectEqual(@as(u32, 200), board.host.ask("DELETE", "/v1/claim", &.{}, "").status);
        const fetches = board.host.fetches;
        board.later(101);
        try expectEqual(fetches, board.host.fetches);
        board.host.token_len = 0;
        try board.host.claim();
        try board.stateIs("IDLE", null);
        try expectEqual(@as(u32, 0), board.host.device.inProgress());
    }
    try expectEqual(board.host.fetch, board.host.fetch_cancelled);
    // Arrived whole, and being checked: it stays where it is, and does not run.
    _ = board.announce("model", &hosts.model, "");
    board.later(1);
    abi.events.fetch_head(board.host.core, board.host.fetch, 200, hosts.model.len, .{});
    abi.events.fetch_chunk(board.host.core, board.host.fetch, &hosts.model, hosts.model.len);
    abi.events.fetch_end(board.host.core, board.host.fetch, .whole);
    const release = board.host.next;
    board.host.next += 1;
    board.host.core.requestHead(
        release,
        "DELETE",
        "/v1/claim",
        board.host.client,
        &.{.{ .name = .of("authorization"), .value = .of(board.host.token[0..board.host.token_len]) }},
    );
    board.host.core.requestEnd(release);
    try expectEqual(@as(u32, 200), board.host.reply(release).status);
    board.host.pump();
    try expectEqualStrings("model_a", board.host.device.active.slot.slice());
}

test "a slot's largest model can be announced with its signature" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    const digest = "\"sha256\":\"0000000000000000000000000000000000000000000000000000000000000000\"";
    inline for (.{ .{ hosts.areas[1] + 96, 202 }, .{ hosts.areas[1] + 97, 422 } }) |case| {
        var body: [256]u8 = undefined;
        const text = std.fmt.bufPrint(
            &body,
            "{{\"url\":\"http://h/\",\"bytes\":{d}," ++ digest ++ ",\"spread_s\":100}}",
            .{case[0]},
        ) catch unreachable;
        try expectEqual(
            @as(u32, case[1]),
            board.host.ask("POST", "/v1/updates/model", &.{ "content-type", "application/json" }, text).status,
        );
        if (case[1] == 202) _ = board.host.ask("DELETE", "/v1/updates", &.{}, "");
    }
}

test "malformed announcements" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    const digest = "\"sha256\":\"0000000000000000000000000000000000000000000000000000000000000000\"";
    const Case = struct {
        body: []const u8,
        status: u32 = 422,
        code: []const u8 = "BODY_INVALID",
        field: []const u8,
        target: []const u8 = "/v1/updates/model",
    };
    for ([_]Case{
        .{ .body = "{", .status = 400, .code = "BODY_MALFORMED", .field = "" },
        .{ .body = "{}", .field = "url" },
        .{ .body = "{\"url\":\"ftp://h/f\"}", .field = "url" },
        .{ .body = "{\"url\":\"http://h:65536/f\"}", .field = "url" },
        .{ .body = "{\"url\":\"http://h:0/f\"}", .field = "url" },
        .{ .body = "{\"url\":\"https://h:\"}", .field = "url" },
        .{ .body = "{\"url\":\"https://u:pa/ss@h/f\"}", .field = "url" },
        .{ .body = "{\"url\":\"https://u:p@h:99999?x\"}", .field = "url" },
        .{ .body = "{\"url\":\"http:///f\"}", .field = "url" },
        .{ .body = "{\"url\":\"http://h/a b\"}", .field = "url" },
        .{ .body = "{\"url\":7}", .field = "url" },
        .{ .body = "{\"bytes\":0}", .field = "bytes" },
        .{ .body = "{\"bytes\":99999999}", .field = "bytes" },
        .{ .body = "{\"sha256\":\"00\"}", .field = "sha256" },
        .{ .body = "{\"spread_s\":-1}", .field = "spread_s" },
        .{ .body = "{\"activate\":1}", .field = "activate" },
        .{
            .body = "{\"url\":\"http://h/\",\"bytes\":5," ++ digest ++ ",\"slot\":\"nowhere\"}",
            .status = 404,
            .code = "SLOT_UNKNOWN",
            .field = "slot",
        },
        .{ .body = "{\"slot\":\"\"}", .field = "slot" },
        .{ .body = "{\"slot\":\"model_b\"}", .field = "", .target = "/v1/updates/firmware" },
    }) |case| {
        const reply = board.host.ask("POST", case.target, &.{ "content-type", "application/json" }, case.body);
        errdefer std.debug.print("{s}\n", .{case.body});
        try expectProblem(reply, case.status, case.code, if (case.field.len > 0) case.field else null);
    }
    try expectEqual(
        @as(u32, 404),
        board.host.ask("POST", "/v1/updates/other", &.{ "content-type", "application/json" }, "{}").status,
    );
    try board.stateIs("IDLE", null);
}
