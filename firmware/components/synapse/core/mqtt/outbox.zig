//! Messages on their way to the broker: answers to commands, which may be long, and what the board says by itself. A
//! message is collected whole, since MQTT wants its length first, and handed to the port.
const std = @import("std");
const limits = @import("../limits.zig");
const ports = @import("../port.zig");
const Counters = @import("../board/broker.zig").Counters;
const Metrics = @import("../board/metrics.zig").Metrics;
const Sink = @import("../request/sink.zig").Sink;
const Answer = @import("../request/answer.zig").Answer;
const Problem = @import("../wire/problem.zig").Problem;
const Bounded = @import("../wire/problem.zig").Bounded;
const Topic = @import("topics.zig").Topic;

/// A command whose answer is to come.
pub const Pending = struct {
    /// 0: free.
    request: u32 = 0,
    topic: Topic = .{},
    correlation: Bounded(limits.mqtt_correlation_bytes_max) = .{},
    /// The topic is the command's own idea of one: events of an answer go below it.
    derived: bool = false,
};

const Buffer = struct {
    bytes: []u8,
    used: usize = 0,
    overflow: bool = false,

    fn append(self: *Buffer, piece: []const u8) void {
        if (piece.len > self.bytes.len - self.used) {
            self.overflow = true;
            return;
        }
        @memcpy(self.bytes[self.used..][0..piece.len], piece);
        self.used += piece.len;
    }

    fn clear(self: *Buffer) void {
        self.used = 0;
        self.overflow = false;
    }
};

/// Memory for messages under way.
pub const buffer_bytes = limits.mqtt_answer_bytes_max + limits.mqtt_message_bytes_max;

