//! The C ABI of include/synapse_device.h. Arguments are checked here; behind it, types hold.
const std = @import("std");
pub const Core = @import("core.zig").Core;
pub const c_function = @import("c_function.zig");
const limits = @import("limits.zig");
const update_keys_max = @import("flash/update_keys.zig").keys_max;
const schema = @import("routes/settings/schema.zig");
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
    if (config.body_bytes_max < limits.body_bytes_min or
        config.body_bytes_max > limits.body_bytes_max) return "config.body_bytes_max is not in 65536..16777216";
    if (config.exchange_count < 1 or
        config.exchange_count > limits.exchanges_max) return "config.exchange_count is not in 1..16";
    return null;
}

fn flashProblem(config: *const ports.Config, port: *const ports.Port) ?[]const u8 {
    const sizes = [_]u32{ config.slot_bytes[0], config.slot_bytes[1], config.records_bytes, config.settings_bytes };
    if (std.mem.allEqual(u32, &sizes, 0)) return null;
    if (port.flash_read == null or port.flash_erase == null or port.flash_write == null or
        port.flash_map == null) return "config gives flash areas and config.port lacks a flash function";
    for (sizes) |bytes| if (bytes < 2 * sector_bytes or
        bytes % sector_bytes != 0) return "a flash area is not a multiple of 4096 bytes, or has fewer than 8192";
    for (config.slot_names) |name| if (name.bytes < 1 or
        name.bytes > limits.slot_name_bytes_max) return "a slot's name does not have 1 to 32 bytes";
    return null;
}

