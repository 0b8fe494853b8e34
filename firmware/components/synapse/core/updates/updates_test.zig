//! Updates that the board fetches from servers that do not do what they should: how often it asks, what it erases,
//! and what it says.
const std = @import("std");
const abi = @import("../abi.zig");
const download = @import("download.zig");
const empty_image = @import("sim_parts").empty_image;
const hosts = @import("../test_host.zig");
const limits = @import("../limits.zig");
const boards = @import("../test_board.zig");
const Board = boards.Board;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

fn erases(board: *const Board) u64 {
    var sum: u64 = 0;
    for (board.sim.wear) |count| sum += count;
    return sum;
}

/// The server knows no ranges: it begins the file anew, and the connection ends at `end`.
fn serveWhole(board: *Board, file: []const u8, end: usize, result: download.Result) void {
    const fetch = board.host.fetch;
    abi.events.fetch_head(board.host.core, fetch, 200, file.len, .{});
    var at: usize = 0;
    while (at < end) : (at += 1000) {
        const piece = file[at..@min(end, at + 1000)];
        abi.events.fetch_chunk(board.host.core, fetch, piece.ptr, piece.len);
    }
    abi.events.fetch_end(board.host.core, fetch, result);
    board.host.pump();
}

/// Lets `answer` serve every download that the board begins, until the update has failed; how many there were.
fn downloads(board: *Board, context: anytype, comptime answer: fn (@TypeOf(context), *Board) void) !u32 {
    const before = board.host.fetches;
    for (0..100_000) |_| {
        const begun = board.host.fetches;
        board.later(1);
        if (board.host.fetches != begun) answer(context, board);
        if (board.host.device.update.state == .FAILED) break;
    } else return error.NeverEnds;
    return board.host.fetches - before;
}

fn codeIs(board: *const Board, code: []const u8, words: []const u8) !void {
    const updates = board.host.device.update;
    errdefer std.debug.print("{any}: {s}\n", .{ updates.code, updates.detail.slice() });
    try expectEqualStrings(code, @tagName(updates.code.?));
    try expect(std.mem.indexOf(u8, updates.detail.slice(), words) != null);
    // The log says the same.
    const ring = board.host.device.log_ring;
    const line = ring.get(ring.written).text.slice();
    try expect(std.mem.indexOf(u8, line, code) != null);
    try expect(std.mem.indexOf(u8, line, "files.example") == null);
}

test "a server that sends most of the file again and again is left, and nothing is erased twice for it" {
    for ([_][]const u8{ "model", "firmware" }) |kind| {
        var board: Board = undefined;
        try board.start();
        defer board.stop();
        var buffer: [16384]u8 = undefined;
        const file = if (kind[0] == 'm') &hosts.model else empty_image.make(
            &buffer,
            .{ .version = "2.0.0", .payload_bytes = 12_000 },
        );
        // The record of a healthy start is written by then.
        board.later(61);
        _ = board.announce(kind, file, ",\"activate\":false");
        board.later(1);
        serveWhole(&board, file, file.len * 9 / 10, .broken);
        const after_first = erases(&board);
        const operations = board.sim.operations;
        const count = try downloads(&board, file, struct {
            fn answer(whole: []const u8, on: *Board) void {
                serveWhole(on, whole, whole.len * 9 / 10, .broken);
            }
        }.answer);
        // The first download is the first of the tries that are not repeated.
        try expectEqual(@as(u32, limits.update_tries_max - 1), count);
        try expectEqual(after_first, erases(&board));
        try expectEqual(operations, board.sim.operations);
        try codeIs(&board, "DOWNLOAD_BROKE", "8 tries in a row brought nothing new");
    }
}

test "what is there already is compared and not written again" {
    for ([_][]const u8{ "model", "firmware" }) |kind| {
        var board: Board = undefined;
        try board.start();
        defer board.stop();
        var buffer: [16384]u8 = undefined;
        const file = if (kind[0] == 'm') &hosts.model else empty_image.make(
            &buffer,
            .{ .version = "2.0.0", .payload_bytes = 12_000 },
        );
        const start = erases(&board);
        _ = board.announce(kind, file, ",\"activate\":false");
        board.later(1);
        for (1..5) |part| {
            serveWhole(&board, file, file.len * part / 5, .broken);
            board.later(3);
        }
        serveWhole(&board, file, file.len, .whole);
        try board.stateIs("VERIFIED", null);
        // Once a sector of the file, and one of the record.
        if (kind[0] == 'm') try expect(erases(&board) - start <= file.len / 4096 + 2);
    }
}

