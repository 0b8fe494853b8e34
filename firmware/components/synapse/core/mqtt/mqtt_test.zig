//! What a board does on a broker.
const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;
const abi = @import("../abi.zig");
const hosts = @import("../test_host.zig");
const Host = hosts.Host;
const limits = @import("../limits.zig");
const ports = @import("../port.zig");
const SimFlash = @import("sim_parts").SimFlash;
const allocator = std.testing.allocator;
const fixtures = @import("fixture_test.zig");
const base = fixtures.base;
const contains = fixtures.contains;
const Fixture = fixtures.Fixture;
const repeat = fixtures.repeat;

const latent = "[" ++ repeat("0.5,", 31) ++ "0.5]";
/// The beginning of a plan's body.
const plan_ends = "{\"start\":{\"latent\":" ++ latent ++ "},\"goal\":{\"latent\":" ++ latent ++ "},";
const row = "[" ++ repeat("0.1,", 9) ++ "0.1]";

test "a board that reaches its broker says what it is, and listens" {
    var fixture: Fixture = undefined;
    try fixture.start();
    defer fixture.stop();
    const host = &fixture.host;
    try expectEqualStrings("+" ++ base ++ "cmd/#\n", host.subscriptions.items);
    const status = host.last(base ++ "status").?;
    try expect(status.retain and status.qos == 1);
    try contains(status.payload, "\"state\":\"online\"");
    try contains(status.payload, "\"model\":{\"slot\":\"model_a\",\"name\":\"lewm-test\"");
    try contains(
        host.last(base ++ "event/boot").?.payload,
        "{\"event_type\":\"boot\",\"reason\":\"power-on\",\"resets\":0",
    );
    try contains(host.last(base ++ "telemetry").?.payload, "\"uptime_s\":0");
    for (host.published.items) |*message| try expect(try std.json.validate(allocator, message.payload));
    // The next connection tells everything again, but not that the board has started.
    host.forget();
    abi.events.mqtt_disconnected(host.core);
    abi.events.mqtt_connected(host.core, 5);
    try expect(host.last(base ++ "status") != null);
    try expectEqual(@as(?*const hosts.Published, null), host.last(base ++ "event/boot"));
}

test "the port connects with what the owner has set, and a will" {
    var fixture: Fixture = undefined;
    try fixture.start();
    defer fixture.stop();
    var session: ports.MqttSession = .{};
    try expectEqual(ports.Result.ok, abi.synapse_device_get_mqtt_session(fixture.host.core, &session));
    try expectEqualStrings("", session.broker_url.slice());
    const before = fixture.host.settings_changes;
    try fixture.set("{\"broker_url\":\"mqtt://broker:1883\",\"broker_username\":\"u\",\"broker_password\":\"p\"}");
    try expectEqual(before + 1, fixture.host.settings_changes);
    try expectEqual(ports.Result.ok, abi.synapse_device_get_mqtt_session(fixture.host.core, &session));
    try expectEqualStrings("mqtt://broker:1883", session.broker_url.slice());
    try expectEqualStrings("u", session.username.slice());
    try expectEqualStrings("p", session.password.slice());
    try expectEqualStrings("synapse-020000000001", session.client_id.slice());
    try expectEqualStrings(base ++ "status", session.will_topic.slice());
    try expectEqualStrings("{\"state\":\"offline\"}", session.will_payload.slice());
    session.size = 3;
    try expectEqual(ports.Result.argument, abi.synapse_device_get_mqtt_session(fixture.host.core, &session));
}

