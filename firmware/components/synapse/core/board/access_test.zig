//! Claiming, tokens, what the owner opens, origins and settings, as clients see them.
const std = @import("std");
const abi = @import("../abi.zig");
const fixtures = @import("fixture_test.zig");
const limits = @import("../limits.zig");
const Board = fixtures.Board;
const json = fixtures.json;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

const jpeg = [_][]const u8{ "content-type", "image/jpeg" };

test "whoever holds the board reads and infers at its console, whoever owns it, and changes nothing" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    for ([_]bool{ false, true }) |claimed| {
        if (claimed) try board.host.claim();
        board.host.token_len = 0;
        board.host.client = "cable";
        for ([_][]const u8{ "/v1/device", "/v1/models", "/v1/log", "/v1/metrics" }) |target| {
            try board.expectStatus("GET", target, &.{}, "", 200);
        }
        // It may, and there is no model to try.
        try board.expectStatus("POST", "/v1/selftest", &.{}, "", 503);
        for ([_][2][]const u8{
            .{ "GET", "/v1/settings" },
            .{ "POST", "/v1/reboot" },
            .{ "PUT", "/v1/models/model_b" },
            .{ "DELETE", "/v1/claim" },
        }) |asked| try board.expectStatus(asked[0], asked[1], &.{}, "", if (claimed) 401 else 403);
        board.host.client = "10.0.0.7";
        try board.expectStatus("GET", "/v1/models", &.{}, "", if (claimed) 401 else 403);
    }
}

test "an unclaimed board says who it is and can be claimed, nothing else" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    for ([_][2][]const u8{
        .{ "GET", "/v1/models" },
        .{ "GET", "/v1/metrics" },
        .{ "GET", "/v1/log" },
        .{ "POST", "/v1/encode" },
        .{ "PUT", "/v1/models/model_b" },
        .{ "POST", "/v1/reboot" },
        .{ "GET", "/v1/settings" },
        .{ "DELETE", "/v1/claim" },
    }) |asked| {
        try board.expectCode(asked[0], asked[1], &jpeg, "", 403, "UNCLAIMED");
    }
    for ([_][]const u8{
        "/",
        "/openapi.json",
        "/v1/device",
    }) |target| try board.expectStatus("GET", target, &.{}, "", 200);
    const described = board.host.ask("GET", "/v1/device", &.{}, "");
    try expect(std.mem.indexOf(u8, described.body.items, "\"claimed\":false,\"claim_window\":true") != null);
    try expect(std.mem.indexOf(u8, described.body.items, &board.host.device.storage.?.access.code) == null);
    // What a form of another web page can send.
    try board.expectCode("POST", "/v1/claim", &.{}, "{}", 415, "CONTENT_TYPE");
    try board.expectCode("POST", "/v1/claim", &.{ "content-type", "text/plain" }, "{}", 415, "CONTENT_TYPE");
    try board.expectCode("POST", "/v1/claim", &json, "{\"name\":\"\"}", 422, "BODY_INVALID");
    try board.host.claim();
    try board.expectStatus("GET", "/v1/models", &.{}, "", 200);
    try board.expectCode("POST", "/v1/encode", &jpeg, "", 503, "NO_MODEL");
}

test "who claims a board byte by byte does not keep others from it" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    const slow = board.host.head("POST", "/v1/claim", "application/json", "");
    const began = board.host.clock_us;
    while (board.host.clock_us < began + limits.receive_total_us_max) {
        board.host.clock_us += limits.receive_idle_us_max / 2;
        board.host.core.bodyChunk(slow, " ");
        board.host.core.tick(board.host.clock_us);
    }
    board.host.core.tick(board.host.clock_us + 1000);
    try expectEqual(@as(u32, 408), board.host.reply(slow).status);
    try expectEqual(@as(u32, 0), board.host.device.inProgress());
}

