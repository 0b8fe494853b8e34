//! A board with its flash, as tests of what clients may do ask it.
const std = @import("std");
const SimFlash = @import("sim_parts").SimFlash;
const hosts = @import("../test_host.zig");
const Host = hosts.Host;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

pub const json = [_][]const u8{ "content-type", "application/json" };

pub const Board = struct {
    sim: SimFlash,
    host: Host,

    /// Without a model: access does not depend on one.
    pub fn start(board: *Board) !void {
        board.sim = try .init(std.testing.allocator, &hosts.areas, 1);
        _ = try board.host.startWithFlash(&board.sim);
    }

    pub fn stop(board: *Board) void {
        board.host.stop();
        board.sim.deinit();
    }

    pub fn expectCode(
        board: *Board,
        method: []const u8,
        target: []const u8,
        headers: []const []const u8,
        body: []const u8,
        status: u32,
        code: []const u8,
    ) !void {
        const reply = board.host.ask(method, target, headers, body);
        errdefer std.debug.print("{s} {s}: {d} {s}\n", .{ method, target, reply.status, reply.body.items });
        try expectEqual(status, reply.status);
        const parsed = try std.json.parseFromSlice(std.json.Value, std.testing.allocator, reply.body.items, .{});
        defer parsed.deinit();
        try expectEqualStrings(code, parsed.value.object.get("code").?.string);
    }

    pub fn expectStatus(
        board: *Board,
        method: []const u8,
        target: []const u8,
        headers: []const []const u8,
        body: []const u8,
        status: u32,
    ) !void {
        const reply = board.host.ask(method, target, headers, body);
        errdefer std.debug.print("{s} {s}: {d} {s}\n", .{ method, target, reply.status, reply.body.items });
        try expectEqual(status, reply.status);
    }

    pub fn forget(board: *Board) void {
        board.host.token_len = 0;
    }
};

/// A claim with another code than the board's.
pub fn wrongCode(board: *const Board) []const u8 {
    const code = &board.host.device.storage.?.access.code;
    return if (code[0] == '0') "{\"code\":\"10000000\"}" else "{\"code\":\"00000000\"}";
}