test "a command answers to its response topic what HTTP answers" {
    var fixture: Fixture = undefined;
    try fixture.start();
    defer fixture.stop();
    const host = &fixture.host;
    const body = "{\"history\":[" ++ latent ++ "],\"actions\":[" ++ row ++ "]}";
    const properties = [_]ports.Header{.{ .name = .of("latent"), .value = .of("base64") }};
    host.receive(
        .{
            .qos = 1,
            .topic = .of(base ++ "cmd/predict"),
            .content_type = .of("application/json"),
            .response_topic = .of("panel/answers"),
            .correlation = .of("\x00\xff7"),
            .properties = &properties,
            .property_count = 1,
        },
        body,
    );
    const answer = host.last("panel/answers").?;
    try expectEqualStrings("\x00\xff7", answer.correlation);
    try expectEqualStrings("application/json", answer.content_type);
    try expectEqualStrings("device: 02:00:00:00:00:01\nstatus: 200\n", answer.properties);
    try expectEqual(@as(u32, 1), answer.qos);
    const http = host.json("/v1/predict?latent=base64", body).body.items;
    const same = std.mem.indexOf(u8, http, ",\"model\"").?;
    try expectEqualStrings(http[0..same], answer.payload[0..same]);
    try expectEqual(@as(u32, 0), host.device.inProgress());
}

test "clients of 3.1.1 name themselves in the topic, and payloads show their type" {
    var fixture: Fixture = undefined;
    try fixture.start();
    defer fixture.stop();
    const host = &fixture.host;
    host.receive(
        .{ .topic = .of(base ++ "cmd/encode/a7?latent=base64&accept=application/json") },
        "\xff\xd8\xff\xe0 a picture",
    );
    try contains(host.last(base ++ "res/a7").?.payload, "{\"latent\":\"");
    host.receive(.{ .topic = .of(base ++ "cmd/selftest/a8") }, "{}");
    try contains(host.last(base ++ "res/a8").?.payload, "{\"passed\":true");
    // Without anything, in CBOR, where everybody who asked so listens.
    host.receive(.{ .topic = .of(base ++ "cmd/selftest") }, "");
    try expectEqualStrings("\xbf\x66passed\xf5", host.last(base ++ "res").?.payload[0..9]);
    host.receive(.{ .topic = .of(base ++ "cmd/slot/model_b/b1") }, "{}");
    try contains(host.last(base ++ "res/b1").?.payload, "{\"slot\":\"model_b\",\"state\":\"EMPTY\"");
    host.receive(.{ .topic = .of(base ++ "cmd/log/b2?level=error&after=0") }, "{}");
    try contains(host.last(base ++ "res/b2").?.payload, "{\"entries\":[]");
    host.receive(.{ .topic = .of(base ++ "cmd/metrics/b3") }, "");
    try contains(host.last(base ++ "res/b3").?.payload, "synapse_requests_total");
    // JSON is a wish, where it was not asked for by name.
    host.receive(.{ .topic = .of(base ++ "cmd/metrics/b4") }, "{}");
    try contains(host.last(base ++ "res/b4").?.payload, "synapse_requests_total");
    host.receive(.{ .topic = .of(base ++ "cmd/metrics/b5?accept=application/json") }, "{}");
    try contains(host.last(base ++ "res/b5").?.payload, "\"code\":\"NOT_ACCEPTABLE\"");
    host.receive(.{ .topic = .of(base ++ "cmd/device/a9") }, "{}");
    try contains(host.last(base ++ "res/a9").?.payload, "\"id\":\"02:00:00:00:00:01\"");
}