test "a claimed board wants its token, keeps it through resets, and only as a hash" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try board.host.claim();
    const token = board.host.token[7..board.host.token_len];
    try expect(std.mem.indexOf(u8, board.sim.bytes, token) == null);
    _ = try board.host.reset();
    try board.expectStatus("GET", "/v1/device", &.{}, "", 200);
    board.forget();
    for ([_][]const u8{ "/v1/device", "/v1/models", "/v1/log" }) |target| {
        try board.expectCode("GET", target, &.{}, "", 401, "TOKEN_MISSING");
    }
    const refused = board.host.ask("GET", "/v1/device", &.{}, "");
    try expect(refused.hasHeader("www-authenticate: Bearer"));
    try board.expectStatus("GET", "/", &.{}, "", 200);
    try board.expectCode("POST", "/v1/claim", &json, "{}", 401, "TOKEN_MISSING");
    try board.expectCode("GET", "/v1/device", &.{ "authorization", "Basic abc" }, "", 401, "TOKEN_WRONG");
    var lower: [64]u8 = undefined;
    const same = try std.fmt.bufPrint(&lower, "bearer   {s}", .{token});
    try board.expectStatus("GET", "/v1/device", &.{ "authorization", same }, "", 200);
}

test "what needs no token is not for pages of other origins, nor under a foreign name" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    const foreign = [_][]const u8{ "host", "rebound.example.org" };
    try board.expectCode("GET", "/v1/device", &foreign, "", 403, "HOST_FOREIGN");
    try board.host.claim();
    const length = board.host.token_len;
    try board.expectStatus(
        "PUT",
        "/v1/settings",
        &json,
        "{\"open_read\":true,\"open_inference\":true,\"origins\":[\"https://board.example.com:8443\"]}",
        200,
    );
    board.forget();
    for (&@import("../routes.zig").table) |*route| {
        if (route.access != .identity and route.access != .read and route.access != .inference) continue;
        const path = if (std.mem.endsWith(u8, route.path, "*")) "/v1/models/model_a" else route.path;
        errdefer std.debug.print("{s}\n", .{path});
        // As a form of another page can send it, without a preflight.
        for ([_][]const []const u8{
            &.{ "host", "192.168.1.7", "origin", "http://evil.example", "content-type", "text/plain" },
            &.{ "host", "192.168.1.7", "origin", "null" },
            &.{ "host", "192.168.1.7:80", "origin", "http://192.168.1.7:8080" },
        }) |page| {
            try board.expectCode(@tagName(route.method), path, page, "", 403, "ORIGIN_FOREIGN");
            board.host.next -= 1;
            board.host.replies[board.host.next].body.clearRetainingCapacity();
            board.host.replies[board.host.next] = .{ .body = board.host.replies[board.host.next].body };
        }
        try board.expectCode(
            @tagName(route.method),
            path,
            &(foreign ++ [_][]const u8{ "origin", "http://rebound.example.org" }),
            "",
            403,
            "HOST_FOREIGN",
        );
        board.host.next -= 1;
        board.host.replies[board.host.next].body.clearRetainingCapacity();
        board.host.replies[board.host.next] = .{ .body = board.host.replies[board.host.next].body };
    }
    for ([_][]const []const u8{
        &.{ "host", "192.168.1.7:8080", "origin", "http://192.168.1.7:8080" },
        &.{ "host", "[fe80::1]:80", "origin", "http://[FE80::1]:80" },
        &.{ "host", "localhost" },
        &.{ "host", "synapse-1.local:8080" },
        &.{ "host", "shelf" },
        &.{ "host", "board.example.com" },
        &.{ "host", "10.0.0.1", "origin", "https://board.example.com:8443" },
        &.{},
    }) |own| try board.expectStatus("GET", "/v1/device", own, "", 200);
    // A target in absolute form counts before the header.
    try board.expectCode(
        "GET",
        "http://rebound.example.org/v1/device",
        &.{ "host", "10.0.0.1" },
        "",
        403,
        "HOST_FOREIGN",
    );
    // Who has the token needs no name.
    board.host.token_len = length;
    try board.expectStatus("GET", "/v1/device", &foreign, "", 200);
    // Pages are for everybody, and hold nothing of the board's.
    board.forget();
    try board.expectStatus("GET", "/openapi.json", &foreign, "", 200);
}

