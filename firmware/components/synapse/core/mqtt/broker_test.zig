//! Which broker a board is on, as whom, and what it says when that fails.
const std = @import("std");
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;
const abi = @import("../abi.zig");
const ports = @import("../port.zig");
const fixtures = @import("fixture_test.zig");
const contains = fixtures.contains;
const Fixture = fixtures.Fixture;
const repeat = fixtures.repeat;

test "a user in a broker's address becomes settings of its own" {
    var fixture: Fixture = undefined;
    try fixture.start();
    defer fixture.stop();
    const host = &fixture.host;
    try fixture.set("{\"broker_url\":\"mqtts://me:s%40cret@broker:8883/x\"}");
    var session: ports.MqttSession = .{};
    try expectEqual(ports.Result.ok, abi.synapse_device_get_mqtt_session(host.core, &session));
    try expectEqualStrings("mqtts://broker:8883/x", session.broker_url.slice());
    try expectEqualStrings("me", session.username.slice());
    try expectEqualStrings("s@cret", session.password.slice());
    const shown = host.ask("GET", "/v1/settings", &.{}, "").body.items;
    try contains(
        shown,
        "\"broker_url\":\"mqtts://broker:8883/x\",\"broker_username\":\"me\",\"broker_password\":\"********\"",
    );
    // As long as they may be by themselves.
    try fixture.set("{\"broker_url\":\"mqtt://me:" ++ comptime repeat("x", 100) ++ "@b\"}");
    try expectEqual(ports.Result.ok, abi.synapse_device_get_mqtt_session(host.core, &session));
    try expectEqualStrings(repeat("x", 100), session.password.slice());
    // What stands beside the address counts more, in either order.
    for ([_][]const u8{
        "{\"broker_password\":\"said\",\"broker_url\":\"mqtt://a:b@c\"}",
        "{\"broker_url\":\"mqtt://a:b@c\",\"broker_password\":\"said\"}",
    }) |body| {
        try fixture.set(body);
        try expectEqual(ports.Result.ok, abi.synapse_device_get_mqtt_session(host.core, &session));
        try expectEqualStrings("mqtt://c", session.broker_url.slice());
        try expectEqualStrings("a", session.username.slice());
        try expectEqualStrings("said", session.password.slice());
    }
    for ([_][]const u8{
        "mqtt://b:0",
        "mqtt://b:-1",
        "mqtt://b:65536",
        "mqtt://:1",
        "mqtt://u:%zz@b",
        "mqtt://u:%0a@b",
        "mqtt://u:%c2%85@b",
        "mqtt://" ++ comptime repeat("u", 65) ++ "@b",
        "http://b",
        "mqtt://u:p@",
    }) |wrong| {
        var body: [128]u8 = undefined;
        const answer = host.ask(
            "PUT",
            "/v1/settings",
            &.{ "content-type", "application/json" },
            try std.fmt.bufPrint(&body, "{{\"broker_url\":\"{s}\"}}", .{wrong}),
        );
        try expectEqual(@as(u32, 422), answer.status);
        try contains(answer.body.items, "\"field\":\"broker_url\"");
    }
    try expectEqual(ports.Result.ok, abi.synapse_device_get_mqtt_session(host.core, &session));
    try expectEqualStrings("mqtt://c", session.broker_url.slice());
}

test "what fails between board and broker is in the log once, and counted in the device's state" {
    var fixture: Fixture = undefined;
    try fixture.start();
    defer fixture.stop();
    const host = &fixture.host;
    try contains(host.ask("GET", "/v1/device", &.{}, "").body.items, "\"failure\":null");
    abi.events.mqtt_disconnected(host.core);
    const before = host.device.log_ring.written;
    for (0..3) |_| abi.events.mqtt_failed(host.core, .of("connection refused"));
    try expectEqual(before + 1, host.device.log_ring.written);
    try expectEqualStrings(
        "broker: connection refused",
        host.device.log_ring.get(host.device.log_ring.written).text.slice(),
    );
    try contains(
        host.ask("GET", "/v1/device", &.{}, "").body.items,
        "\"failure\":{\"detail\":\"connection refused\",\"count\":3,\"ago_us\":",
    );
    abi.events.mqtt_failed(host.core, .of("not authorised"));
    try expectEqual(before + 2, host.device.log_ring.written);
    // Longer than there is room for.
    abi.events.mqtt_failed(host.core, .of(repeat("x", 500)));
    abi.events.mqtt_failed(host.core, .of(repeat("x", 400)));
    try expectEqual(before + 3, host.device.log_ring.written);
    abi.events.mqtt_connected(host.core, 5);
    try expectEqualStrings(
        "the broker is reached again",
        host.device.log_ring.get(host.device.log_ring.written).text.slice(),
    );
    try contains(host.ask("GET", "/v1/device", &.{}, "").body.items, "\"failure\":null");
}