test "settings are read and changed over the broker, and groups follow" {
    var fixture: Fixture = undefined;
    try fixture.start();
    defer fixture.stop();
    const host = &fixture.host;
    host.forget();
    host.receive(.{ .topic = .of(base ++ "cmd/settings/1") }, "{\"groups\":[\"hall\",\"all\"],\"name\":\"Hall 3\"}");
    try contains(host.last(base ++ "res/1").?.payload, "\"groups\":[\"hall\",\"all\"]");
    try expectEqualStrings("+synapse/group/hall/cmd/#\n+synapse/group/all/cmd/#\n", host.subscriptions.items);
    try contains(host.last(base ++ "status").?.payload, "\"name\":\"Hall 3\"");
    host.forget();
    host.receive(
        .{ .topic = .of(base ++ "cmd/settings/2"), .content_type = .of("application/json") },
        "{\"groups\":[\"all\",\"new\"]}",
    );
    try expectEqualStrings("-synapse/group/hall/cmd/#\n+synapse/group/new/cmd/#\n", host.subscriptions.items);
    host.receive(.{ .topic = .of(base ++ "cmd/settings/3?accept=application/json") }, "");
    try contains(host.last(base ++ "res/3").?.payload, "\"groups\":[\"all\",\"new\"]");
    host.receive(.{ .topic = .of("synapse/group/all/cmd/selftest/4") }, "{}");
    try contains(host.last(base ++ "res/4").?.payload, "\"passed\":true");
    host.forget();
    abi.events.mqtt_connected(host.core, 4);
    try expectEqualStrings(
        "+" ++ base ++ "cmd/#\n+synapse/group/all/cmd/#\n+synapse/group/new/cmd/#\n",
        host.subscriptions.items,
    );
}

test "a command that comes again runs once; a retained one never" {
    var fixture: Fixture = undefined;
    try fixture.start();
    defer fixture.stop();
    const host = &fixture.host;
    const reboot: ports.MqttMessage = .{
        .qos = 1,
        .packet_id = 3,
        .topic = .of(base ++ "cmd/reboot"),
        .response_topic = .of("x"),
        .correlation = .of("1"),
    };
    host.receive(reboot, "");
    var again = reboot;
    again.duplicate = .yes;
    host.receive(again, "");
    again.packet_id = 9;
    host.receive(again, "");
    try expectEqual(@as(u32, 1), host.reboots);
    var answers: usize = 0;
    for (host.published.items) |*message| answers += @intFromBool(std.mem.eql(u8, message.topic, "x"));
    try expectEqual(@as(usize, 1), answers);
    try expectEqualStrings("{\"state\":\"offline\",\"reason\":\"reboot\"}", host.last(base ++ "status").?.payload);
    again.correlation = .of("2");
    again.retain = .yes;
    host.receive(again, "");
    try expectEqual(@as(u32, 1), host.reboots);
    try expectEqual(@as(u32, 2), host.device.broker.counters.duplicates);
    try expectEqual(@as(u32, 1), host.device.broker.counters.refused);
}

test "planning tells its progress in messages when asked" {
    var fixture: Fixture = undefined;
    try fixture.start();
    defer fixture.stop();
    const host = &fixture.host;
    const body = plan_ends ++ "\"horizon\":2,\"budget\":{\"samples\":3,\"iterations\":2,\"elites\":2}}";
    host.receive(.{ .topic = .of(base ++ "cmd/plan/7?accept=text/event-stream") }, body);
    try contains(host.last(base ++ "res/7/progress").?.payload, "{\"iteration\":2,\"iterations\":2");
    try contains(host.last(base ++ "res/7").?.payload, "{\"actions\":[[");
    try contains(host.last(base ++ "res/7").?.properties, "event: result\n");
    const accept = [_]ports.Header{.{ .name = .of("accept"), .value = .of("text/event-stream") }};
    host.forget();
    host.receive(
        .{
            .topic = .of(base ++ "cmd/plan"),
            .response_topic = .of("p"),
            .correlation = .of("c"),
            .properties = &accept,
            .property_count = 1,
        },
        body,
    );
    try expectEqual(@as(usize, 3), host.published.items.len);
    for (host.published.items[0..2]) |*message| try contains(message.properties, "event: progress\n");
    for (host.published.items) |*message| {
        try expectEqualStrings("p", message.topic);
        try expectEqualStrings("c", message.correlation);
        try expectEqualStrings("application/json", message.content_type);
        try expect(try std.json.validate(allocator, message.payload));
    }
    // Going wrong after the events have begun is an event too.
    host.forget();
    host.receive(.{ .topic = .of(base ++ "cmd/plan/8?accept=text/event-stream") }, "{\"start\":{}}");
    try contains(host.last(base ++ "res/8").?.payload, "\"code\":\"BODY_INVALID\"");
}

