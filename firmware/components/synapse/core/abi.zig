//! The C ABI of include/synapse_device.h. Arguments are checked here; behind it, types hold.
const std = @import("std");
pub const Core = @import("core.zig").Core;
const limits = @import("limits.zig");
const update_keys_max = @import("flash/update_keys.zig").keys_max;
const sector_bytes = flash.sector_bytes;
/// For hosts written in Zig, which need no second description of the C types.
pub const ports = @import("port.zig");
pub const flash = @import("flash/flash.zig");
pub const app_image = @import("firmware/app_image.zig");
pub const version = @import("core.zig").version;

const Result = ports.Result;

fn configProblem(config: *const ports.Config) ?[]const u8 {
    if (config.size != @sizeOf(ports.Config)) return "config.size is not sizeof(synapse_device_config)";
    if (config.threads < 1 or config.threads > limits.threads_max) return "config.threads is not in 1..64";
    if (config.body_bytes_max < limits.body_bytes_min or config.body_bytes_max > limits.body_bytes_max) return "config.body_bytes_max is not in 65536..16777216";
    if (config.exchange_count < 1 or config.exchange_count > limits.exchanges_max) return "config.exchange_count is not in 1..16";
    return null;
}

fn flashProblem(config: *const ports.Config, port: *const ports.Port) ?[]const u8 {
    const sizes = [_]u32{ config.slot_bytes[0], config.slot_bytes[1], config.records_bytes, config.settings_bytes };
    if (std.mem.allEqual(u32, &sizes, 0)) return null;
    if (port.flash_read == null or port.flash_erase == null or port.flash_write == null or port.flash_map == null) return "config gives flash areas and config.port lacks a flash function";
    for (sizes) |bytes| if (bytes < 2 * sector_bytes or bytes % sector_bytes != 0) return "a flash area is not a multiple of 4096 bytes, or has fewer than 8192";
    for (config.slot_names) |name| if (name.bytes < 1 or name.bytes > limits.slot_name_bytes_max) return "a slot's name does not have 1 to 32 bytes";
    return null;
}

fn portProblem(config: *const ports.Config, port: *const ports.Port) ?[]const u8 {
    if ((port.mqtt_publish == null) != (port.mqtt_subscribe == null)) return "config.port has one of mqtt_publish and mqtt_subscribe";
    if ((port.fetch_start == null) != (port.fetch_cancel == null)) return "config.port has one of fetch_start and fetch_cancel";
    const given = [_]bool{ port.firmware_begin != null, port.firmware_write != null, port.firmware_check != null, port.firmware_activate != null, port.firmware_abort != null, port.firmware_confirm != null };
    for (given) |each| if (each != given[0]) return "config.port has some of the firmware functions and lacks others";
    if (config.firmware_bytes_max > 0 and !given[0]) return "config.firmware_bytes_max is not 0 and config.port has no firmware functions";
    if (config.update_key_count > update_keys_max) return "config.update_key_count is not in 0..4";
    if (config.update_key_count > 0 and (config.update_keys == null or port.verify == null)) return "config.update_key_count is not 0, and config.update_keys or config.port->verify is NULL";
    return null;
}

fn explain(err: ?*ports.ErrorInfo, filled: ports.ErrorInfo, message: []const u8) Result {
    const out = err orelse return @fromBackingInt(@intCast(filled.code));
    if (out.size == @sizeOf(ports.ErrorInfo)) {
        out.* = filled;
        const n = @min(message.len, out.message.len - 1);
        @memcpy(out.message[0..n], message[0..n]);
    }
    return @fromBackingInt(@intCast(filled.code));
}

fn argument(err: ?*ports.ErrorInfo, message: []const u8) Result {
    return explain(err, .{ .code = @backingInt(Result.argument) }, message);
}

pub export fn synapse_device_api_version() u32 {
    return 1;
}

pub export fn synapse_device_get_requirements(config: ?*const ports.Config, out_fast_bytes: ?*usize, out_slow_bytes: ?*usize) Result {
    const given = config orelse return .argument;
    if (configProblem(given) != null) return .argument;
    const needs = Core.requirements(given);
    (out_fast_bytes orelse return .argument).* = std.math.cast(usize, needs.fast_bytes) orelse return .argument;
    (out_slow_bytes orelse return .argument).* = std.math.cast(usize, needs.slow_bytes) orelse return .argument;
    return .ok;
}

