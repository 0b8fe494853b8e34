//! Guesses of tokens and codes, as clients see them: who has to wait, for how long, and who never does.
const std = @import("std");
const fixtures = @import("fixture_test.zig");
const limits = @import("../limits.zig");
const Board = fixtures.Board;
const json = fixtures.json;
const wrongCode = fixtures.wrongCode;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;

test "wrong tokens have to wait, the right one never does" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try board.host.claim();
    const length = board.host.token_len;
    board.forget();
    const wrong = [_][]const u8{ "authorization", "Bearer x" };
    for (0..limits.attempts_free) |_| try board.expectCode("GET", "/v1/device", &wrong, "", 401, "TOKEN_WRONG");
    const refused = board.host.ask("GET", "/v1/device", &wrong, "");
    try expectEqual(@as(u32, 429), refused.status);
    try expect(refused.hasHeader("retry-after: "));
    board.host.token_len = length;
    try board.expectStatus("GET", "/v1/device", &.{}, "", 200);
    board.forget();
    board.host.clock_us += 65_000_000;
    try board.expectCode("GET", "/v1/device", &wrong, "", 401, "TOKEN_WRONG");
}

test "claiming without a code works for ten minutes after power-on or a press of the button, with the code always" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    board.host.clock_us += limits.claim_window_us + 1_000_000;
    try board.expectCode("POST", "/v1/claim", &json, "{}", 403, "CLAIM_CLOSED");
    board.host.reset_reason = "watchdog";
    _ = try board.host.reset();
    try board.expectCode("POST", "/v1/claim", &json, "{}", 403, "CLAIM_CLOSED");
    const wrong = wrongCode(&board);
    for (0..limits.attempts_free) |_| try board.expectCode("POST", "/v1/claim", &json, wrong, 403, "CLAIM_CODE_WRONG");
    var body: [64]u8 = undefined;
    const code = &board.host.device.storage.?.access.code;
    const right = try std.fmt.bufPrint(
        &body,
        "{{\"code\":\"{s} {s}\",\"name\":\"shelf\"}}",
        .{ code[0..4], code[4..] },
    );
    try board.expectCode("POST", "/v1/claim", &json, right, 429, "TOO_MANY_ATTEMPTS");
    board.host.clock_us += 65_000_000;
    const claimed = board.host.ask("POST", "/v1/claim", &json, right);
    try expectEqual(@as(u32, 201), claimed.status);
    try expect(std.mem.indexOf(u8, claimed.body.items, "\"name\":\"shelf\"") != null);
}

test "guesses of tokens and codes count apart, and no guess closes the window" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    const access = &board.host.device.storage.?.access;
    const wrong = wrongCode(&board);
    var body: [64]u8 = undefined;
    const right = try std.fmt.bufPrint(&body, "{{\"code\":\"{s}\"}}", .{&access.code});
    for (0..limits.attempts_free + 3) |_| {
        try board.expectCode("POST", "/v1/claim", &json, wrong, 403, "CLAIM_CODE_WRONG");
    }
    try board.expectStatus("POST", "/v1/claim", &json, right, 201);
    // Guesses of tokens, up to the lock, say nothing of codes.
    for (0..limits.attempts_free + 1) |_| {
        _ = board.host.ask("GET", "/v1/settings", &.{ "authorization", "Bearer x" }, "");
    }
    try expectEqual(@as(u32, limits.attempts_free), access.tokens.failures);
    try expectEqual(@as(u32, 0), access.codes.failures);
}

