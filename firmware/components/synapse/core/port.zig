//! The device's ABI, declared once: its structs, what the world tells the core (`Event`), and what the core asks of the
//! world (`functions`). The C functions (abi.zig), the port's struct, and what the simulated boards make of both follow
//! from here; include/synapse_device.h is held against it (abi_test.zig).
//!
//! A pointer to many is followed by their number, and a pointer is not NULL where its type does not say so.
const std = @import("std");

pub const Result = enum(c_int) {
    ok = 0,
    argument = -1,
    out_of_memory = -2,
    model = -3,
    model_memory = -4,
    busy = -5,
    flash = -6,
    _,
};

pub const Region = enum(u32) { none = 0, fast = 1, slow = 2, _ };

pub const error_message_bytes_max = 240;

pub const ErrorInfo = extern struct {
    size: u32 = @sizeOf(ErrorInfo),
    code: i32 = 0,
    region: u32 = 0,
    model_code: i32 = 0,
    bytes_needed: u64 = 0,
    bytes_missing: u64 = 0,
    message: [error_message_bytes_max]u8 = @splat(0),
};

pub const Text = extern struct {
    data: ?[*]const u8 = null,
    bytes: usize = 0,

    pub fn slice(text: Text) []const u8 {
        const data = text.data orelse return "";
        return data[0..text.bytes];
    }

    pub fn of(bytes: []const u8) Text {
        return .{ .data = bytes.ptr, .bytes = bytes.len };
    }
};

/// As a text; any bytes.
pub const Blob = extern struct {
    data: ?[*]const u8 = null,
    bytes: usize = 0,

    pub fn slice(blob: Blob) []const u8 {
        const data = blob.data orelse return "";
        return data[0..blob.bytes];
    }

    pub fn of(bytes: []const u8) Blob {
        return .{ .data = bytes.ptr, .bytes = bytes.len };
    }
};

/// C's `char`: a byte of text.
pub const Char = enum(u8) { _ };

/// C's 0 or 1.
pub const Flag = enum(u32) {
    no = 0,
    yes = 1,
    _,

    pub fn of(truth: bool) Flag {
        return if (truth) .yes else .no;
    }

    pub fn is(flag: Flag) bool {
        return flag != .no;
    }
};

pub const Header = extern struct { name: Text, value: Text };

pub const LogLevel = enum(u32) {
    err = 0,
    warn = 1,
    info = 2,

    pub fn name(level: LogLevel) []const u8 {
        return if (level == .err) "error" else @tagName(level);
    }

    /// Of a caller in C; what is beyond the last is the last.
    pub fn of(number: u32) LogLevel {
        return switch (number) {
            0 => .err,
            1 => .warn,
            else => .info,
        };
    }
};

pub const FlashResult = enum(i32) {
    ok = 0,
    /// Outside the area, or not aligned.
    range = -1,
    /// The flash did not do it: worn out, write-protected, or no longer powered.
    failed = -2,
    _,
};

/// How a download ended.
pub const FetchResult = enum(u32) {
    broken = 0,
    whole = 1,
    name = 2,
    refused = 3,
    @"unreachable" = 4,
    timeout = 5,
    tls = 6,
    certificate = 7,
    redirects = 8,
    scheme = 9,
    address = 10,
    _,
};

/// Areas of flash that the core uses, by number.
pub const Area = enum(u32) { records = 0, model_a = 1, model_b = 2, settings = 3 };

/// What the world tells the core. Each is a C function, `synapse_device_` and its name, with the device and then these
/// arguments; NULL for a pointer to many means none of them, and for a pointer to one that nothing happens.
pub const Event = union(enum) {
    request_head: extern struct {
        request: u32,
        method: Text,
        target: Text,
        client: Text,
        headers: [*]const Header,
        header_count: usize,
    },
    body_chunk: extern struct { request: u32, bytes: [*]const u8, byte_count: usize },
    request_end: extern struct { request: u32 },
    request_closed: extern struct { request: u32 },
    image_decoded: extern struct { job: u32, rgb: ?[*]const u8, byte_count: usize, message: Text },
    /// On the worker.
    work: extern struct {},
    work_done: extern struct {},
    open_claim: extern struct {},
    mqtt_connected: extern struct { protocol_version: u32 },
    mqtt_disconnected: extern struct {},
    mqtt_failed: extern struct { detail: Text },
    mqtt_received: extern struct { request: u32, message: *const MqttMessage },
    fetch_head: extern struct { fetch: u32, status: u32, length: u64, content_type: Text },
    fetch_chunk: extern struct { fetch: u32, bytes: [*]const u8, byte_count: usize },
    fetch_end: extern struct { fetch: u32, result: FetchResult },
    /// A line that another part of the firmware has logged, for the ring that GET /v1/log shows.
    logged: extern struct { level: u32, text: Text },
    tick: extern struct { now_us: u64 },
};