test "what a command without a payload is sent only says the answer's form, however long it is" {
    for ([_][]const u8{ "selftest", "reboot", "stop_update", "activate/model_b", "device" }) |command| {
        var fixture: Fixture = undefined;
        try fixture.start();
        defer fixture.stop();
        var topic: [64]u8 = undefined;
        fixture.host.forget();
        fixture.host.receive(
            .{ .topic = .of(std.fmt.bufPrint(&topic, base ++ "cmd/{s}/1", .{command}) catch unreachable) },
            "{\"pressed\":true}",
        );
        const answer = fixture.host.last(base ++ "res/1").?;
        errdefer std.debug.print("{s}: {s}\n", .{ command, answer.payload });
        try expect(std.mem.indexOf(u8, answer.payload, "BODY_INVALID") == null);
        try expect(answer.payload[0] == '{');
    }
}

test "a command is taken back by its id, or by where its answer would go" {
    var fixture: Fixture = undefined;
    try fixture.start();
    defer fixture.stop();
    const host = &fixture.host;
    const body = plan_ends ++ "\"budget\":{\"samples\":300,\"iterations\":30,\"elites\":3}}";
    host.forget();
    for ([_]ports.MqttMessage{
        .{ .topic = .of(base ++ "cmd/plan/9") },
        .{ .topic = .of(base ++ "cmd/plan"), .response_topic = .of("p"), .correlation = .of("c") },
    }, [_]ports.MqttMessage{
        .{ .topic = .of(base ++ "cmd/cancel/9") },
        .{ .topic = .of(base ++ "cmd/cancel"), .response_topic = .of("p"), .correlation = .of("c") },
    }) |plan, cancel| {
        const request = host.next;
        host.next += 1;
        var message = plan;
        message.payload = body.ptr;
        message.payload_bytes = body.len;
        message.total_bytes = body.len;
        abi.events.mqtt_received(host.core, request, &message);
        host.core.requestEnd(request);
        host.turn();
        try expectEqual(@as(u32, 1), host.device.inProgress());
        abi.events.mqtt_received(host.core, host.next, &.{ .topic = .of(base ++ "cmd/cancel/other") });
        try expectEqual(@as(u32, 1), host.device.inProgress());
        abi.events.mqtt_received(host.core, host.next, &cancel);
        host.pump();
        try expectEqual(@as(u32, 0), host.device.inProgress());
    }
    try expectEqual(@as(usize, 0), host.published.items.len);
}

test "a board without an owner runs nothing" {
    var sim: SimFlash = try .init(allocator, &hosts.areas, 1);
    defer sim.deinit();
    sim.program(1, &hosts.model);
    var host: Host = undefined;
    try expectEqual(ports.Result.ok, try host.startWithFlash(&sim));
    defer host.stop();
    abi.events.mqtt_connected(host.core, 5);
    host.receive(.{ .topic = .of(base ++ "cmd/reboot/1") }, "{}");
    try contains(host.last(base ++ "res/1").?.payload, "\"status\":403,\"code\":\"UNCLAIMED\"");
    try expectEqual(@as(u32, 0), host.reboots);
    // It has not run, so it may come again.
    try host.claim();
    host.receive(.{ .topic = .of(base ++ "cmd/reboot/1") }, "{}");
    try expectEqual(@as(u32, 1), host.reboots);
}

test "what is not for the board is nothing" {
    var fixture: Fixture = undefined;
    try fixture.start();
    defer fixture.stop();
    fixture.host.forget();
    for ([_][]const u8{
        "synapse/other/cmd/reboot",
        base ++ "status",
        "x",
        "",
    }) |topic| fixture.host.receive(.{ .topic = .of(topic) }, "{}");
    try expectEqual(@as(usize, 0), fixture.host.published.items.len);
    try expectEqual(@as(u32, 0), fixture.host.reboots);
}