test "a file that changes between two downloads is not put together from both" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    _ = board.announce("model", &hosts.model, "");
    board.later(1);
    serveWhole(&board, &hosts.model, 20_000, .broken);
    board.later(3);
    var other = hosts.model;
    other[19_999] ^= 1;
    serveWhole(&board, &other, other.len, .whole);
    try codeIs(&board, "FILE_CHANGED", "the first 20000 bytes");
}

test "a little more each time does not keep a board at it for ever" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    // With ranges, a byte each time.
    _ = board.announce("model", &hosts.model, "");
    var end: usize = 0;
    const count = try downloads(&board, &end, struct {
        fn answer(reached: *usize, on: *Board) void {
            reached.* += 1;
            on.serve(&hosts.model, reached.*);
        }
    }.answer);
    try expectEqual(@as(u32, limits.update_downloads_max), count);
    try codeIs(&board, "TRIES_EXHAUSTED", "256 downloads");
    // Without, 19 of 20 parts and a byte more each time.
    _ = board.announce("model", &hosts.model, "");
    end = hosts.model.len * 19 / 20;
    const wasted = try downloads(&board, &end, struct {
        fn answer(reached: *usize, on: *Board) void {
            reached.* += 1;
            serveWhole(on, &hosts.model, reached.*, .broken);
        }
    }.answer);
    try expectEqual(@as(u32, limits.update_bytes_factor_max + 1), wasted);
    try codeIs(&board, "BYTES_EXHAUSTED", "more than 8 times");
    // A connection that never ends.
    _ = board.announce("model", &hosts.model, "");
    board.later(1);
    abi.events.fetch_head(board.host.core, board.host.fetch, 200, hosts.model.len, .{});
    var at: usize = 0;
    while (at < hosts.model.len and board.host.device.update.state == .DOWNLOADING) : (at += 1) {
        board.later(9);
        abi.events.fetch_chunk(board.host.core, board.host.fetch, hosts.model[at..].ptr, 1);
    }
    try expect(at >= limits.update_time_us_max / 9_000_000 and at <= limits.update_time_us_max / 9_000_000 + 1);
    try codeIs(&board, "TIME_EXHAUSTED", "within 24 hours");
}

test "an activation that has to wait is tried again without another download" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    _ = board.announce("model", &hosts.model, "");
    board.later(1);
    const fetch = board.host.fetch;
    abi.events.fetch_head(board.host.core, fetch, 200, hosts.model.len, .{});
    abi.events.fetch_chunk(board.host.core, fetch, &hosts.model, hosts.model.len);
    abi.events.fetch_end(board.host.core, fetch, .whole);
    // Another change of model is under way at that moment.
    const places = board.host.device.requests.places;
    board.host.device.requests.exclusive = &places[places.len - 1];
    while (board.host.device.update.state == .DOWNLOADED) board.host.turn();
    board.later(0);
    board.host.device.requests.exclusive = null;
    try board.stateIs("QUEUED", "SLOT_PENDING");
    const written = board.sim.operations;
    board.later(3);
    try expectEqual(fetch, board.host.fetch);
    try board.stateIs("UPDATED", null);
    // Two records: on trial, and confirmed.
    try expectEqual(written + 2, board.sim.operations);
}

test "why a download did not come about is told, and only what may pass is tried again" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    const Case = struct { result: download.Result, code: []const u8, words: []const u8, again: bool };
    for ([_]Case{
        .{ .result = .broken, .code = "DOWNLOAD_BROKE", .words = "broke", .again = true },
        .{ .result = .name, .code = "NAME_UNRESOLVED", .words = "name of the server", .again = true },
        .{ .result = .refused, .code = "CONNECTION_REFUSED", .words = "refused the connection", .again = true },
        .{ .result = .@"unreachable", .code = "SERVER_UNREACHABLE", .words = "no way", .again = true },
        .{ .result = .timeout, .code = "SERVER_SILENT", .words = "in time", .again = true },
        .{ .result = .tls, .code = "TLS_FAILED", .words = "TLS", .again = false },
        .{ .result = .certificate, .code = "CERTIFICATE_REFUSED", .words = "certificate", .again = false },
        .{ .result = .redirects, .code = "REDIRECT_LOOP", .words = "in a circle", .again = false },
        .{ .result = .scheme, .code = "REDIRECT_SCHEME", .words = "neither http:// nor https://", .again = false },
        .{ .result = .address, .code = "ADDRESS_INVALID", .words = "address", .again = false },
        .{ .result = @fromBackingInt(77), .code = "DOWNLOAD_BROKE", .words = "broke", .again = true },
    }) |case| {
        _ = board.announce("model", &hosts.model, "");
        const count = try downloads(&board, case.result, struct {
            fn answer(result: download.Result, on: *Board) void {
                abi.events.fetch_end(on.host.core, on.host.fetch, result);
            }
        }.answer);
        errdefer std.debug.print("{s}\n", .{case.code});
        try expectEqual(@as(u32, if (case.again) limits.update_tries_max else 1), count);
        try codeIs(&board, case.code, case.words);
        try expectEqual(@as(u32, 0), board.host.device.inProgress());
    }
}