test "giving the board away and a press of its button forget who guessed before" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    const access = &board.host.device.storage.?.access;
    const wrong = wrongCode(&board);
    var body: [64]u8 = undefined;
    const right = try std.fmt.bufPrint(&body, "{{\"code\":\"{s}\"}}", .{&access.code});
    board.host.clock_us += limits.claim_window_us + 1_000_000;
    for (0..limits.attempts_free) |_| try board.expectCode("POST", "/v1/claim", &json, wrong, 403, "CLAIM_CODE_WRONG");
    try board.expectCode("POST", "/v1/claim", &json, right, 429, "TOO_MANY_ATTEMPTS");
    board.host.device.openClaim(limits.claim_window_us);
    try board.expectCode("POST", "/v1/claim", &json, wrong, 403, "CLAIM_CODE_WRONG");
    try expectEqual(@as(u32, 1), access.codes.failures);
    try board.host.claim();
    const length = board.host.token_len;
    board.forget();
    for (0..limits.attempts_free + 1) |_| {
        _ = board.host.ask("GET", "/v1/settings", &.{ "authorization", "Bearer x" }, "");
    }
    try board.expectCode("GET", "/v1/settings", &.{ "authorization", "Bearer x" }, "", 429, "TOO_MANY_ATTEMPTS");
    board.host.token_len = length;
    try board.expectStatus("DELETE", "/v1/claim", &.{}, "", 200);
    try expectEqual(@as(u32, 0), access.tokens.failures);
    board.forget();
    try board.expectStatus("POST", "/v1/claim", &json, right, 201);
}

test "a lock doubles up to about a minute, and the right one opens it" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try board.host.claim();
    const length = board.host.token_len;
    const access = &board.host.device.storage.?.access;
    board.forget();
    const wrong = [_][]const u8{ "authorization", "Bearer x" };
    for (0..limits.attempts_free - 1) |_| try board.expectCode("GET", "/v1/device", &wrong, "", 401, "TOKEN_WRONG");
    for ([_]u64{ 1, 2, 4, 8, 16, 32, 64, 64, 64 }) |seconds| {
        try board.expectCode("GET", "/v1/device", &wrong, "", 401, "TOKEN_WRONG");
        const refused = board.host.ask("GET", "/v1/device", &wrong, "");
        var line: [32]u8 = undefined;
        errdefer std.debug.print("{d}: {s}\n", .{ seconds, refused.headers[0..refused.headers_len] });
        try expect(refused.hasHeader(try std.fmt.bufPrint(&line, "retry-after: {d}\n", .{seconds})));
        board.host.clock_us += seconds * 1_000_000;
    }
    board.host.token_len = length;
    try board.expectStatus("GET", "/v1/device", &.{}, "", 200);
    try expectEqual(@as(u32, 0), access.tokens.failures);
    // A token without the word before it, and codes with more digits than there are.
    const token = board.host.token[7..length];
    board.forget();
    try board.expectCode("GET", "/v1/device", &.{ "authorization", token }, "", 401, "TOKEN_WRONG");
    board.host.token_len = length;
    try board.expectStatus("DELETE", "/v1/claim", &.{}, "", 200);
    board.forget();
    var body: [64]u8 = undefined;
    try board.expectCode(
        "POST",
        "/v1/claim",
        &json,
        try std.fmt.bufPrint(&body, "{{\"code\":\"{s}0\"}}", .{&access.code}),
        403,
        "CLAIM_CODE_WRONG",
    );
    try board.expectCode(
        "POST",
        "/v1/claim",
        &json,
        try std.fmt.bufPrint(&body, "{{\"code\":\"{s}\"}}", .{access.code[0..7]}),
        403,
        "CLAIM_CODE_WRONG",
    );
}

test "a page at a public name has to wait between its guesses of the code in the window, too, and keeps nobody else from claiming" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    const public = json ++ [_][]const u8{ "host", "rebound.example.org" };
    const wrong = wrongCode(&board);
    for (0..limits.attempts_free) |_| {
        try board.expectCode("POST", "/v1/claim", &public, wrong, 403, "CLAIM_CODE_WRONG");
    }
    try board.expectCode("POST", "/v1/claim", &public, wrong, 429, "TOO_MANY_ATTEMPTS");
    try board.expectStatus("POST", "/v1/claim", &json, "{}", 201);
}