test "an answer longer than a message says so" {
    var fixture: Fixture = undefined;
    try fixture.start();
    defer fixture.stop();
    const host = &fixture.host;
    var body: std.ArrayList(u8) = .empty;
    defer body.deinit(allocator);
    // A rollout of a thousand steps, its actions packed.
    try body.appendSlice(allocator, "{\"start\":{\"latent\":" ++ latent ++ "},\"actions\":\"");
    const steps = 400;
    const packed_actions = try allocator.alloc(u8, steps * hosts.action_elements * 4);
    defer allocator.free(packed_actions);
    @memset(packed_actions, 0);
    const text = try allocator.alloc(u8, std.base64.standard.Encoder.calcSize(packed_actions.len));
    defer allocator.free(text);
    try body.appendSlice(allocator, std.base64.standard.Encoder.encode(text, packed_actions));
    try body.appendSlice(allocator, "\"}");
    host.receive(.{ .topic = .of(base ++ "cmd/rollout/1?latent=base64") }, body.items);
    const long = host.last(base ++ "res/1").?.payload.len;
    try expect(long > 64 << 10 and long < limits.mqtt_answer_bytes_max);
    host.core.mqtt.publisher.outbox.answer.bytes = host.core.mqtt.publisher.outbox.answer.bytes[0 .. 4 << 10];
    host.receive(.{ .topic = .of(base ++ "cmd/rollout/2?latent=base64") }, body.items);
    const refused = host.last(base ++ "res/2").?;
    try contains(refused.payload, "\"status\":413,\"code\":\"ANSWER_TOO_LARGE\"");
    try expectEqualStrings("application/problem+json", refused.content_type);
    // Of a plan that told its progress, this is its last event.
    host.receive(
        .{ .topic = .of(base ++ "cmd/plan/3?accept=text/event-stream") },
        plan_ends ++ "\"horizon\":32,\"budget\":{\"samples\":2,\"iterations\":1,\"elites\":2}}",
    );
    const unplanned = host.last(base ++ "res/3").?;
    try contains(unplanned.payload, "\"code\":\"ANSWER_TOO_LARGE\"");
    try contains(unplanned.properties, "status: 413\nevent: error\n");
}

test "a message that breaks off leaves nothing behind" {
    var fixture: Fixture = undefined;
    try fixture.start();
    defer fixture.stop();
    const host = &fixture.host;
    host.forget();
    for (0..2 * limits.exchanges_max) |_| {
        const request = host.next;
        host.next += 1;
        abi.events.mqtt_received(
            host.core,
            request,
            &.{ .topic = .of(base ++ "cmd/encode"), .payload = "\xff\xd8\xff", .payload_bytes = 3, .total_bytes = 9 },
        );
        host.core.requestClosed(request);
    }
    try expectEqual(@as(u32, 0), host.device.inProgress());
    try expectEqual(@as(usize, 0), host.published.items.len);
    host.receive(.{ .topic = .of(base ++ "cmd/selftest") }, "{}");
    try expectEqual(@as(usize, 1), host.published.items.len);
}

test "telemetry keeps the owner's interval" {
    var fixture: Fixture = undefined;
    try fixture.start();
    defer fixture.stop();
    const host = &fixture.host;
    const Count = struct {
        fn over(h: *Host, seconds: u64) usize {
            h.forget();
            for (0..seconds) |_| {
                h.clock_us += 1_000_000;
                h.core.tick(h.clock_us);
            }
            var count: usize = 0;
            for (h.published.items) |*message| count += @intFromBool(std.mem.eql(
                u8,
                message.topic,
                base ++ "telemetry",
            ));
            return count;
        }
    };
    try expectEqual(@as(usize, 5), Count.over(host, 300));
    try fixture.set("{\"telemetry_s\":10}");
    try expectEqual(@as(usize, 30), Count.over(host, 300));
    try fixture.set("{\"telemetry_s\":0}");
    try expectEqual(@as(usize, 0), Count.over(host, 300));
    try fixture.set("{\"telemetry_s\":null}");
    try expectEqual(@as(usize, 5), Count.over(host, 300));
    abi.events.mqtt_disconnected(host.core);
    try expectEqual(@as(usize, 0), Count.over(host, 300));
}