/// What the core asks of the world: the functions of synapse_device_port, in its order,
/// with their arguments after `user`.
pub const functions = .{
    .log = required(extern struct { level: LogLevel, text: [*]const Char, bytes: usize }, void),
    .ticks_us = required(extern struct {}, u64),
    .random = required(extern struct { out: [*]u8, bytes: usize }, void),
    .send_head = required(
        extern struct { request: u32, status: u32, headers: [*]const Header, header_count: usize },
        void,
    ),
    .send_chunk = required(extern struct { request: u32, bytes: [*]const u8, byte_count: usize }, void),
    .end = required(extern struct { request: u32 }, void),
    .decode_image = required(
        extern struct { job: u32, bytes: [*]const u8, byte_count: usize, content_type: Text, width: u32, height: u32 },
        void,
    ),
    .start_work = required(extern struct {}, void),
    .parallel_for = optional(extern struct { count: u32, task: Task, context: ?*anyopaque }, void),
    // All four or none.
    .flash_read = optional(extern struct { area: u32, offset: u32, out: [*]u8, bytes: usize }, FlashResult),
    .flash_erase = optional(extern struct { area: u32, offset: u32 }, FlashResult),
    .flash_write = optional(extern struct { area: u32, offset: u32, data: [*]const u8, bytes: usize }, FlashResult),
    .flash_map = optional(extern struct { area: u32 }, ?[*]align(64) const u8),
    .reboot = optional(extern struct {}, void),
    // Both or none.
    .mqtt_publish = optional(extern struct { message: *const MqttMessage }, i32),
    .mqtt_subscribe = optional(extern struct { filter: Text, on: Flag }, void),
    .settings_changed = optional(extern struct {}, void),
    // All six or none.
    .firmware_begin = optional(extern struct { image_bytes: u32 }, i32),
    .firmware_write = optional(extern struct { data: [*]const u8, bytes: usize }, i32),
    // On the worker.
    .firmware_check = optional(extern struct {}, i32),
    .firmware_activate = optional(extern struct {}, i32),
    .firmware_abort = optional(extern struct {}, void),
    .firmware_confirm = optional(extern struct {}, i32),
    // Both or none.
    .fetch_start = optional(extern struct { fetch: u32, url: Text, from_byte: u64 }, void),
    .fetch_cancel = optional(extern struct { fetch: u32 }, void),
    // On the worker.
    .verify = optional(
        extern struct { public_key: *const PublicKey, message: [*]const u8, bytes: usize, signature: *const [64]u8 },
        i32,
    ),
    .get_link = optional(extern struct { out: *Link }, void),
    // On the worker.
    .cycles = optional(extern struct {}, u64),
};

pub const Function = struct { Args: type, Return: type, optional: bool };

fn required(comptime Args: type, comptime Return: type) Function {
    return .{ .Args = Args, .Return = Return, .optional = false };
}

fn optional(comptime Args: type, comptime Return: type) Function {
    return .{ .Args = Args, .Return = Return, .optional = true };
}

/// Names of `functions`, in their order.
pub const function_names = @typeInfo(@TypeOf(functions)).@"struct".field_names;

/// A port's function as C calls it.
pub fn Call(comptime function: Function) type {
    const params = &[_]type{?*anyopaque} ++ @typeInfo(function.Args).@"struct".field_types;
    return *const @Fn(params, &@splat(.{}), function.Return, .{ .@"callconv" = .c });
}

pub const Task = *const fn (context: ?*anyopaque, index: u32, thread: u32) callconv(.c) void;
pub const ParallelFor = Call(functions.parallel_for);