test "an answer without the file is told, and only what may pass is tried again" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    const Case = struct {
        status: u32,
        length: u64 = 0,
        type: []const u8 = "",
        body: []const u8 = "",
        code: []const u8,
        words: []const u8,
        tries: u32 = 1,
    };
    const page = "<!doctype html><title>Log in</title>";
    for ([_]Case{
        .{ .status = 404, .code = "FILE_NOT_FOUND", .words = "404" },
        .{ .status = 401, .code = "ACCESS_DENIED", .words = "401" },
        .{ .status = 302, .code = "SERVER_REFUSED", .words = "302" },
        .{
            .status = 206,
            .length = hosts.model.len,
            .code = "RANGE_UNASKED",
            .words = "where all of it was asked for",
        },
        .{ .status = 500, .code = "SERVER_ERROR", .words = "500", .tries = limits.update_tries_max },
        .{ .status = 503, .code = "SERVER_BUSY", .words = "503", .tries = limits.update_tries_max },
        .{
            .status = 200,
            .length = page.len,
            .type = "text/html; charset=utf-8",
            .code = "PAGE_INSTEAD",
            .words = "web page of 36 bytes",
        },
        .{ .status = 200, .type = "text/html", .body = page, .code = "PAGE_INSTEAD", .words = "web page" },
        .{ .status = 200, .length = hosts.model.len, .body = page, .code = "PAGE_INSTEAD", .words = "web page" },
        .{ .status = 200, .body = "Not found.", .code = "NOT_A_PACK", .words = "packed model" },
        .{ .status = 200, .length = hosts.model.len - 1, .code = "LENGTH_DIFFERS", .words = "were announced" },
        .{ .status = 200, .length = hosts.model.len + 1, .code = "LENGTH_DIFFERS", .words = "were announced" },
        // A page's type on the right file is a server's mistake, and the file is what counts: it is too short, at the
        // same byte twice.
        .{
            .status = 200,
            .type = "text/html",
            .body = hosts.model[0..5000],
            .code = "LENGTH_DIFFERS",
            .words = "ends after 5000 bytes",
            .tries = 2,
        },
    }) |case| {
        _ = board.announce("model", &hosts.model, "");
        const count = try downloads(&board, case, struct {
            fn answer(given: Case, on: *Board) void {
                const fetch = on.host.fetch;
                abi.events.fetch_head(on.host.core, fetch, given.status, given.length, .of(given.type));
                abi.events.fetch_chunk(on.host.core, fetch, given.body.ptr, given.body.len);
                abi.events.fetch_end(on.host.core, fetch, .whole);
            }
        }.answer);
        errdefer std.debug.print("{s} {d}\n", .{ case.code, case.status });
        try expectEqual(case.tries, count);
        try codeIs(&board, case.code, case.words);
        try expectEqual(@as(u32, 0), board.host.device.inProgress());
    }
}

test "the firmware that has partly come belongs to its update alone" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    var buffer: [16384]u8 = undefined;
    const image = empty_image.make(&buffer, .{ .version = "2.0.0", .payload_bytes = 12_000 });
    _ = board.announce("firmware", image, "");
    board.later(1);
    board.serve(image, 5000);
    try boards.expectProblem(board.post("/v1/firmware", image), 409, "UPLOAD_IN_PROGRESS");
    try expectEqual(@as(u32, 200), board.host.ask("DELETE", "/v1/updates", &.{}, "").status);
    try expectEqual(@as(u32, 202), board.post("/v1/firmware?reboot=false", image).status);
    // One that somebody is sending is not ended with an update that never got that far.
    _ = board.announce("firmware", image, "");
    const sending = board.beginFirmware(image.len);
    board.host.core.bodyChunk(sending, image[0..5000]);
    board.later(1);
    board.serve(image, image.len);
    try board.stateIs("QUEUED", "UPLOAD_IN_PROGRESS");
    try expectEqual(@as(u32, 200), board.host.ask("DELETE", "/v1/updates", &.{}, "").status);
    board.host.core.bodyChunk(sending, image[5000..]);
    board.host.core.requestEnd(sending);
    board.host.pump();
    try expectEqual(@as(u32, 202), board.host.reply(sending).status);
}
