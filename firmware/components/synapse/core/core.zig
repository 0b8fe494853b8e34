//! The device core whole: the device and its routes, what it fetches, and the board on a broker. What the port says
//! comes in here; what happens on the device is passed on to who tells it.
const Device = @import("request/device.zig").Device;
const Event = @import("request/event.zig").Event;
const Mqtt = @import("mqtt/mqtt.zig").Mqtt;
const active_model = @import("request/active_model.zig");
const download = @import("updates/download.zig");
const intake = @import("request/intake.zig");
const limits = @import("limits.zig");
const memory = @import("board/memory.zig");
const mqtt_buffer_bytes = @import("mqtt/mqtt.zig").buffer_bytes;
const ports = @import("port.zig");
const requests = @import("request/device.zig");
const routes = @import("routes.zig");
const schedule = @import("request/schedule.zig");
const updates = @import("updates/updates.zig");
const own_requests = @import("updates/own_requests.zig");

pub const version = requests.version;

pub const Core = struct {
    device: *Device,
    mqtt: Mqtt,

    pub fn requirements(config: *const ports.Config) requests.Requirements {
        var needs = Device.requirements(config);
        needs.slow_bytes += memory.round(@sizeOf(Core)) + memory.round(mqtt_buffer_bytes);
        return needs;
    }

    /// The configuration has been checked (abi.zig), and both blocks hold at least what `requirements` says.
    pub fn init(config: *const ports.Config) *Core {
        const device: *Device = .init(config, &routes.table);
        const core = &(device.memory.slow.takeItems(Core, 1) catch unreachable)[0];
        core.device = device;
        core.mqtt.init(device, device.memory.slow.take(mqtt_buffer_bytes) catch unreachable);
        device.sinks = .{ .mqtt = core.mqtt.publisher.outbox.sink(), .own = own_requests.sink(device.update) };
        device.listener = .{ .user = core, .hear = hear };
        device.open();
        return core;
    }

    fn hear(user: *anyopaque, device: *const Device, event: Event) void {
        const core: *Core = @ptrCast(@alignCast(user));
        core.mqtt.hear(device, event);
    }

    pub fn loadModel(core: *Core, slot: []const u8, file: []align(64) const u8) ports.Result {
        return active_model.loadModel(core.device, slot, file);
    }

    pub fn boot(core: *Core) ports.Result {
        return active_model.boot(core.device);
    }

    pub fn requestHead(
        core: *Core,
        request: u32,
        method: []const u8,
        target: []const u8,
        client: []const u8,
        headers: []const ports.Header,
    ) void {
        intake.begin(core.device, request, .http, method, target, client, headers);
    }

    pub fn bodyChunk(core: *Core, request: u32, bytes: []const u8) void {
        intake.bodyChunk(core.device, request, bytes);
    }

    pub fn requestEnd(core: *Core, request: u32) void {
        intake.requestEnd(core.device, request);
    }

    pub fn requestClosed(core: *Core, request: u32) void {
        schedule.requestClosed(core.device, request);
    }

    pub fn imageDecoded(core: *Core, job: u32, rgb: ?[]const u8, message: []const u8) void {
        intake.imageDecoded(core.device, job, rgb, message);
    }

    pub fn work(core: *Core) void {
        schedule.work(core.device);
    }

    pub fn workDone(core: *Core) void {
        if (schedule.workDone(core.device)) updates.advance(core.device);
    }

    pub fn fetchHead(core: *Core, fetch: u32, status: u32, length: u64, media_type: []const u8) void {
        updates.fetchHead(core.device, fetch, status, length, media_type);
    }

    pub fn fetchChunk(core: *Core, fetch: u32, bytes: []const u8) void {
        updates.fetchChunk(core.device, fetch, bytes);
    }

    pub fn fetchEnd(core: *Core, fetch: u32, result: download.Result) void {
        updates.fetchEnd(core.device, fetch, result);
    }

    pub fn tick(core: *Core, now_us: u64) void {
        const device = core.device;
        schedule.tick(device, now_us);
        core.mqtt.tick(device, now_us);
        updates.advance(device);
        if (!device.healthy and now_us -| device.started_us >= limits.healthy_after_us) device.sayHealthy();
    }
};