test "a change of the model is an event, and the status follows" {
    var fixture: Fixture = undefined;
    try fixture.start();
    defer fixture.stop();
    const host = &fixture.host;
    try expectEqual(
        @as(u32, 201),
        host.ask(
            "PUT",
            "/v1/models/model_b",
            &.{ "content-length", std.fmt.comptimePrint("{d}", .{hosts.model.len}) },
            &hosts.model,
        ).status,
    );
    host.receive(.{ .qos = 1, .topic = .of(base ++ "cmd/activate/model_b/1") }, "{}");
    try contains(host.last(base ++ "res/1").?.payload, "\"state\":\"VALID\"");
    try expectEqualStrings(
        "{\"event_type\":\"activated\",\"slot\":\"model_b\"}",
        host.last(base ++ "event/model").?.payload,
    );
    try contains(host.last(base ++ "status").?.payload, "\"slot\":\"model_b\"");
}

test "a frame that nobody expected is an event" {
    var fixture: Fixture = undefined;
    try fixture.start();
    defer fixture.stop();
    const host = &fixture.host;
    var body: [1024]u8 = undefined;
    for (0..30) |i| {
        // Nearly the same each time, and then something else.
        const value: f32 = if (i == 29) 90 else 0.001 * @as(f32, @floatFromInt(i % 3));
        var writer: std.Io.Writer = .fixed(&body);
        try writer.writeAll("{\"stream\":\"door\",\"action\":" ++ row ++ ",\"latent\":[");
        for (0..hosts.latent_elements) |k| try writer.print("{s}{d}", .{ if (k == 0) "" else ",", value });
        try writer.writeAll("]}");
        try expectEqual(@as(u32, 200), host.json("/v1/observe", writer.buffered()).status);
        try expectEqual(i == 29, host.last(base ++ "event/surprise") != null);
    }
    try contains(
        host.last(base ++ "event/surprise").?.payload,
        "{\"event_type\":\"surprise\",\"stream\":\"door\",\"frame\":30,",
    );
}

test "a broker without room loses messages, and the board goes on" {
    var fixture: Fixture = undefined;
    try fixture.start();
    defer fixture.stop();
    const host = &fixture.host;
    host.broker_full = true;
    host.receive(.{ .topic = .of(base ++ "cmd/selftest") }, "{}");
    try expectEqual(@as(u32, 1), host.device.broker.counters.lost);
    host.broker_full = false;
    host.receive(.{ .topic = .of(base ++ "cmd/selftest/2") }, "{}");
    try expect(host.last(base ++ "res/2") != null);
}

test "a surprise is told from four deviations and eight surprises on" {
    var fixture: Fixture = undefined;
    try fixture.start();
    defer fixture.stop();
    const host = &fixture.host;
    for ([_]struct { f64, u64, bool }{
        .{ 3.99, 8, false },
        .{ 4, 8, true },
        .{ 4, 7, false },
        .{ 100, 7, false },
        .{ 100, 8, true },
    }) |case| {
        host.forget();
        @import("events.zig").surprise(
            &host.core.mqtt.publisher,
            &.{ .stream = "", .frame = 0, .surprise = 1, .z_score = case[0], .count = case[1], .mean = 0 },
        );
        try expectEqual(case[2], host.last(base ++ "event/surprise") != null);
    }
}