/// `size`, `user`, and `functions`; those that a port may lack are null unless given.
pub const Port = port: {
    const Attributes = std.lang.Type.Struct.FieldAttributes;
    const count = 2 + function_names.len;
    var types: [count]type = undefined;
    var attributes: [count]Attributes = @splat(.{});
    types[0..2].* = .{ u32, ?*anyopaque };
    attributes[0].default_value_ptr = &@as(u32, count * @sizeOf(usize));
    attributes[1].default_value_ptr = @ptrCast(&@as(?*anyopaque, null));
    for (function_names, 2..) |name, i| {
        const function: Function = @field(functions, name);
        types[i] = if (function.optional) ?Call(function) else Call(function);
        if (function.optional) attributes[i].default_value_ptr = @ptrCast(&@as(types[i], null));
    }
    break :port @Struct(.@"extern", null, &[_][:0]const u8{ "size", "user" } ++ function_names, &types, &attributes);
};

comptime {
    std.debug.assert(@sizeOf(Port) == (2 + function_names.len) * @sizeOf(usize));
}

/// What the port knows of the connection.
pub fn linkOf(port: *const Port) Link {
    var result: Link = .{};
    if (port.get_link) |call| call(port.user, &result);
    return result;
}

pub const Link = extern struct {
    size: u32 = @sizeOf(Link),
    rssi_dbm: i32 = 0,
    kind: Text = .{},
    network: Text = .{},
    address: Text = .{},
};

/// A point on P-256, uncompressed: 4, then x and y, big-endian.
pub const PublicKey = [65]u8;

pub const MqttMessage = extern struct {
    size: u32 = @sizeOf(MqttMessage),
    qos: u32 = 0,
    retain: Flag = .no,
    duplicate: Flag = .no,
    packet_id: u32 = 0,
    topic: Text = .{},
    payload: ?[*]const u8 = null,
    payload_bytes: usize = 0,
    total_bytes: u64 = 0,
    content_type: Text = .{},
    response_topic: Text = .{},
    correlation: Blob = .{},
    properties: ?[*]const Header = null,
    property_count: usize = 0,
};

pub const MqttSession = extern struct {
    size: u32 = @sizeOf(MqttSession),
    keepalive_s: u32 = 0,
    broker_url: Text = .{},
    username: Text = .{},
    password: Text = .{},
    client_id: Text = .{},
    will_topic: Text = .{},
    will_payload: Text = .{},
};

pub const Identity = extern struct {
    size: u32 = @sizeOf(Identity),
    claimed: Flag = .no,
    surprises: u64 = 0,
    id: Text = .{},
    name: Text = .{},
    model: Text = .{},
};

pub const Config = extern struct {
    size: u32 = @sizeOf(Config),
    threads: u32 = 1,
    body_bytes_max: u32 = 2 << 20,
    exchange_count: u32 = 4,
    chip_revision: u32 = 0,
    simulated: u32 = 0,
    cpu_hz: u64 = 0,
    psram_hz: u64 = 0,
    flash_hz: u64 = 0,
    flash_bytes: u64 = 0,
    device_id: Text = .{},
    device_name: Text = .{},
    board_id: Text = .{},
    board_name: Text = .{},
    chip: Text = .{},
    radio: Text = .{},
    engine: Text = .{},
    fast: ?[*]align(64) u8 = null,
    slow: ?[*]align(64) u8 = null,
    fast_bytes: usize = 0,
    slow_bytes: usize = 0,
    scratch: ?[*]align(64) u8 = null,
    scratch_bytes: usize = 0,
    port: ?*const Port = null,
    records_bytes: u32 = 0,
    settings_bytes: u32 = 0,
    slot_bytes: [2]u32 = .{ 0, 0 },
    slot_names: [2]Text = .{ .{}, .{} },
    reset_count: u32 = 0,
    reset_reason: Text = .{},
    firmware_bytes_max: u32 = 0,
    firmware_state: u32 = 0,
    firmware_version: Text = .{},
    firmware_project: Text = .{},
    update_keys: ?[*]const PublicKey = null,
    update_key_count: u32 = 0,
    model_gmac_max: u32 = 0,
};