fn portProblem(config: *const ports.Config, port: *const ports.Port) ?[]const u8 {
    if ((port.mqtt_publish == null) != (port.mqtt_subscribe == null)) {
        return "config.port has one of mqtt_publish and mqtt_subscribe";
    }
    if ((port.fetch_start == null) != (port.fetch_cancel == null)) {
        return "config.port has one of fetch_start and fetch_cancel";
    }
    const given = [_]bool{
        port.firmware_begin != null,
        port.firmware_write != null,
        port.firmware_check != null,
        port.firmware_activate != null,
        port.firmware_abort != null,
        port.firmware_confirm != null,
    };
    for (given) |each| if (each != given[0]) return "config.port has some of the firmware functions and lacks others";
    if (config.firmware_bytes_max > 0 and !given[0]) {
        return "config.firmware_bytes_max is not 0 and config.port has no firmware functions";
    }
    if (config.update_key_count > update_keys_max) return "config.update_key_count is not in 0..4";
    if (config.update_key_count > 0 and (config.update_keys == null or port.verify == null)) {
        return "config.update_key_count is not 0, and config.update_keys or config.port->verify is NULL";
    }
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

pub export fn synapse_device_get_requirements(
    config: ?*const ports.Config,
    out_fast_bytes: ?*usize,
    out_slow_bytes: ?*usize,
) Result {
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
    for ([_]Region{
        .{ .region = .fast, .needed = needs.fast_bytes, .given = given.fast_bytes },
        .{ .region = .slow, .needed = needs.slow_bytes, .given = given.slow_bytes },
    }) |block| {
        if (block.needed <= block.given) continue;
        var text: [ports.error_message_bytes_max]u8 = undefined;
        const missing = block.needed - block.given;
        const message = std.fmt.bufPrint(
            &text,
            "the device core does not fit the board's {t} memory: {d} bytes are needed and {d} exist; {d} bytes " ++
                "are missing",
            .{ block.region, block.needed, block.given, missing },
        ) catch unreachable;
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

pub export fn synapse_device_load_model(
    core: ?*Core,
    slot: ports.Text,
    file: ?[*]const u8,
    file_bytes: usize,
    err: ?*ports.ErrorInfo,
) Result {
    const self = core orelse return argument(err, "device is NULL");
    const start = file orelse return argument(err, "file is NULL");
    if (!std.mem.isAligned(@intFromPtr(start), 64)) return argument(err, "file is not 64-byte aligned");
    const result = self.loadModel(slot.slice(), @alignCast(start[0..file_bytes]));
    if (result == .ok) return .ok;
    return explain(err, self.device.active.load_error, std.mem.sliceTo(&self.device.active.load_error.message, 0));
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

pub export fn synapse_device_get_identity(core: *const Core, out: ?*ports.Identity) Result {
    const identity = out orelse return .argument;
    if (identity.size != @sizeOf(ports.Identity)) return .argument;
    const device = core.device;
    identity.* = .{
        .claimed = .of(if (device.storage) |storage| storage.access.claimed() else true),
        .surprises = core.mqtt.surprises,
        .id = device.config.device_id,
        .name = .of(device.name()),
        .model = .of(if (device.active.model) |*open| open.name() else ""),
    };
    return .ok;
}

pub export fn synapse_device_set_wifi(core: *Core, ssid: ports.Text, password: ports.Text) Result {
    const storage = core.device.storage orelse return .argument;
    const name = ssid.slice();
    const secret = password.slice();
    if (name.len == 0 or name.len > limits.wifi_ssid_bytes_max or !schema.isPrintable(name)) return .argument;
    if (secret.len > limits.wifi_password_bytes_max or !schema.isPrintable(secret)) return .argument;
    storage.settings.apply(&.{
        .{ .key = "wifi_ssid", .value = name },
        .{ .key = "wifi_password", .value = if (secret.len > 0) secret else null },
    }) catch return .flash;
    core.device.settingsChanged();
    return .ok;
}

/// What each event does.
pub fn hear(core: *Core, event: ports.Event) void {
    switch (event) {
        .request_head => |e| core.requestHead(
            e.request,
            e.method.slice(),
            e.target.slice(),
            e.client.slice(),
            e.headers[0..e.header_count],
        ),
        .body_chunk => |e| core.bodyChunk(e.request, e.bytes[0..e.byte_count]),
        .request_end => |e| core.requestEnd(e.request),
        .request_closed => |e| core.requestClosed(e.request),
        .image_decoded => |e| core.imageDecoded(
            e.job,
            if (e.rgb) |rgb| rgb[0..e.byte_count] else null,
            e.message.slice(),
        ),
        .work => core.work(),
        .work_done => core.workDone(),
        .open_claim => core.device.openClaim(limits.claim_window_us),
        .mqtt_connected => |e| core.mqtt.connect(core.device, e.protocol_version),
        .mqtt_disconnected => core.mqtt.disconnect(),
        .mqtt_failed => |e| core.mqtt.fail(core.device, e.detail.slice()),
        .mqtt_received => |e| core.mqtt.receive(core.device, e.request, e.message),
        .fetch_head => |e| core.fetchHead(e.fetch, e.status, e.length, e.content_type.slice()),
        .fetch_chunk => |e| core.fetchChunk(e.fetch, e.bytes[0..e.byte_count]),
        .fetch_end => |e| core.fetchEnd(e.fetch, e.result),
        .logged => |e| core.device.keepLog(.of(e.level), e.text.slice()),
        .tick => |e| core.tick(e.now_us),
    }
}

/// The C function of each event, by its name.
pub const events = functions: {
    const names = @typeInfo(ports.Event).@"union".field_names;
    var types: [names.len]type = undefined;
    for (names, &types) |name, *Type| {
        Type.* = *const c_function.Signature(*Core, Lenient(@FieldType(ports.Event, name)), void);
    }
    var functions: @Struct(.auto, null, names, &types, &@splat(.{})) = undefined;
    for (names) |name| {
        const Args = @FieldType(ports.Event, name);
        @field(functions, name) = c_function.of(*Core, Lenient(Args), void, struct {
            fn call(core: *Core, given: Lenient(Args)) void {
                hear(core, @unionInit(ports.Event, name, strict(Args, given) orelse return));
            }
        }.call);
    }
    break :functions functions;
};

comptime {
    for (@typeInfo(ports.Event).@"union".field_names) |name| {
        @export(@field(events, name), .{ .name = "synapse_device_" ++ name });
    }
}

/// The arguments as C may give them: any pointer may be NULL.
fn Lenient(comptime Args: type) type {
    const info = @typeInfo(Args).@"struct";
    var types: [info.field_types.len]type = undefined;
    for (info.field_types, &types) |Field, *Type| Type.* = if (@typeInfo(Field) == .pointer) ?Field else Field;
    return @Struct(.@"extern", null, info.field_names, &types, &@splat(.{}));
}

/// The arguments as the core takes them; null when they lack a struct, or have one of another version.
fn strict(comptime Args: type, given: Lenient(Args)) ?Args {
    const info = @typeInfo(Args).@"struct";
    var args: Args = undefined;
    inline for (info.field_names, info.field_types, 0..) |name, Field, i| {
        const value = @field(given, name);
        if (@typeInfo(Field) != .pointer) {
            // The number of none is 0.
            const counts = comptime i > 0 and isMany(info.field_types[i - 1]);
            @field(args, name) = if (counts and @field(given, info.field_names[i - 1]) == null) 0 else value;
        } else if (comptime isMany(Field)) {
            @field(args, name) = value orelse &.{};
        } else {
            const struct_ = value orelse return null;
            if (struct_.size != @sizeOf(@typeInfo(Field).pointer.child)) return null;
            @field(args, name) = struct_;
        }
    }
    return args;
}

fn isMany(comptime T: type) bool {
    return @typeInfo(T) == .pointer and @typeInfo(T).pointer.size == .many;
}