pub const Outbox = struct {
    port: *const ports.Port,
    metrics: *Metrics,
    device_id: []const u8,
    pending: [limits.exchanges_max + limits.tasks_max + 2]Pending = @splat(.{}),
    counters: *Counters,
    answer: Buffer,
    /// Of the answer that is being written.
    status: u16 = 0,
    content_type: Bounded(48) = .{},
    event: Bounded(16) = .{},
    open: bool = false,
    message: Buffer,

    /// `buffer` has buffer_bytes.
    pub fn init(
        port: *const ports.Port,
        metrics: *Metrics,
        counters: *Counters,
        device_id: []const u8,
        buffer: []u8,
    ) Outbox {
        return .{
            .port = port,
            .metrics = metrics,
            .counters = counters,
            .device_id = device_id,
            .answer = .{ .bytes = buffer[0..limits.mqtt_answer_bytes_max] },
            .message = .{ .bytes = buffer[limits.mqtt_answer_bytes_max..] },
        };
    }

    pub fn reserve(self: *Outbox, request: u32) ?*Pending {
        for (&self.pending) |*pending| if (pending.request == 0) {
            pending.* = .{ .request = request };
            return pending;
        };
        return null;
    }

    /// The request whose answer is to go there.
    pub fn awaited(self: *const Outbox, topic: []const u8, correlation: []const u8) ?u32 {
        for (&self.pending) |*pending| {
            if (pending.request == 0) continue;
            if (std.mem.eql(u8, pending.topic.slice(), topic) and std.mem.eql(
                u8,
                pending.correlation.slice(),
                correlation,
            )) return pending.request;
        }
        return null;
    }

    pub fn forget(self: *Outbox, request: u32) void {
        if (self.find(request)) |pending| pending.request = 0;
    }

    fn find(self: *Outbox, request: u32) ?*Pending {
        for (&self.pending) |*pending| if (pending.request == request) return pending;
        return null;
    }

    /// Where answers to commands go.
    pub fn sink(self: *Outbox) Sink {
        return .{ .user = self, .calls = &answer_calls };
    }

    /// A message of the board's own, JSON, to be written and then given to `publish`.
    pub fn compose(self: *Outbox) Answer {
        self.message.clear();
        return .{
            .sink = .{ .user = self, .calls = &message_calls },
            .metrics = self.metrics,
            .request = 0,
            .format = .json,
        };
    }

    pub const Options = struct { qos: u32 = 1, retain: bool = false };

    pub fn publish(self: *Outbox, topic: []const u8, answer: *Answer, options: Options) void {
        answer.end();
        std.debug.assert(!self.message.overflow); // Its parts are bounded.
        self.send(
            &.{
                .qos = options.qos,
                .retain = .of(options.retain),
                .topic = .of(topic),
                .content_type = .of("application/json"),
            },
            self.message.bytes[0..self.message.used],
        );
    }

    /// Takes a retained message back.
    pub fn erase(self: *Outbox, topic: []const u8) void {
        self.send(&.{ .qos = 1, .retain = .yes, .topic = .of(topic) }, "");
    }

    fn send(self: *Outbox, head: *const ports.MqttMessage, payload: []const u8) void {
        var message = head.*;
        message.payload = payload.ptr;
        message.payload_bytes = payload.len;
        message.total_bytes = payload.len;
        const call = self.port.mqtt_publish orelse return;
        if (call(self.port.user, &message) == 0) self.counters.published +%= 1 else self.counters.lost +%= 1;
    }

    /// The answer, or one of its events, is whole.
    fn deliver(self: *Outbox, request: u32) void {
        self.open = false;
        const pending = self.find(request) orelse return;
        if (self.answer.overflow) self.sayTooLarge();
        var topic = pending.topic;
        var properties: [3]ports.Header = undefined;
        var count: usize = 0;
        var status: [8]u8 = undefined;
        properties[count] = .{ .name = .of("device"), .value = .of(self.device_id) };
        count += 1;
        properties[count] = .{
            .name = .of("status"),
            .value = .of(std.fmt.bufPrint(&status, "{d}", .{self.status}) catch unreachable),
        };
        count += 1;
        if (self.event.len > 0) {
            properties[count] = .{ .name = .of("event"), .value = .of(self.event.slice()) };
            count += 1;
            const last = std.mem.eql(u8, self.event.slice(), "result") or std.mem.eql(u8, self.event.slice(), "error");
            if (pending.derived and !last) topic.print("/{s}", .{self.event.slice()});
        }
        self.send(&.{
            .qos = 1,
            .topic = .of(topic.slice()),
            .content_type = .of(self.content_type.slice()),
            .correlation = .of(pending.correlation.slice()),
            .properties = &properties,
            .property_count = count,
        }, self.answer.bytes[0..self.answer.used]);
    }

    fn sayTooLarge(self: *Outbox) void {
        self.answer.clear();
        if (self.event.len > 0) {
            self.event = .{};
            self.event.append("error");
        }
        const wrong = Problem.init(
            413,
            .ANSWER_TOO_LARGE,
            "the answer has more bytes than a message of this board",
            .{},
            .{ .expected = .{
                "an answer of at most {d} bytes: fewer steps, latents as base64, CBOR, or HTTP",
                .{limits.mqtt_answer_bytes_max},
            } },
        );
        var answer: Answer = .{
            .sink = .{ .user = self, .calls = &refusal_calls },
            .metrics = self.metrics,
            .request = 0,
        };
        answer.problem(&wrong);
    }

    fn takeHead(self: *Outbox, status: u16, headers: []const ports.Header) void {
        self.status = status;
        self.content_type = .{};
        for (headers) |header| if (std.mem.eql(
            u8,
            header.name.slice(),
            "content-type",
        )) self.content_type.append(header.value.slice());
    }

    fn of(user: ?*const anyopaque) *Outbox {
        return @ptrCast(@alignCast(@constCast(user.?)));
    }

    const answer_calls: Sink.Calls = .{
        .head = struct {
            fn call(user: ?*const anyopaque, _: u32, status: u16, headers: []const ports.Header) void {
                const self = of(user);
                self.answer.clear();
                self.event = .{};
                self.open = true;
                self.takeHead(status, headers);
            }
        }.call,
        .chunk = struct {
            fn call(user: ?*const anyopaque, _: u32, bytes: []const u8) void {
                of(user).answer.append(bytes);
            }
        }.call,
        .end = struct {
            fn call(user: ?*const anyopaque, request: u32) void {
                const self = of(user);
                // After events, what was to be said is said.
                if (self.open) self.deliver(request);
                self.forget(request);
            }
        }.call,
        .events = .{
            .begin = struct {
                fn call(user: ?*const anyopaque, _: u32, name: []const u8, status: u16) void {
                    const self = of(user);
                    self.answer.clear();
                    self.status = status;
                    self.content_type = .{};
                    self.content_type.append(if (status < 400) "application/json" else "application/problem+json");
                    self.event = .{};
                    self.event.append(name);
                }
            }.call,
            .end = struct {
                fn call(user: ?*const anyopaque, request: u32) void {
                    of(user).deliver(request);
                }
            }.call,
        },
    };

    const message_calls: Sink.Calls = .{
        .head = struct {
            fn call(_: ?*const anyopaque, _: u32, _: u16, _: []const ports.Header) void {}
        }.call,
        .chunk = struct {
            fn call(user: ?*const anyopaque, _: u32, bytes: []const u8) void {
                of(user).message.append(bytes);
            }
        }.call,
        .end = struct {
            fn call(_: ?*const anyopaque, _: u32) void {}
        }.call,
    };

    /// In place of an answer that grew too large.
    const refusal_calls: Sink.Calls = .{
        .head = struct {
            fn call(user: ?*const anyopaque, _: u32, status: u16, headers: []const ports.Header) void {
                of(user).takeHead(status, headers);
            }
        }.call,
        .chunk = answer_calls.chunk,
        .end = message_calls.end,
    };
};
