//! A board with flash for tests: the port of test_host.zig around simulated flash, with the test model in its first
//! slot, as it comes from the factory.
const std = @import("std");
const abi = @import("abi.zig");
const empty_image = @import("sim_parts").empty_image;
const SimFlash = @import("sim_parts").SimFlash;
const hosts = @import("test_host.zig");
const ports = @import("port.zig");
const Host = hosts.Host;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

/// Bytes at an address that models can run from.
var bytes: [hosts.flash_total]u8 align(64) = undefined;
var undecided: [hosts.flash_total]u8 = undefined;

/// One at a time: its flash lies in static memory.
pub const Board = struct {
    sim: SimFlash,
    host: Host,

    pub fn start(board: *Board) !void {
        try board.startWithKeys(&.{});
    }

    /// In place. `keys` are the board's update keys.
    pub fn startWithKeys(board: *Board, keys: []const ports.PublicKey) !void {
        try board.plugIn(keys);
        try board.host.claim();
    }

    /// As it is unpacked: nobody owns it.
    pub fn startUnclaimed(board: *Board) !void {
        try board.plugIn(&.{});
    }

    fn plugIn(board: *Board, keys: []const ports.PublicKey) !void {
        @memset(&undecided, 0);
        board.sim = try .initIn(std.testing.allocator, &bytes, &undecided, &hosts.areas, std.testing.random_seed);
        board.sim.program(1, &hosts.model);
        var buffer: [2048]u8 = undefined;
        board.sim.program(hosts.ota_area, empty_image.make(&buffer, .{ .version = "1.0.0" }));
        try expectEqual(ports.Result.ok, try board.host.startWithKeys(&board.sim, keys));
    }

    pub fn stop(board: *Board) void {
        board.host.stop();
        board.sim.deinitIn();
    }

    pub fn put(board: *Board, slot: []const u8, body: []const u8) *hosts.Reply {
        var length: [16]u8 = undefined;
        var target: [64]u8 = undefined;
        return board.host.ask(
            "PUT",
            path(&target, slot, ""),
            &.{ "content-length", std.fmt.bufPrint(&length, "{d}", .{body.len}) catch unreachable },
            body,
        );
    }

    /// The head of an upload; its bytes are the test's to send.
    pub fn beginPut(board: *Board, slot: []const u8, body_bytes: usize) u32 {
        var target: [64]u8 = undefined;
        return board.beginUpload("PUT", path(&target, slot, ""), body_bytes);
    }

    /// As beginPut, of a firmware.
    pub fn beginFirmware(board: *Board, body_bytes: usize) u32 {
        return board.beginUpload("POST", "/v1/firmware?reboot=false", body_bytes);
    }

    fn beginUpload(board: *Board, method: []const u8, target: []const u8, body_bytes: usize) u32 {
        var length: [16]u8 = undefined;
        const headers = [_]ports.Header{
            .{
                .name = .of("content-length"),
                .value = .of(std.fmt.bufPrint(&length, "{d}", .{body_bytes}) catch unreachable),
            },
            .{ .name = .of("authorization"), .value = .of(board.host.token[0..board.host.token_len]) },
        };
        const request = board.host.next;
        board.host.next += 1;
        board.host.core.requestHead(request, method, target, board.host.client, &headers);
        return request;
    }

    /// A part of `whole`, into the second slot.
    pub fn putPart(board: *Board, whole: []const u8, first: usize, end: usize) *hosts.Reply {
        var range: [64]u8 = undefined;
        return board.host.ask(
            "PUT",
            "/v1/models/model_b",
            &.{
                "content-range",
                std.fmt.bufPrint(&range, "bytes {d}-{d}/{d}", .{ first, end - 1, whole.len }) catch unreachable,
            },
            whole[first..end],
        );
    }

    pub fn activate(board: *Board, slot: []const u8) *hosts.Reply {
        var target: [64]u8 = undefined;
        return board.host.ask("POST", path(&target, slot, "/activate"), &.{}, "");
    }

    pub fn later(board: *Board, seconds: u64) void {
        board.host.clock_us += seconds * 1_000_000;
        abi.events.tick(board.host.core, board.host.clock_us);
        board.host.pump();
    }

    fn path(buffer: []u8, slot: []const u8, tail: []const u8) []const u8 {
        return std.fmt.bufPrint(buffer, "/v1/models/{s}{s}", .{ slot, tail }) catch unreachable;
    }

    pub fn expectSlot(board: *Board, slot: []const u8, state: []const u8, active: bool) !void {
        var target: [64]u8 = undefined;
        const given = board.host.ask("GET", path(&target, slot, ""), &.{}, "");
        const parsed = try std.json.parseFromSlice(std.json.Value, std.testing.allocator, given.body.items, .{});
        defer parsed.deinit();
        errdefer std.debug.print("{s}: {s}\n", .{ slot, given.body.items });
        try expectEqualStrings(state, parsed.value.object.get("state").?.string);
        try expectEqual(active, parsed.value.object.get("active").?.bool);
    }

    pub fn post(board: *Board, target: []const u8, image: []const u8) *hosts.Reply {
        var length: [16]u8 = undefined;
        return board.host.ask(
            "POST",
            target,
            &.{
                "content-length",
                std.fmt.bufPrint(&length, "{d}", .{image.len}) catch unreachable,
                "content-type",
                "application/octet-stream",
            },
            image,
        );
    }

    pub fn firmwareIs(board: *Board, version: []const u8, state: []const u8) !void {
        const given = board.host.ask("GET", "/v1/device", &.{}, "");
        const parsed = try std.json.parseFromSlice(std.json.Value, std.testing.allocator, given.body.items, .{});
        defer parsed.deinit();
        const firmware = parsed.value.object.get("firmware").?.object;
        try expectEqualStrings(version, firmware.get("version").?.string);
        try expectEqualStrings(state, firmware.get("state").?.string);
    }

    /// Asks for the file to be fetched; its announced digest is `of`'s.
    pub fn announce(board: *Board, kind: []const u8, of: []const u8, extra: []const u8) *hosts.Reply {
        var digest: [32]u8 = undefined;
        std.crypto.hash.sha2.Sha256.hash(of, &digest, .{});
        var target: [64]u8 = undefined;
        var body: [512]u8 = undefined;
        return board.host.ask(
            "POST",
            std.fmt.bufPrint(&target, "/v1/updates/{s}", .{kind}) catch unreachable,
            &.{ "content-type", "application/json" },
            std.fmt.bufPrint(
                &body,
                "{{\"url\":\"http://files.example/f\",\"bytes\":{d},\"sha256\":\"{x}\"{s}}}",
                .{ of.len, &digest, extra },
            ) catch unreachable,
        );
    }

    /// Answers the download that the board has begun, up to `end`.
    pub fn serve(board: *Board, file: []const u8, end: usize) void {
        const fetch = board.host.fetch;
        const from: usize = @intCast(board.host.fetch_from);
        abi.events.fetch_head(board.host.core, fetch, if (from > 0) 206 else 200, file.len - from, .{});
        var at = from;
        while (at < end) : (at += 1000) {
            const piece = file[at..@min(end, at + 1000)];
            abi.events.fetch_chunk(board.host.core, fetch, piece.ptr, piece.len);
        }
        abi.events.fetch_end(board.host.core, fetch, if (end == file.len) .whole else .broken);
        board.host.pump();
    }

    pub fn stateIs(board: *Board, state: []const u8, code: ?[]const u8) !void {
        const given = board.host.ask("GET", "/v1/updates", &.{}, "");
        errdefer std.debug.print("{s}\n", .{given.body.items});
        const parsed = try std.json.parseFromSlice(std.json.Value, std.testing.allocator, given.body.items, .{});
        defer parsed.deinit();
        try expectEqualStrings(state, parsed.value.object.get("state").?.string);
        if (code) |wanted| try expectEqualStrings(wanted, parsed.value.object.get("code").?.string);
    }

    pub fn expectWorks(board: *Board) !void {
        try expectEqual(@as(u32, 200), board.host.send("POST", "/v1/encode", "image/jpeg", "", "\xff\xd8\xff").status);
    }
};

/// Every problem says what would be right.
pub fn expectProblem(reply: *const hosts.Reply, status: u32, code: []const u8) !void {
    return expectProblemAt(reply, status, code, null);
}

pub fn expectProblemAt(reply: *const hosts.Reply, status: u32, code: []const u8, field: ?[]const u8) !void {
    errdefer std.debug.print("{d} {s}\n", .{ reply.status, reply.body.items });
    try expectEqual(status, reply.status);
    const parsed = try std.json.parseFromSlice(std.json.Value, std.testing.allocator, reply.body.items, .{});
    defer parsed.deinit();
    try expectEqualStrings(code, parsed.value.object.get("code").?.string);
    try std.testing.expect(parsed.value.object.get("expected").?.string.len > 0);
    if (field) |name| try expectEqualStrings(name, parsed.value.object.get("field").?.string);
}
