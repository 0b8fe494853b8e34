//! The C types of include/synapse_device.h. abi_test.zig holds the two against each other.

pub const Result = enum(c_int) {
    ok = 0,
    argument = -1,
    out_of_memory = -2,
    model = -3,
    model_memory = -4,
    busy = -5,
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

pub const Header = extern struct { name: Text, value: Text };

pub const LogLevel = enum(u32) { err = 0, warn = 1, info = 2 };

pub const Task = *const fn (context: ?*anyopaque, index: u32, thread: u32) callconv(.c) void;
pub const ParallelFor = *const fn (user: ?*anyopaque, count: u32, task: Task, context: ?*anyopaque) callconv(.c) void;

pub const FlashResult = enum(i32) {
    ok = 0,
    /// Outside the area, or not aligned.
    range = -1,
    /// The flash did not do it: worn out, write-protected, or no longer powered.
    failed = -2,
    _,
};

pub const FlashRead = *const fn (user: ?*anyopaque, area: u32, offset: u32, out: [*]u8, bytes: usize) callconv(.c) FlashResult;
pub const FlashErase = *const fn (user: ?*anyopaque, area: u32, offset: u32) callconv(.c) FlashResult;
pub const FlashWrite = *const fn (user: ?*anyopaque, area: u32, offset: u32, data: [*]const u8, bytes: usize) callconv(.c) FlashResult;
pub const FlashMap = *const fn (user: ?*anyopaque, area: u32) callconv(.c) ?[*]align(64) const u8;

/// Areas of flash that the core uses, by number.
pub const Area = enum(u32) { records = 0, model_a = 1, model_b = 2, settings = 3 };

pub const Port = extern struct {
    size: u32 = @sizeOf(Port),
    user: ?*anyopaque = null,
    log: *const fn (?*anyopaque, u32, [*]const u8, usize) callconv(.c) void,
    ticks_us: *const fn (?*anyopaque) callconv(.c) u64,
    random: *const fn (?*anyopaque, [*]u8, usize) callconv(.c) void,
    send_head: *const fn (?*anyopaque, u32, u32, [*]const Header, usize) callconv(.c) void,
    send_chunk: *const fn (?*anyopaque, u32, [*]const u8, usize) callconv(.c) void,
    end: *const fn (?*anyopaque, u32) callconv(.c) void,
    decode_image: *const fn (?*anyopaque, u32, [*]const u8, usize, Text, u32, u32) callconv(.c) void,
    start_work: *const fn (?*anyopaque) callconv(.c) void,
    parallel_for: ?ParallelFor = null,
    /// All four or none.
    flash_read: ?FlashRead = null,
    flash_erase: ?FlashErase = null,
    flash_write: ?FlashWrite = null,
    flash_map: ?FlashMap = null,
    reboot: ?*const fn (?*anyopaque) callconv(.c) void = null,
    /// Both or none.
    mqtt_publish: ?*const fn (?*anyopaque, *const MqttMessage) callconv(.c) i32 = null,
    mqtt_subscribe: ?*const fn (?*anyopaque, Text, u32) callconv(.c) void = null,
    settings_changed: ?*const fn (?*anyopaque) callconv(.c) void = null,
    /// All six or none.
    firmware_begin: ?*const fn (?*anyopaque, image_bytes: u32) callconv(.c) i32 = null,
    firmware_write: ?*const fn (?*anyopaque, data: [*]const u8, bytes: usize) callconv(.c) i32 = null,
    /// On the worker.
    firmware_check: ?*const fn (?*anyopaque) callconv(.c) i32 = null,
    firmware_activate: ?*const fn (?*anyopaque) callconv(.c) i32 = null,
    firmware_abort: ?*const fn (?*anyopaque) callconv(.c) void = null,
    firmware_confirm: ?*const fn (?*anyopaque) callconv(.c) i32 = null,
    /// Both or none.
    fetch_start: ?*const fn (?*anyopaque, fetch: u32, url: Text, from_byte: u64) callconv(.c) void = null,
    fetch_cancel: ?*const fn (?*anyopaque, fetch: u32) callconv(.c) void = null,
    /// On the worker.
    verify: ?*const fn (?*anyopaque, key: *const PublicKey, message: [*]const u8, bytes: usize, signature: *const [64]u8) callconv(.c) i32 = null,
    get_link: ?*const fn (?*anyopaque, out: *Link) callconv(.c) void = null,

    pub fn link(port: *const Port) Link {
        var result: Link = .{};
        if (port.get_link) |call| call(port.user, &result);
        return result;
    }
};

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
    retain: u32 = 0,
    duplicate: u32 = 0,
    packet_id: u32 = 0,
    topic: Text = .{},
    payload: ?[*]const u8 = null,
    payload_bytes: usize = 0,
    total_bytes: u64 = 0,
    content_type: Text = .{},
    response_topic: Text = .{},
    correlation: Text = .{},
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
