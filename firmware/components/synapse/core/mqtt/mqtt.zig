//! The board on a broker: what it tells by itself, and commands, which run the routes of the HTTP API. The connection
//! is the port's: it connects with what `session` says, passes messages in, and takes messages out.
const std = @import("std");
const commands = @import("commands.zig");
const discovery = @import("discovery.zig");
const Duplicates = @import("duplicates.zig").Duplicates;
const events = @import("events.zig");
const outbox_module = @import("outbox.zig");
const Publisher = @import("publisher.zig").Publisher;
const status = @import("status.zig");
const telemetry = @import("telemetry.zig");
const topics = @import("topics.zig");
const Broker = @import("../board/broker.zig").Broker;
const Event = @import("../request/event.zig").Event;
const intake = @import("../request/intake.zig");
const schedule = @import("../request/schedule.zig");
const Answer = @import("../request/answer.zig").Answer;
const Bounded = @import("../wire/problem.zig").Bounded;
const Device = @import("../request/device.zig").Device;
const limits = @import("../limits.zig");
const ports = @import("../port.zig");
const Problem = @import("../wire/problem.zig").Problem;

const groups_bytes_max = limits.groups_max * (limits.group_bytes_max + 1);
const query_bytes_max = 256;
const target_bytes_max = 96 + query_bytes_max;
pub const buffer_bytes = outbox_module.buffer_bytes;

