//! What Home Assistant hears of a board.
const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;
const hosts = @import("../test_host.zig");
const Host = hosts.Host;
const limits = @import("../limits.zig");
const ports = @import("../port.zig");
const allocator = std.testing.allocator;
const fixtures = @import("fixture_test.zig");
const base = fixtures.base;
const contains = fixtures.contains;
const Fixture = fixtures.Fixture;

test "Home Assistant learns of the board, and forgets it" {
    var fixture: Fixture = undefined;
    try fixture.start();
    defer fixture.stop();
    const topic = "homeassistant/device/synapse_020000000001/config";
    const host = &fixture.host;
    try expectEqual(@as(?*const hosts.Published, null), host.last(topic));
    try fixture.set("{\"home_assistant\":true,\"name\":\"Hall \\\"3\\\"\"}");
    const config = host.last(topic).?;
    try expect(config.retain);
    const parsed = try std.json.parseFromSlice(std.json.Value, allocator, config.payload, .{});
    defer parsed.deinit();
    try expectEqualStrings("Hall \"3\"", parsed.value.object.get("device").?.object.get("name").?.string);
    var ids: std.StringHashMap(void) = .init(allocator);
    defer ids.deinit();
    const components = parsed.value.object.get("components").?.object;
    for (components.values()) |component| {
        try expect(component.object.get("platform") != null);
        try expect(!(try ids.getOrPut(component.object.get("unique_id").?.string)).found_existing);
    }
    // What its button sends runs.
    host.receive(
        .{ .qos = 1, .topic = .of(components.get("reboot").?.object.get("command_topic").?.string) },
        components.get("reboot").?.object.get("payload_press").?.string,
    );
    try expectEqual(@as(u32, 1), host.reboots);
    try fixture.set("{\"home_assistant\":false}");
    try expectEqualStrings("", host.last(topic).?.payload);
    try expect(host.last(topic).?.retain);
}

fn later(host: *Host, us: u64) void {
    host.clock_us += us;
    host.core.tick(host.clock_us);
    host.pump();
}

test "when Home Assistant starts, boards tell it of themselves again, each in its own time" {
    var fixture: Fixture = undefined;
    try fixture.start();
    defer fixture.stop();
    const host = &fixture.host;
    const config = "homeassistant/device/synapse_020000000001/config";
    const birth: ports.MqttMessage = .{ .qos = 0, .topic = .of("homeassistant/status") };
    host.receive(birth, "online");
    later(host, limits.birth_answer_us_max);
    try expectEqual(@as(?*const hosts.Published, null), host.last(config));
    try fixture.set("{\"home_assistant\":true}");
    try contains(host.subscriptions.items, "+homeassistant/status\n");
    try contains(host.last(config).?.payload, "\"expire_after\":180");
    var waits: [8]u64 = undefined;
    for (&waits, 0..) |*wait, i| {
        host.random_byte = @intCast(i * 31);
        host.forget();
        host.receive(birth, "online");
        try expectEqual(@as(?*const hosts.Published, null), host.last(config));
        wait.* = 0;
        while (host.last(config) == null) : (wait.* += 100_000) later(host, 100_000);
        try expect(wait.* <= limits.birth_answer_us_max + 100_000);
        try expect(host.last(base ++ "status") != null and host.last(base ++ "telemetry") != null);
    }
    try expect(!std.mem.allEqual(u64, &waits, waits[0]));
    host.forget();
    host.receive(birth, "offline");
    later(host, limits.birth_answer_us_max);
    try expectEqual(@as(?*const hosts.Published, null), host.last(config));
    try fixture.set("{\"home_assistant\":false}");
    try contains(host.subscriptions.items, "-homeassistant/status\n");
}
