//! The device: its memory and what it holds. What it does stands beside it: active_model.zig, intake.zig, schedule.zig.
const std = @import("std");
const active_model = @import("active_model.zig");
const exchanges = @import("exchange.zig");
const Exchange = exchanges.Exchange;
const Firmware = @import("../firmware/firmware.zig").Firmware;
const intake = @import("intake.zig");
const limits = @import("../limits.zig");
const LogRing = @import("../board/log_ring.zig").LogRing;
const mqtt_module = @import("../mqtt/mqtt.zig");
const Mqtt = mqtt_module.Mqtt;
const Metrics = @import("../board/metrics.zig").Metrics;
const memory = @import("../board/memory.zig");
const Model = @import("../model/model.zig").Model;
const ports = @import("../port.zig");
const problems = @import("../wire/problem.zig");
const schedule = @import("schedule.zig");
const Streams = @import("../model/streams.zig").Streams;
const Updates = @import("../updates/updates.zig").Updates;
const Storage = @import("../board/storage.zig").Storage;
const Turn = @import("../model/turn.zig").Turn;
const Activation = @import("../routes/activate.zig").Activation;

pub const version = "0.1.0";

pub const Requirements = struct { fast_bytes: u64, slow_bytes: u64 };

pub const Device = struct {
    port: ports.Port,
    config: ports.Config,
    fast: memory.Block,
    slow: memory.Block,
    /// Where the blocks stood before the model took its part.
    fast_mark: u64,
    slow_mark: u64,
    /// Those of inference, then those of tasks.
    exchanges: []Exchange,
    running: ?*Exchange = null,
    /// The worker's verdict on the running exchange, read on the event side after work_done.
    finished: bool = false,
    /// The worker's, while it works.
    turn: Turn = .{},
    sequence: u64 = 0,
    started_us: u64,
    /// Moving average of inference times, for Retry-After.
    inference_us_mean: u64 = 0,
    model: ?Model = null,
    /// What clients call the model's place.
    slot: problems.Bounded(limits.slot_name_bytes_max) = .{},
    storage: ?*Storage = null,
    mqtt: *Mqtt = undefined,
    firmware: *Firmware = undefined,
    updates: *Updates = undefined,
    /// Holds an exclusive task from the end of its body until it is done.
    exclusive: ?*Exchange = null,
    activation: Activation = .{},
    healthy: bool = false,
    /// Where lists of settings are put together.
    settings_lists: @import("../routes/settings.zig").Lists = undefined,
    streams: Streams = .{},
    load_error: ports.ErrorInfo = .{},
    metrics: *Metrics,
    log_ring: *LogRing,

    pub fn requirements(config: *const ports.Config) Requirements {
        const count: u64 = config.exchange_count;
        return .{
            .fast_bytes = memory.round(@sizeOf(Device)) + memory.round(@sizeOf(Exchange) * (count + limits.tasks_max)),
            .slow_bytes = memory.round(config.body_bytes_max) * count + limits.task_body_bytes * limits.tasks_max + memory.round(@sizeOf(Metrics)) + memory.round(@sizeOf(LogRing)) + memory.round(@sizeOf(Storage)) + memory.round(@sizeOf(Mqtt)) + memory.round(@sizeOf(Firmware)) + memory.round(@sizeOf(Updates)) + memory.round(mqtt_module.buffer_bytes),
        };
    }

    /// The configuration has been checked (abi.zig), and both blocks hold at least what `requirements` says.
    pub fn init(config: *const ports.Config) *Device {
        var fast: memory.Block = .init(config.fast.?[0..config.fast_bytes]);
        var slow: memory.Block = .init(config.slow.?[0..config.slow_bytes]);
        const device = &(fast.takeItems(Device, 1) catch unreachable)[0];
        const slots = fast.takeItems(Exchange, config.exchange_count + limits.tasks_max) catch unreachable;
        for (slots, 0..) |*exchange, i| exchange.* = .{ .buffer = slow.take(if (i < config.exchange_count) config.body_bytes_max else limits.task_body_bytes) catch unreachable };
        const metrics = &(slow.takeItems(Metrics, 1) catch unreachable)[0];
        metrics.* = .{};
        const log_ring = &(slow.takeItems(LogRing, 1) catch unreachable)[0];
        log_ring.* = .{};
        const port = config.port.?.*;
        device.* = .{
            .port = port,
            .config = config.*,
            .fast = fast,
            .slow = slow,
            .fast_mark = fast.used,
            .slow_mark = slow.used,
            .exchanges = slots,
            .metrics = metrics,
            .log_ring = log_ring,
            .started_us = port.ticks_us(port.user),
        };
        device.mqtt = &(device.slow.takeItems(Mqtt, 1) catch unreachable)[0];
        device.mqtt.init(device, device.slow.take(mqtt_module.buffer_bytes) catch unreachable);
        device.firmware = &(device.slow.takeItems(Firmware, 1) catch unreachable)[0];
        device.firmware.* = .{ .state = @fromBackingInt(config.firmware_state) };
        device.updates = &(device.slow.takeItems(Updates, 1) catch unreachable)[0];
        device.updates.* = .{};
        device.slow_mark = device.slow.used;
        if (config.slot_bytes[0] > 0) {
            const storage = &(device.slow.takeItems(Storage, 1) catch unreachable)[0];
            storage.open(&device.config, &device.port, metrics);
            device.slow_mark = device.slow.used;
            device.storage = storage;
            if (!storage.access.claimed()) device.greetOwner();
            if (storage.slots.degraded) device.log(.err, "the flash did not take the record of this boot; updates will fail");
        }
        device.log(.info, "device core " ++ version ++ " started");
        return device;
    }

    /// An unclaimed board that somebody has just plugged in can be claimed. The code goes to the serial console and nowhere else.
    fn greetOwner(device: *Device) void {
        if (std.mem.eql(u8, device.resetReason(), "power-on")) device.openClaim(limits.claim_window_us);
        var buffer: [64]u8 = undefined;
        const code = &device.storage.?.access.code;
        const text = std.fmt.bufPrint(&buffer, "unclaimed; claim code {s} {s}", .{ code[0..4], code[4..] }) catch unreachable;
        device.port.log(device.port.user, @backingInt(ports.LogLevel.info), text.ptr, text.len);
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
        device.mqtt.telemetry_due_us = 0;
        device.mqtt.follow(device);
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

    /// To the port, and to the ring that GET /v1/log shows.
    pub fn log(device: *const Device, level: ports.LogLevel, text: []const u8) void {
        device.log_ring.append(device.now(), level, text);
        device.port.log(device.port.user, @backingInt(level), text.ptr, text.len);
    }

    /// Requests that hold an exchange.
    pub fn inProgress(device: *const Device) u32 {
        var count: u32 = 0;
        for (device.exchanges) |*exchange| count += @intFromBool(exchange.state != .free);
        return count;
    }

    pub fn inferences(device: *const Device) []Exchange {
        return device.exchanges[0..device.config.exchange_count];
    }

    pub fn tasks(device: *const Device) []Exchange {
        return device.exchanges[device.config.exchange_count..];
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
        const model = device.model orelse return 0;
        const predictor = model.predict orelse return 0;
        const rows = device.config.body_bytes_max / (predictor.latent_elements * 4);
        return @min(limits.rollout_steps_max, rows -| 1);
    }

    // ---- the model
    pub const loadModel = active_model.loadModel;
    pub const boot = active_model.boot;
    pub const openSlot = active_model.openSlot;
    pub const publish = active_model.publish;
    pub const unload = active_model.unload;
    pub const giveUp = active_model.giveUp;
    pub const gmacMax = active_model.gmacMax;
    pub const workRefusal = active_model.workRefusal;

    // ---- requests
    pub const requestHead = intake.requestHead;
    pub const begin = intake.begin;
    pub const bodyChunk = intake.bodyChunk;
    pub const keepBody = intake.keepBody;
    pub const requestEnd = intake.requestEnd;
    pub const imageDecoded = intake.imageDecoded;
    pub const find = intake.find;
    pub const sink = intake.sink;
    pub const inferenceInProgress = intake.inferenceInProgress;
    pub const enqueue = schedule.enqueue;
    pub const work = schedule.work;
    pub const workDone = schedule.workDone;
    pub const finishTask = schedule.finishTask;
    pub const fail = schedule.fail;
    pub const release = schedule.release;
    pub const requestClosed = schedule.requestClosed;
    pub const tick = schedule.tick;
    pub const answerOf = schedule.answerOf;
    pub const startNext = schedule.startNext;

    /// This boot was a good one: a new firmware stays.
    pub fn sayHealthy(device: *Device) void {
        device.healthy = true;
        if (device.firmware.confirm(&device.port)) {
            device.log(.info, "the new firmware is confirmed");
            if (device.mqtt.connected) mqtt_module.events.firmware(device.mqtt, device);
        }
        device.excuseBoot();
    }

    /// This boot does not count toward safe mode any more.
    pub fn excuseBoot(device: *Device) void {
        const storage = device.storage orelse return;
        storage.slots.healthy() catch device.log(.err, "the flash did not take the record of a healthy boot");
    }
};