pub const Mqtt = struct {
    publisher: Publisher,
    client_id: Bounded(limits.mqtt_id_bytes_max + 8),
    duplicates: Duplicates,
    /// What others see of the connection.
    broker: *Broker,
    /// 4 is MQTT 3.1.1.
    protocol: u32 = 0,
    boot_told: bool = false,
    /// The board's configuration lies at the broker for Home Assistant.
    discovered: bool = false,
    /// Groups subscribed to, as lines.
    groups: Bounded(groups_bytes_max) = .{},
    telemetry_due_us: u64 = 0,
    /// Frames that the model did not expect, whether or not a broker was there to hear of them.
    surprises: u64 = 0,
    /// Whether Home Assistant's own status is subscribed to, and when the board answers its last one;
    /// 0 when it need not.
    hears_birth: bool = false,
    birth_answer_due_us: u64 = 0,

    /// In place: sinks point at it. `buffer` has buffer_bytes.
    pub fn init(mqtt: *Mqtt, device: *const Device, buffer: []u8) void {
        mqtt.* = .{
            .publisher = .init(device, buffer),
            .client_id = .{},
            .duplicates = .{},
            .broker = device.broker,
        };
        device.broker.topic.print(topics.root ++ "{s}", .{mqtt.publisher.id.slice()});
        mqtt.client_id.print("synapse-{s}", .{mqtt.publisher.id.slice()});
        device.port.random(device.port.user, &mqtt.duplicates.key, mqtt.duplicates.key.len);
    }

    /// With what the port connects. No broker: an empty address.
    pub fn session(mqtt: *const Mqtt, device: *const Device, out: *ports.MqttSession) void {
        out.* = .{
            .keepalive_s = limits.mqtt_keepalive_s,
            .client_id = .of(mqtt.client_id.slice()),
            .will_topic = .of(mqtt.publisher.topics.status.slice()),
            .will_payload = .of(status.offline),
        };
        const settings = if (device.storage) |storage| &storage.settings else return;
        out.broker_url = .of(settings.get("broker_url") orelse "");
        out.username = .of(settings.get("broker_username") orelse "");
        out.password = .of(settings.get("broker_password") orelse "");
    }

    pub fn connect(mqtt: *Mqtt, device: *Device, protocol: u32) void {
        mqtt.broker.connected = true;
        mqtt.protocol = protocol;
        if (mqtt.broker.failure.count > 0) device.log(.info, "the broker is reached again");
        mqtt.broker.failure.count = 0;
        mqtt.hears_birth = false;
        mqtt.birth_answer_due_us = 0;
        if (device.storage) |storage| mqtt.broker.number = storage.access.broker;
        mqtt.broker.counters.connects +%= 1;
        mqtt.subscribe(mqtt.publisher.topics.commands.slice(), true);
        mqtt.groups = .{};
        mqtt.discovered = false;
        mqtt.follow(device);
        if (!mqtt.boot_told) {
            events.boot(&mqtt.publisher, device);
            if (device.firmware.state == .returned) events.firmware(&mqtt.publisher, device);
        }
        mqtt.boot_told = true;
        mqtt.telemetry_due_us = device.now();
        mqtt.tick(device, device.now());
    }

    pub fn disconnect(mqtt: *Mqtt) void {
        mqtt.broker.connected = false;
    }

    /// Something went wrong between the board and its broker. Tries come again and again: what fails as before is
    /// counted, and not logged again.
    pub fn fail(mqtt: *Mqtt, device: *const Device, detail: []const u8) void {
        const failure = &mqtt.broker.failure;
        const same = failure.count > 0 and std.mem.eql(
            u8,
            failure.detail.slice(),
            detail[0..@min(detail.len, limits.mqtt_failure_bytes_max)],
        );
        failure.count +|= 1;
        failure.last_us = device.now();
        if (same) return;
        failure.detail = .{};
        failure.detail.append(detail[0..@min(detail.len, limits.mqtt_failure_bytes_max)]);
        var buffer: [limits.mqtt_failure_bytes_max + 16]u8 = undefined;
        device.log(.warn, std.fmt.bufPrint(&buffer, "broker: {s}", .{failure.detail.slice()}) catch unreachable);
    }

    /// Settings or the model have changed: groups, status and what Home Assistant knows follow.
    pub fn follow(mqtt: *Mqtt, device: *const Device) void {
        if (!mqtt.broker.connected) return;
        const settings = if (device.storage) |storage| &storage.settings else null;
        mqtt.joinGroups(if (settings) |journal| journal.get("groups") orelse "" else "");
        status.publish(&mqtt.publisher, device);
        const wanted = settings != null and settings.?.get("home_assistant") != null;
        if (wanted != mqtt.hears_birth) mqtt.subscribe(discovery.birth_topic, wanted);
        mqtt.hears_birth = wanted;
        if (wanted) {
            discovery.publish(&mqtt.publisher, device);
            mqtt.discovered = true;
        } else if (mqtt.discovered) {
            discovery.remove(&mqtt.publisher);
            mqtt.discovered = false;
        }
    }

    /// Home Assistant has started: it has forgotten what is not retained. All boards hear it at once,
    /// and none answers at once.
    fn hearBirth(mqtt: *Mqtt, device: *const Device, message: *const ports.MqttMessage) void {
        // No other payload of so many bytes begins like it, should it come in pieces.
        const payload = if (message.payload) |start| start[0..message.payload_bytes] else "";
        const birth = payload.len > 0 and message.total_bytes == "online".len and
            std.mem.startsWith(u8, "online", payload);
        if (!mqtt.hears_birth or !birth) return;
        var random: [4]u8 = undefined;
        device.port.random(device.port.user, &random, random.len);
        const wait_us = std.mem.readInt(u32, &random, .little) % limits.birth_answer_us_max;
        mqtt.birth_answer_due_us = device.now() + wait_us + 1;
    }

    fn joinGroups(mqtt: *Mqtt, wanted: []const u8) void {
        var old = std.mem.tokenizeScalar(u8, mqtt.groups.slice(), '\n');
        while (old.next()) |group| if (!contains(wanted, group)) mqtt.subscribe(
            topics.groupCommands(group).slice(),
            false,
        );
        var new = std.mem.tokenizeScalar(u8, wanted, '\n');
        while (new.next()) |group| if (!contains(mqtt.groups.slice(), group)) mqtt.subscribe(
            topics.groupCommands(group).slice(),
            true,
        );
        var joined: Bounded(groups_bytes_max) = .{};
        joined.append(wanted);
        mqtt.groups = joined;
    }

    fn contains(lines: []const u8, wanted: []const u8) bool {
        var each = std.mem.tokenizeScalar(u8, lines, '\n');
        while (each.next()) |line| if (std.mem.eql(u8, line, wanted)) return true;
        return false;
    }

    fn subscribe(mqtt: *const Mqtt, topic: []const u8, on: bool) void {
        const port = mqtt.publisher.outbox.port;
        if (port.mqtt_subscribe) |call| call(port.user, .of(topic), .of(on));
    }

    pub fn tick(mqtt: *Mqtt, device: *const Device, now_us: u64) void {
        if (mqtt.broker.connected and mqtt.birth_answer_due_us > 0 and now_us >= mqtt.birth_answer_due_us) {
            mqtt.birth_answer_due_us = 0;
            mqtt.follow(device);
            telemetry.publish(&mqtt.publisher, device);
        }
        if (!mqtt.broker.connected or now_us < mqtt.telemetry_due_us) return;
        const interval_s = device.number("telemetry_s") orelse limits.telemetry_s_default;
        if (interval_s == 0) {
            mqtt.telemetry_due_us = now_us + limits.telemetry_s_default * 1_000_000;
            return;
        }
        telemetry.publish(&mqtt.publisher, device);
        mqtt.telemetry_due_us = now_us + interval_s * 1_000_000;
    }

    /// Tells what happens on the board.
    pub fn hear(mqtt: *Mqtt, device: *const Device, event: Event) void {
        switch (event) {
            .closed => |request| return mqtt.publisher.outbox.forget(request),
            .settings => mqtt.telemetry_due_us = 0,
            .observed => |*observed| mqtt.surprises += @intFromBool(events.isSurprise(observed)),
            else => {},
        }
        if (!mqtt.broker.connected) return;
        switch (event) {
            .closed => {},
            .model => |change| {
                events.model(&mqtt.publisher, &change);
                mqtt.follow(device);
            },
            .status, .settings => mqtt.follow(device),
            .observed => |*observed| events.surprise(&mqtt.publisher, observed),
            .update => events.update(&mqtt.publisher, device.update),
            .firmware => events.firmware(&mqtt.publisher, device),
            .leaving => |reason| status.leave(&mqtt.publisher, reason),
        }
    }

    /// A message arrives: a command, whose first bytes come with it. The rest comes as the body of the request.
    pub fn receive(mqtt: *Mqtt, device: *Device, request: u32, message: *const ports.MqttMessage) void {
        if (std.mem.eql(u8, message.topic.slice(), discovery.birth_topic)) return mqtt.hearBirth(device, message);
        const levels = topics.commandOf(message.topic.slice(), &mqtt.publisher.id) orelse return;
        const counters = &mqtt.broker.counters;
        counters.received +%= 1;
        if (message.retain.is()) {
            // Every connection would bring it again.
            counters.refused +%= 1;
            return device.log(.warn, "a retained command was not run; commands must not be retained");
        }
        const tail = if (std.mem.startsWith(u8, levels, commands.cancel)) levels[commands.cancel.len..] else "-";
        if (tail.len == 0 or tail[0] == '/') return mqtt.cancel(device, tail, message);
        const asked: ?commands.Asked = .parse(levels);
        const has_id = asked != null and asked.?.id.len > 0;
        const claimed = if (device.storage) |storage| storage.access.claimed() else true;
        // What is refused for want of an owner has not run, and may come again.
        if (claimed and mqtt.duplicates.check(message, has_id)) {
            counters.duplicates +%= 1;
            return;
        }
        const pending = mqtt.publisher.outbox.reserve(request) orelse {
            counters.refused +%= 1;
            return;
        };
        var problem: Problem = .{};
        mqtt.address(
            pending,
            message,
            if (asked) |*given| given.id else "",
            &problem,
        ) catch return mqtt.refuse(device, pending, &problem);
        // Whoever owns the board chose the broker. Nobody owns it yet, so nobody did.
        if (!claimed) {
            problem = .init(403, .UNCLAIMED, "the board has no owner", .{}, .{ .expected = "a claim over HTTP first" });
            return mqtt.refuse(device, pending, &problem);
        }
        const given = asked orelse {
            problem = .init(
                404,
                .UNKNOWN_COMMAND,
                "there is no such command",
                .{},
                .{ .field = "topic", .expected = "cmd/" },
            );
            for (commands.table, 0..) |command, i| {
                problem.expected.print("{s}{s}", .{ if (i == 0) "" else ", ", command.name });
                if (std.mem.indexOfScalar(u8, command.path, '*') != null) problem.expected.print(
                    "/{{{s}}}",
                    .{command.argument},
                );
            }
            return mqtt.refuse(device, pending, &problem);
        };
        run(device, request, &given, message);
    }

    /// Ends inference that nobody waits for any more, without an answer. What changes the board goes on.
    fn cancel(mqtt: *Mqtt, device: *Device, tail: []const u8, message: *const ports.MqttMessage) void {
        const id = if (std.mem.startsWith(u8, tail, "/")) tail[1..] else "";
        var topic: topics.Topic = .{};
        if (message.response_topic.bytes > 0) {
            topic.append(message.response_topic.slice());
        } else if (id.len > 0) {
            topic = topics.of(&mqtt.publisher.id, "res");
            topic.print("/{s}", .{id});
        } else return;
        const request = mqtt.publisher.outbox.awaited(topic.slice(), message.correlation.slice()) orelse return;
        schedule.requestClosed(device, request);
    }

    /// Where the answer goes.
    fn address(
        mqtt: *const Mqtt,
        pending: *outbox_module.Pending,
        message: *const ports.MqttMessage,
        id: []const u8,
        problem: *Problem,
    ) @import("../wire/problem.zig").Error!void {
        const wanted = message.response_topic.slice();
        const correlation = message.correlation.slice();
        pending.correlation.append(correlation[0..@min(correlation.len, limits.mqtt_correlation_bytes_max)]);
        pending.derived = wanted.len == 0 or !topics.canAnswerTo(wanted);
        if (pending.derived) {
            pending.topic = topics.of(&mqtt.publisher.id, "res");
            // Half an id would be another's.
            const has_room = pending.topic.len + 1 + id.len <= limits.mqtt_topic_bytes_max;
            if (id.len > 0 and has_room) pending.topic.print("/{s}", .{id});
        } else pending.topic.append(wanted);
        if (wanted.len > 0 and pending.derived) {
            return problem.fail(
                422,
                .RESPONSE_TOPIC,
                "the board does not answer to this topic",
                .{},
                .{
                    .field = "response topic",
                    .expected = .{
                        "a topic without wildcards, of at most {d} bytes, in which boards take no commands",
                        .{limits.mqtt_topic_bytes_max},
                    },
                },
            );
        }
        if (correlation.len > limits.mqtt_correlation_bytes_max) {
            return problem.fail(
                422,
                .CORRELATION_DATA,
                "the correlation data have {d} bytes",
                .{correlation.len},
                .{
                    .field = "correlation data",
                    .expected = .{ "at most {d} bytes", .{limits.mqtt_correlation_bytes_max} },
                },
            );
        }
    }

    fn refuse(mqtt: *Mqtt, device: *const Device, pending: *outbox_module.Pending, problem: *const Problem) void {
        var answer: Answer = .{
            .sink = mqtt.publisher.outbox.sink(),
            .metrics = device.metrics,
            .request = pending.request,
        };
        answer.problem(problem);
    }

    fn run(device: *Device, request: u32, asked: *const commands.Asked, message: *const ports.MqttMessage) void {
        const command = asked.command;
        const payload = if (message.payload) |start| start[0..message.payload_bytes] else "";
        const given_type = message.content_type.slice();
        const shown = commands.typeOf(payload);
        const shown_type = if (shown) |body_type| body_type.mediaType() else "";
        const content_type = if (given_type.len > 0) given_type else shown_type;
        const json = if (given_type.len > 0) std.ascii.startsWithIgnoreCase(
            given_type,
            "application/json",
        ) else shown == .json;
        const empty = message.total_bytes == 0;
        var target: Bounded(target_bytes_max) = .{};
        const star = std.mem.indexOfScalar(u8, command.path, '*') orelse command.path.len;
        target.append(command.path[0..star]);
        if (star < command.path.len) {
            // Longer than any slot's name is no slot's name.
            target.append(asked.argument[0..@min(asked.argument.len, limits.slot_name_bytes_max + 1)]);
            target.append(command.path[star + 1 ..]);
        }
        target.print("?{s}", .{asked.query[0..@min(asked.query.len, query_bytes_max)]});
        if (property(message, "latent")) |form| target.print("&latent={s}", .{form[0..@min(form.len, 16)]});
        var headers: [3]ports.Header = undefined;
        var count: usize = 0;
        headers[count] = .{
            .name = .of("accept"),
            .value = .of(
                property(message, "accept") orelse asked.option("accept") orelse
                    if (json) "application/json, */*;q=0.5" else "application/cbor, */*;q=0.5",
            ),
        };
        count += 1;
        const reads = empty and command.method_empty != null;
        if (!command.bodiless and !reads) {
            if (content_type.len > 0) headers[count] = .{ .name = .of("content-type"), .value = .of(content_type) };
            count += @intFromBool(content_type.len > 0);
            var length: [20]u8 = undefined;
            headers[count] = .{
                .name = .of("content-length"),
                .value = .of(std.fmt.bufPrint(&length, "{d}", .{message.total_bytes}) catch unreachable),
            };
            count += 1;
        }
        intake.begin(
            device,
            request,
            .mqtt,
            if (reads) command.method_empty.? else command.method,
            target.slice(),
            "",
            headers[0..count],
        );
        if (!command.bodiless) return intake.bodyChunk(device, request, payload);
        if (schedule.find(device, request)) |exchange| exchange.ignores_body = true;
    }

    fn property(message: *const ports.MqttMessage, name: []const u8) ?[]const u8 {
        const list = message.properties orelse return null;
        for (list[0..message.property_count]) |candidate| {
            if (std.mem.eql(u8, candidate.name.slice(), name)) return candidate.value.slice();
        }
        return null;
    }
};
