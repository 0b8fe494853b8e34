//! A board on a broker, for the tests of this folder.
const std = @import("std");
const expectEqual = std.testing.expectEqual;
const abi = @import("../abi.zig");
const hosts = @import("../test_host.zig");
const Host = hosts.Host;
const ports = @import("../port.zig");
const SimFlash = @import("sim_parts").SimFlash;
const allocator = std.testing.allocator;

/// What the topics of the tests' board begin with.
pub const base = "synapse/020000000001/";

pub fn repeat(comptime text: []const u8, comptime times: usize) []const u8 {
    comptime var result: []const u8 = "";
    inline for (0..times) |_| result = result ++ text;
    return result;
}

pub fn contains(text: []const u8, part: []const u8) !void {
    if (std.mem.indexOf(u8, text, part) != null) return;
    std.debug.print("\"{s}\" is not in: {s}\n", .{ part, text });
    return error.TestUnexpectedResult;
}

/// A board with an owner, a model and a connection to a broker.
pub const Fixture = struct {
    host: Host,
    sim: SimFlash,

    pub fn start(fixture: *Fixture) !void {
        fixture.sim = try .init(allocator, &hosts.areas, 1);
        fixture.sim.program(1, &hosts.model);
        try expectEqual(ports.Result.ok, try fixture.host.startWithFlash(&fixture.sim));
        try fixture.host.claim();
        abi.events.mqtt_connected(fixture.host.core, 5);
    }

    pub fn stop(fixture: *Fixture) void {
        fixture.host.stop();
        fixture.sim.deinit();
    }

    pub fn set(fixture: *Fixture, body: []const u8) !void {
        try expectEqual(
            @as(u32, 200),
            fixture.host.ask("PUT", "/v1/settings", &.{ "content-type", "application/json" }, body).status,
        );
    }
};