test "secrets in addresses are shown nowhere, and stay when what is shown is sent back" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try board.host.claim();
    abi.events.mqtt_connected(board.host.core, 5);
    const shown = board.host.ask(
        "PUT",
        "/v1/settings",
        &json,
        "{\"broker_url\":\"wss://user:s3cret@broker.example/mqtt?sig=s3cret\"}",
    ).body.items;
    try expect(std.mem.indexOf(u8, shown, "\"broker_url\":\"wss://broker.example/mqtt?***\"") != null);
    try board.expectStatus(
        "PUT",
        "/v1/settings",
        &json,
        "{\"name\":\"x\",\"broker_url\":\"wss://broker.example/mqtt?***\"}",
        200,
    );
    try expectEqualStrings(
        "wss://broker.example/mqtt?sig=s3cret",
        board.host.device.storage.?.settings.get("broker_url").?,
    );
    const update = "{\"url\":\"https://u:s3cret@files.example/f.syn?X-Amz-Signature=s3cret\",\"bytes\":1000," ++
        "\"sha256\":\"0000000000000000000000000000000000000000000000000000000000000000\"}";
    try board.expectStatus("POST", "/v1/updates/model", &json, update, 202);
    for ([_][]const u8{ "/v1/updates", "/v1/settings", "/v1/log", "/v1/device" }) |target| {
        const answer = board.host.ask("GET", target, &.{}, "").body.items;
        errdefer std.debug.print("{s}: {s}\n", .{ target, answer });
        try expect(std.mem.indexOf(u8, answer, "s3cret") == null);
    }
    const told = board.host.last("synapse/020000000001/event/ota").?.payload;
    try expect(std.mem.indexOf(u8, told, "https://***@files.example/f.syn?***") != null);
    for (board.host.published.items) |*message| try expect(std.mem.indexOf(u8, message.payload, "s3cret") == null);
}

test "a page at a public name, which may be anybody's, claims with the code alone" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    const public = json ++ [_][]const u8{ "origin", "http://rebound.example.org:8080" };
    try board.expectCode("POST", "/v1/claim", &public, "{}", 403, "CLAIM_PAGE");
    var body: [64]u8 = undefined;
    const code = &board.host.device.storage.?.access.code;
    const right = try std.fmt.bufPrint(&body, "{{\"code\":\"{s}\"}}", .{code});
    try expectEqual(@as(u32, 201), board.host.ask("POST", "/v1/claim", &public, right).status);
}

test "the owner gets a new token for the old one, and can give the board away" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    board.host.device.openClaim(1_000_000);
    try board.host.claim();
    const old = board.host.token;
    const old_len = board.host.token_len;
    board.host.random_byte = 9;
    try board.host.claim();
    try expect(!std.mem.eql(u8, old[0..old_len], board.host.token[0..board.host.token_len]));
    try board.expectStatus(
        "PUT",
        "/v1/settings",
        &json,
        "{\"wifi_ssid\":\"home\",\"wifi_password\":\"secret\",\"open_read\":true}",
        200,
    );
    try board.expectStatus("DELETE", "/v1/claim", &.{}, "", 200);
    try board.expectCode("GET", "/v1/models", &.{}, "", 403, "UNCLAIMED");
    try expectEqual(@as(?[]const u8, null), board.host.device.storage.?.settings.get("wifi_password"));
    board.forget();
    try board.host.claim();
    try board.expectStatus("GET", "/v1/models", &.{}, "", 200);
}

test "what was still arriving when the board was given away is not taken" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try board.host.claim();
    const length: []const u8 = "5000";
    const request = board.host.next;
    board.host.next += 1;
    board.host.core.requestHead(request, "POST", "/v1/firmware", board.host.client, &.{
        .{ .name = .of("content-length"), .value = .of(length) },
        .{ .name = .of("authorization"), .value = .of(board.host.token[0..board.host.token_len]) },
    });
    board.host.core.bodyChunk(request, "x");
    try board.expectStatus("DELETE", "/v1/claim", &.{}, "", 200);
    const refused = board.host.reply(request);
    try expectEqual(@as(u32, 403), refused.status);
    try expect(std.mem.indexOf(u8, refused.body.items, "RIGHT_LOST") != null);
    try expectEqual(@as(u32, 0), board.host.device.inProgress());
    try expect(board.host.device.firmware.phase == .idle);
}

