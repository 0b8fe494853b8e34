//! The device: what routes and requests reach of the board, and where who is above them hears of events. What it does
//! stands beside it: active_model.zig, intake.zig, schedule.zig.
const std = @import("std");
const Broker = @import("../board/broker.zig").Broker;
const Channel = @import("exchange.zig").Channel;
const Event = @import("event.zig").Event;
const Firmware = @import("../firmware/firmware.zig").Firmware;
const Listener = @import("event.zig").Listener;
const LogRing = @import("../board/log_ring.zig").LogRing;
const Metrics = @import("../board/metrics.zig").Metrics;
const Model = @import("../model/model.zig").Model;
const Sink = @import("sink.zig").Sink;
const Storage = @import("../board/storage.zig").Storage;
const Streams = @import("../model/streams.zig").Streams;
const Turn = @import("../model/turn.zig").Turn;
const Update = @import("../board/update.zig").Update;
const limits = @import("../limits.zig");
const memory = @import("../board/memory.zig");
const ports = @import("../port.zig");
const problems = @import("../wire/problem.zig");

pub const Exchange = @import("exchange.zig").Of(Device);
pub const Route = @import("route.zig").Of(Device, Exchange);

pub const version = "0.1.0";

pub const Requirements = struct { fast_bytes: u64, slow_bytes: u64 };

/// The two blocks that the port gave, and what the core keeps of them.
const Memory = struct {
    fast: memory.Block,
    slow: memory.Block,
    /// Where the blocks stood before the model took its part.
    fast_mark: u64 = 0,
    slow_mark: u64 = 0,
};

/// Requests in progress, and the one worker that they share.
const Requests = struct {
    /// Those of inference, then those of tasks.
    places: []Exchange,
    running: ?*Exchange = null,
    /// The worker's verdict on the running request, read on the event side after work_done.
    finished: bool = false,
    /// The worker's, while it works.
    turn: Turn = .{},
    sequence: u64 = 0,
    /// Holds an exclusive task from the end of its body until it is done.
    exclusive: ?*Exchange = null,
    /// Moving average of inference times, for Retry-After.
    inference_us_mean: u64 = 0,
};

/// The model that requests run.
const Active = struct {
    model: ?Model = null,
    /// What clients call the model's place.
    slot: problems.Bounded(limits.slot_name_bytes_max) = .{},
    streams: Streams = .{},
    /// Why the last one could not be opened.
    load_error: ports.ErrorInfo = .{},
};