pub export fn synapse_device_init(config: ?*const ports.Config, out_device: ?*?*Core, err: ?*ports.ErrorInfo) Result {
    const given = config orelse return argument(err, "config is NULL");
    const out = out_device orelse return argument(err, "out_device is NULL");
    if (configProblem(given)) |message| return argument(err, message);
    const port = given.port orelse return argument(err, "config.port is NULL");
    if (port.size != @sizeOf(ports.Port)) return argument(err, "config.port->size is not sizeof(synapse_device_port)");
    if (portProblem(given, port)) |message| return argument(err, message);
    if (flashProblem(given, port)) |message| return argument(err, message);
    if (given.fast == null or given.slow == null) return argument(err, "a memory block is NULL");
    const needs = Core.requirements(given);
    const Region = struct { region: ports.Region, needed: u64, given: u64 };
    for ([_]Region{ .{ .region = .fast, .needed = needs.fast_bytes, .given = given.fast_bytes }, .{ .region = .slow, .needed = needs.slow_bytes, .given = given.slow_bytes } }) |block| {
        if (block.needed <= block.given) continue;
        var text: [ports.error_message_bytes_max]u8 = undefined;
        const missing = block.needed - block.given;
        const message = std.fmt.bufPrint(&text, "the device core does not fit the board's {t} memory: {d} bytes are needed and {d} exist; {d} bytes are missing", .{ block.region, block.needed, block.given, missing }) catch unreachable;
        return explain(err, .{
            .code = @backingInt(Result.out_of_memory),
            .region = @backingInt(block.region),
            .bytes_needed = block.needed,
            .bytes_missing = missing,
        }, message);
    }
    out.* = Core.init(given);
    return .ok;
}

pub export fn synapse_device_boot(core: ?*Core, err: ?*ports.ErrorInfo) Result {
    const self = core orelse return argument(err, "device is NULL");
    const result = self.boot();
    if (result == .ok) return .ok;
    return explain(err, self.device.active.load_error, std.mem.sliceTo(&self.device.active.load_error.message, 0));
}

pub export fn synapse_device_load_model(core: ?*Core, slot: ports.Text, file: ?[*]const u8, file_bytes: usize, err: ?*ports.ErrorInfo) Result {
    const self = core orelse return argument(err, "device is NULL");
    const start = file orelse return argument(err, "file is NULL");
    if (!std.mem.isAligned(@intFromPtr(start), 64)) return argument(err, "file is not 64-byte aligned");
    const result = self.loadModel(slot.slice(), @alignCast(start[0..file_bytes]));
    if (result == .ok) return .ok;
    return explain(err, self.device.active.load_error, std.mem.sliceTo(&self.device.active.load_error.message, 0));
}

pub export fn synapse_device_request_head(core: *Core, request: u32, method: ports.Text, target: ports.Text, client: ports.Text, headers: ?[*]const ports.Header, header_count: usize) void {
    const list: []const ports.Header = if (headers) |start| start[0..header_count] else &.{};
    core.requestHead(request, method.slice(), target.slice(), client.slice(), list);
}

pub export fn synapse_device_body_chunk(core: *Core, request: u32, bytes: ?[*]const u8, byte_count: usize) void {
    if (bytes) |start| core.bodyChunk(request, start[0..byte_count]);
}

pub export fn synapse_device_request_end(core: *Core, request: u32) void {
    core.requestEnd(request);
}

pub export fn synapse_device_request_closed(core: *Core, request: u32) void {
    core.requestClosed(request);
}

pub export fn synapse_device_image_decoded(core: *Core, job: u32, rgb: ?[*]const u8, byte_count: usize, message: ports.Text) void {
    core.imageDecoded(job, if (rgb) |start| start[0..byte_count] else null, message.slice());
}

pub export fn synapse_device_work(core: *Core) void {
    core.work();
}

pub export fn synapse_device_work_done(core: *Core) void {
    core.workDone();
}

pub export fn synapse_device_open_claim(core: *Core) void {
    core.device.openClaim(limits.claim_window_us);
}

pub export fn synapse_device_get_setting(core: *const Core, key: ports.Text) ports.Text {
    const storage = core.device.storage orelse return .{};
    return .of(storage.settings.get(key.slice()) orelse return .{});
}

pub export fn synapse_device_get_mqtt_session(core: *const Core, out: ?*ports.MqttSession) Result {
    const session = out orelse return .argument;
    if (session.size != @sizeOf(ports.MqttSession)) return .argument;
    core.mqtt.session(core.device, session);
    return .ok;
}

pub export fn synapse_device_mqtt_connected(core: *Core, protocol: u32) void {
    core.mqtt.connect(core.device, protocol);
}

pub export fn synapse_device_mqtt_disconnected(core: *Core) void {
    core.mqtt.disconnect();
}

pub export fn synapse_device_mqtt_failed(core: *Core, detail: ports.Text) void {
    core.mqtt.fail(core.device, detail.slice());
}

pub export fn synapse_device_mqtt_received(core: *Core, request: u32, message: ?*const ports.MqttMessage) void {
    const given = message orelse return;
    if (given.size != @sizeOf(ports.MqttMessage)) return;
    core.mqtt.receive(core.device, request, given);
}

pub export fn synapse_device_fetch_head(core: *Core, fetch: u32, status: u32, length: u64, content_type: ports.Text) void {
    core.fetchHead(fetch, status, length, content_type.slice());
}

pub export fn synapse_device_fetch_chunk(core: *Core, fetch: u32, bytes: ?[*]const u8, byte_count: usize) void {
    if (bytes) |start| core.fetchChunk(fetch, start[0..byte_count]);
}

pub export fn synapse_device_fetch_end(core: *Core, fetch: u32, result: u32) void {
    core.fetchEnd(fetch, @fromBackingInt(result));
}

pub export fn synapse_device_tick(core: *Core, now_us: u64) void {
    core.tick(now_us);
}