test "settings are changed together or not at all, passwords are never shown" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try board.host.claim();
    const changed = board.host.ask(
        "PUT",
        "/v1/settings",
        &json,
        "{\"name\":\"kitchen\",\"groups\":[\"ground-floor\",\"all\"],\"broker_password\":\"hush\",\"origins\":[\"http://panel.local:3000\"]}",
    );
    try expectEqual(@as(u32, 200), changed.status);
    _ = try board.host.reset();
    const shown = board.host.ask("GET", "/v1/settings", &.{}, "").body.items;
    errdefer std.debug.print("{s}\n", .{shown});
    try expectEqualStrings(
        "{\"name\":\"kitchen\",\"groups\":[\"ground-floor\",\"all\"],\"open_read\":false,\"open_inference\":false," ++
            "\"open_predictions_max\":null,\"origins\":[\"http://panel.local:3000\"],\"wifi_ssid\":\"\"," ++
            "\"wifi_password\":null,\"broker_url\":\"\",\"broker_username\":\"\",\"broker_password\":\"********\"," ++
            "\"telemetry_s\":null,\"home_assistant\":false,\"model_gmac_max\":null}",
        shown,
    );
    for ([_][]const u8{
        "{\"name\":\"bedroom\",\"groups\":[\"a b\"]}",
        "{\"name\":\"bedroom\",\"groups\":\"a\"}",
        "{\"name\":\"bedroom\",\"groups\":[1]}",
        "{\"name\":\"bedroom\",\"groups\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}",
        "{\"name\":\"bedroom\",\"origins\":[\"*\"]}",
        "{\"name\":\"bedroom\",\"open_read\":1}",
        "{\"name\":\"bed\\nroom\"}",
        "{\"name\":\"bedroom\",\"token\":\"x\"}",
    }) |bad| try board.expectCode("PUT", "/v1/settings", &json, bad, 422, "BODY_INVALID");
    try expect(std.mem.indexOf(
        u8,
        board.host.ask("GET", "/v1/device", &.{}, "").body.items,
        "\"name\":\"kitchen\"",
    ) != null);
}

test "the owner may open reading and inference, each alone" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try board.host.claim();
    const length = board.host.token_len;
    for ([_]struct { []const u8, u32, u32 }{
        .{ "{\"open_read\":true,\"open_inference\":false}", 200, 401 },
        .{ "{\"open_read\":false,\"open_inference\":true}", 401, 503 },
        .{ "{\"open_read\":true,\"open_inference\":true}", 200, 503 },
    }) |case| {
        board.host.token_len = length;
        try board.expectStatus("PUT", "/v1/settings", &json, case[0], 200);
        board.forget();
        try board.expectStatus("GET", "/v1/device", &.{}, "", case[1]);
        try board.expectStatus("GET", "/v1/models", &.{}, "", case[1]);
        try board.expectStatus("POST", "/v1/encode", &jpeg, "", case[2]);
        try board.expectStatus("GET", "/v1/settings", &.{}, "", 401);
        try board.expectStatus("POST", "/v1/reboot", &.{}, "", 401);
    }
}

test "pages of listed origins may use the board, others may not" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try board.host.claim();
    try board.expectStatus("PUT", "/v1/settings", &json, "{\"origins\":[\"http://panel.local:3000\"]}", 200);
    const listed = [_][]const u8{ "origin", "http://panel.local:3000", "access-control-request-method", "POST" };
    const other = [_][]const u8{ "origin", "http://evil.example", "access-control-request-method", "POST" };
    try expect(
        board.host.ask("GET", "/v1/models", &listed, "").hasHeader(
            "access-control-allow-origin: http://panel.local:3000",
        ),
    );
    try expect(
        board.host.ask("POST", "/v1/claim", &(listed ++ json), "{").hasHeader(
            "access-control-allow-origin: http://panel.local:3000",
        ),
    );
    try expect(!board.host.ask("GET", "/v1/models", &other, "").hasHeader("access-control"));
    board.forget();
    const asked = board.host.ask("OPTIONS", "/v1/encode", &listed, "");
    try expectEqual(@as(u32, 204), asked.status);
    try expect(asked.hasHeader("access-control-allow-headers: authorization, content-type"));
    try board.expectCode("OPTIONS", "/v1/encode", &other, "", 405, "METHOD_NOT_ALLOWED");
}

test "a reboot is answered first, and is no sign of trouble" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try board.host.claim();
    for (0..8) |i| {
        try board.expectStatus("POST", "/v1/reboot", &.{}, "", 202);
        try expectEqual(@as(u32, @intCast(i + 1)), board.host.reboots);
        _ = try board.host.reset();
    }
    try expect(!board.host.device.storage.?.slots.safe_mode);
}