pub const Device = struct {
    port: ports.Port,
    config: ports.Config,
    memory: Memory,
    started_us: u64,
    healthy: bool = false,

    // The board.
    storage: ?*Storage = null,
    firmware: *Firmware = undefined,
    broker: *Broker = undefined,
    update: *Update = undefined,
    metrics: *Metrics,
    log_ring: *LogRing,

    active: Active = .{},
    requests: Requests,
    /// What requests are matched with.
    routes: []const Route,
    /// Where texts of one request are put together, on the event side.
    texts: []u8 = &.{},
    /// Where answers of the channels go; those over HTTP go to the port.
    sinks: struct { mqtt: Sink, own: Sink } = undefined,
    listener: Listener(Device) = undefined,

    pub fn requirements(config: *const ports.Config) Requirements {
        const count: u64 = config.exchange_count;
        return .{
            .fast_bytes = memory.round(@sizeOf(Device)) + memory.round(@sizeOf(Exchange) * (count + limits.tasks_max)),
            .slow_bytes = memory.round(config.body_bytes_max) * count + limits.task_body_bytes * limits.tasks_max +
                memory.round(@sizeOf(Metrics)) + memory.round(@sizeOf(LogRing)) +
                memory.round(@sizeOf(Storage)) + memory.round(@sizeOf(Broker)) +
                memory.round(@sizeOf(Firmware)) + memory.round(@sizeOf(Update)) +
                memory.round(limits.texts_bytes),
        };
    }

    /// The configuration has been checked (abi.zig), and both blocks hold at least what `requirements` says.
    /// Who is above takes its part of `slow` before `open`.
    pub fn init(config: *const ports.Config, routes: []const Route) *Device {
        var fast: memory.Block = .init(config.fast.?[0..config.fast_bytes]);
        var slow: memory.Block = .init(config.slow.?[0..config.slow_bytes]);
        const device = &(fast.takeItems(Device, 1) catch unreachable)[0];
        const places = fast.takeItems(Exchange, config.exchange_count + limits.tasks_max) catch unreachable;
        for (places, 0..) |*exchange, i| exchange.* = .{ .buffer = slow.take(
            if (i < config.exchange_count) config.body_bytes_max else limits.task_body_bytes,
        ) catch unreachable };
        const metrics = &(slow.takeItems(Metrics, 1) catch unreachable)[0];
        metrics.* = .{};
        const log_ring = &(slow.takeItems(LogRing, 1) catch unreachable)[0];
        log_ring.* = .{};
        const port = config.port.?.*;
        device.* = .{
            .port = port,
            .config = config.*,
            .memory = .{ .fast = fast, .slow = slow, .fast_mark = fast.used },
            .requests = .{ .places = places },
            .routes = routes,
            .metrics = metrics,
            .log_ring = log_ring,
            .started_us = port.ticks_us(port.user),
        };
        device.broker = &(device.memory.slow.takeItems(Broker, 1) catch unreachable)[0];
        device.broker.* = .{};
        device.firmware = &(device.memory.slow.takeItems(Firmware, 1) catch unreachable)[0];
        device.firmware.* = .{ .state = @fromBackingInt(config.firmware_state) };
        device.update = &(device.memory.slow.takeItems(Update, 1) catch unreachable)[0];
        device.update.* = .{};
        device.texts = device.memory.slow.take(limits.texts_bytes) catch unreachable;
        return device;
    }

    /// Opens what the flash holds, once who is above is there to hear of it.
    pub fn open(device: *Device) void {
        device.memory.slow_mark = device.memory.slow.used;
        if (device.config.slot_bytes[0] > 0) {
            const storage = &(device.memory.slow.takeItems(Storage, 1) catch unreachable)[0];
            storage.open(&device.config, &device.port, device.metrics);
            device.memory.slow_mark = device.memory.slow.used;
            device.storage = storage;
            if (!storage.access.claimed()) device.greetOwner();
            if (storage.slots.degraded) device.log(
                .err,
                "the flash did not take the record of this boot; updates will fail",
            );
        }
        device.log(.info, "device core " ++ version ++ " started");
    }

    /// An unclaimed board that somebody has just plugged in can be claimed.
    /// The code goes to the serial console and nowhere else.
    fn greetOwner(device: *Device) void {
        if (std.mem.eql(u8, device.resetReason(), "power-on")) device.openClaim(limits.claim_window_us);
        var buffer: [64]u8 = undefined;
        const code = &device.storage.?.access.code;
        const text = std.fmt.bufPrint(
            &buffer,
            "unclaimed; claim code {s} {s}",
            .{ code[0..4], code[4..] },
        ) catch unreachable;
        device.port.log(device.port.user, .info, @ptrCast(text.ptr), text.len);
    }

    pub fn openClaim(device: *Device, for_us: u64) void {
        const storage = device.storage orelse return;
        storage.access.window_until_us = device.now() + for_us;
        storage.access.forgetAttempts();
    }

    /// For people: the owner's name for the board, or the one it came with.
    pub fn name(device: *const Device) []const u8 {
        if (device.storage) |storage| if (storage.settings.get("name")) |text| return text;
        return device.config.device_name.slice();
    }

    /// A setting that is a number; null when the owner did not set it.
    pub fn number(device: *const Device, key: []const u8) ?u64 {
        const storage = device.storage orelse return null;
        return std.fmt.parseInt(u64, storage.settings.get(key) orelse return null, 10) catch null;
    }

    /// What the owner sets has changed: the port may have to connect elsewhere.
    pub fn settingsChanged(device: *Device) void {
        device.tell(.settings);
        if (device.port.settings_changed) |call| call(device.port.user);
    }

    /// Of the application that runs, or the core's own.
    pub fn firmwareVersion(device: *const Device) []const u8 {
        return if (device.config.firmware_version.bytes == 0) version else device.config.firmware_version.slice();
    }

    /// Why the board last started.
    pub fn resetReason(device: *const Device) []const u8 {
        return if (device.config.reset_reason.bytes == 0) "unknown" else device.config.reset_reason.slice();
    }

    pub fn now(device: *const Device) u64 {
        return device.port.ticks_us(device.port.user);
    }

    /// To the ring that GET /v1/log shows.
    pub fn keepLog(device: *const Device, level: ports.LogLevel, text: []const u8) void {
        device.log_ring.append(device.now(), level, text);
    }

    /// To the port, and to the ring.
    pub fn log(device: *const Device, level: ports.LogLevel, text: []const u8) void {
        device.keepLog(level, text);
        device.port.log(device.port.user, level, @ptrCast(text.ptr), text.len);
    }

    /// Requests that hold an exchange.
    pub fn inProgress(device: *const Device) u32 {
        var count: u32 = 0;
        for (device.requests.places) |*exchange| count += @intFromBool(exchange.state != .free);
        return count;
    }

    pub fn inferences(device: *const Device) []Exchange {
        return device.requests.places[0..device.config.exchange_count];
    }

    pub fn tasks(device: *const Device) []Exchange {
        return device.requests.places[device.config.exchange_count..];
    }

    /// Inference requests that hold an exchange.
    pub fn queueDepth(device: *const Device) u32 {
        var count: u32 = 0;
        for (device.inferences()) |*exchange| count += @intFromBool(exchange.state != .free);
        return count;
    }

    /// Predictions that one request without the owner's token may ask for.
    pub fn openPredictionsMax(device: *const Device) u64 {
        return device.number("open_predictions_max") orelse limits.open_predictions_default;
    }

    /// Most steps of a rollout: the trajectory is kept where the body was.
    pub fn stepsMax(device: *const Device) usize {
        const model = device.active.model orelse return 0;
        const predictor = model.predict orelse return 0;
        const rows = device.config.body_bytes_max / (predictor.latent_elements * 4);
        return @min(limits.rollout_steps_max, rows -| 1);
    }

    /// Most thousand million multiply-accumulates of a model, by the owner's setting or the board's configuration;
    /// 0: any number.
    pub fn gmacMax(device: *const Device) u64 {
        if (device.number("model_gmac_max")) |set| return set;
        return if (device.config.model_gmac_max == 0) limits.model_gmac_max_default else device.config.model_gmac_max;
    }

    /// When a request that found no place may come again, in seconds.
    pub fn retryAfter(device: *const Device) u32 {
        const wait_us = device.requests.inference_us_mean * device.inferences().len;
        return @intCast(std.math.clamp(wait_us / 1_000_000 + 1, 1, 60));
    }

    pub fn tell(device: *const Device, event: Event) void {
        device.listener.hear(device.listener.user, device, event);
    }

    pub fn sink(device: *const Device, channel: Channel) Sink {
        return switch (channel) {
            .http => .http(&device.port),
            .mqtt => device.sinks.mqtt,
            .own => device.sinks.own,
        };
    }

    /// Puts the next bytes of a body into the exchange's buffer.
    pub fn keepBody(_: *const Device, exchange: *Exchange, bytes: []const u8) problems.Error!void {
        if (bytes.len > exchange.buffer.len - exchange.received) return problems.bodyTooLarge(
            exchange.buffer.len,
            &exchange.problem,
        );
        @memcpy(exchange.buffer[exchange.received..][0..bytes.len], bytes);
    }

    /// This boot was a good one: a new firmware stays.
    pub fn sayHealthy(device: *Device) void {
        device.healthy = true;
        if (device.firmware.confirm(&device.port)) {
            device.log(.info, "the new firmware is confirmed");
            device.tell(.firmware);
        }
        device.excuseBoot();
    }

    /// This boot does not count toward safe mode any more.
    pub fn excuseBoot(device: *Device) void {
        const storage = device.storage orelse return;
        storage.slots.healthy() catch device.log(.err, "the flash did not take the record of a healthy boot");
    }
};
