//! One simulated board as its hosts in JavaScript see it: the device core with memory of the board's sizes around it. The WASM entry and
//! the Node addon differ only in how they call this and in the port that they give.
const std = @import("std");
pub const core = @import("synapse_device");
pub const ports = core.ports;
const empty_image = @import("empty_image.zig");
const sims = @import("sim_flash.zig");
const SimFlash = sims.SimFlash;
const sim_ota = @import("sim_ota.zig");
const SimOta = sim_ota.SimOta;
const Image = @typeInfo(@FieldType(SimOta, "head")).optional.child;

const alignment: std.mem.Alignment = .@"64";

/// What the host says about a board, as JSON. Sizes in bytes, frequencies in Hz.
pub const Options = struct {
    deviceId: []const u8,
    deviceName: []const u8,
    boardId: []const u8,
    boardName: []const u8,
    chip: []const u8,
    radio: []const u8,
    engine: []const u8,
    chipRevision: u32,
    cpuHz: u64,
    psramHz: u64,
    flashHz: u64,
    flashBytes: u64,
    fastBytes: usize,
    slowBytes: usize,
    threads: u32,
    bodyBytesMax: u32,
    exchangeCount: u32,
    recordsBytes: u32,
    settingsBytes: u32,
    slotBytes: [2]u32,
    slotNames: [2][]const u8,
    /// Places of the firmware, and the record of which one starts. All 0: the firmware cannot be updated.
    otaBytes: [2]u32,
    otadataBytes: u32,
    /// Of what a cut of power leaves in the flash.
    flashSeed: u64,
    /// Points on P-256 in hexadecimal, as synapse_device_config takes them in bytes.
    updateKeys: []const []const u8,
    /// 0: the core's own bound.
    modelGmacMax: u32,
};

const update_keys_max = 4;

/// Areas of flash behind those that the core knows.
const ota_area = 4;
const headers_max = 16;
/// What the board says of its last start.
const reset_reasons = [_][]const u8{ "power-on", "software", "watchdog", "brownout", "panic" };
/// Of a host's build, for each thread. Not the board's memory, so it is not taken from `fastBytes`; pages that no model uses cost nothing.
const scratch_bytes_per_thread = 1 << 20;

pub const Board = struct {
    allocator: std.mem.Allocator,
    options: std.json.Parsed(Options),
    port: ports.Port,
    fast: []align(64) u8 = &.{},
    slow: []align(64) u8 = &.{},
    scratch: []align(64) u8 = &.{},
    flash: SimFlash,
    flash_bytes: []align(64) u8 = &.{},
    flash_undecided: []align(64) u8 = &.{},
    ota: ?SimOta = null,
    /// Description of the firmware that runs; the device points at its texts.
    image: ?Image = null,
    /// The device points at them.
    update_keys: [update_keys_max]ports.PublicKey = undefined,
    resets: u32 = 0,
    reset_reason: []const u8 = "power-on",
    device: ?*core.Core = null,
    last_error: ports.ErrorInfo = .{},

    /// `allocator` holds the small things, `pages` gives whole pages that are zero and unused until written.
    pub fn create(allocator: std.mem.Allocator, pages: std.mem.Allocator, options_json: []const u8, port: ports.Port) error{ OutOfMemory, Options }!*Board {
        const options = std.json.parseFromSlice(Options, allocator, options_json, .{ .allocate = .alloc_always }) catch return error.Options;
        errdefer options.deinit();
        const board = try allocator.create(Board);
        errdefer allocator.destroy(board);
        board.* = .{ .allocator = allocator, .options = options, .port = port, .flash = undefined };
        board.port.verify = @import("sim_verify.zig").verify;
        board.port.get_link = simulatedLink;
        const keys = options.value.updateKeys;
        if (keys.len > update_keys_max) return error.Options;
        for (keys, board.update_keys[0..keys.len]) |hex, *key| {
            if (hex.len != 2 * key.len) return error.Options;
            _ = std.fmt.hexToBytes(key, hex) catch return error.Options;
        }
        const all = [_]u32{ options.value.recordsBytes, options.value.slotBytes[0], options.value.slotBytes[1], options.value.settingsBytes, options.value.otaBytes[0], options.value.otaBytes[1], options.value.otadataBytes };
        const areas = all[0..if (options.value.otadataBytes > 0) all.len else ota_area];
        var flash_size: u64 = 0;
        for (areas) |bytes| {
            if (bytes == 0 or bytes % 4096 != 0) return error.Options;
            flash_size += bytes;
        }
        const flash_bytes = std.math.cast(usize, flash_size) orelse return error.OutOfMemory;
        board.flash_bytes = try rawPages(pages, flash_bytes);
        errdefer freePages(pages, board.flash_bytes);
        // Pages come zeroed, and nothing is undecided at first.
        board.flash_undecided = try rawPages(pages, flash_bytes);
        errdefer freePages(pages, board.flash_undecided);
        board.flash = try .initIn(allocator, board.flash_bytes, board.flash_undecided, areas, options.value.flashSeed);
        errdefer board.flash.deinitIn();
        if (areas.len > ota_area) board.programFirmware();
        board.fast = try rawPages(pages, options.value.fastBytes);
        errdefer freePages(pages, board.fast);
        board.slow = try rawPages(pages, options.value.slowBytes);
        errdefer freePages(pages, board.slow);
        board.scratch = try rawPages(pages, std.math.mul(usize, options.value.threads, scratch_bytes_per_thread) catch return error.OutOfMemory);
        return board;
    }

    pub fn destroy(board: *Board, pages: std.mem.Allocator) void {
        freePages(pages, board.fast);
        freePages(pages, board.slow);
        freePages(pages, board.scratch);
        board.flash.deinitIn();
        freePages(pages, board.flash_bytes);
        freePages(pages, board.flash_undecided);
        board.options.deinit();
        board.allocator.destroy(board);
    }

    /// The firmware that the board comes with. What runs is always this program; its image stands for it in flash.
    fn programFirmware(board: *Board) void {
        const revision = board.options.value.chipRevision;
        var buffer: [2048]u8 = undefined;
        board.flash.program(ota_area, empty_image.make(&buffer, .{
            .version = core.version,
            .revision_min = if (revision < 300) 0 else 300,
            .revision_max = if (revision < 300) 299 else 399,
        }));
        board.ota = .{ .places = .{ board.flash.area(ota_area), board.flash.area(ota_area + 1) }, .record = board.flash.area(ota_area + 2) };
    }

    /// Puts a model into a slot as the factory does, before the first boot. False when it does not fit.
    pub fn program(board: *Board, slot: u1, file: []const u8) bool {
        if (file.len > board.options.value.slotBytes[slot]) return false;
        board.flash.program(@backingInt(if (slot == 0) ports.Area.model_a else ports.Area.model_b), file);
        return true;
    }

    /// Power comes back, or the chip resets: everything but the flash starts anew. The result is that of the model.
    pub fn restart(board: *Board, reason: []const u8) ports.Result {
        board.flash.powerOn();
        board.resets += 1;
        board.reset_reason = for (reset_reasons) |known| {
            if (std.mem.eql(u8, known, reason)) break known;
        } else "unknown";
        return board.boot();
    }

    pub fn boot(board: *Board) ports.Result {
        const options = &board.options.value;
        if (board.ota) |*ota| {
            ota.boot();
            board.image = ota.head;
        }
        const config: ports.Config = .{
            .threads = options.threads,
            .body_bytes_max = options.bodyBytesMax,
            .exchange_count = options.exchangeCount,
            .chip_revision = options.chipRevision,
            .simulated = 1,
            .cpu_hz = options.cpuHz,
            .psram_hz = options.psramHz,
            .flash_hz = options.flashHz,
            .flash_bytes = options.flashBytes,
            .device_id = .of(options.deviceId),
            .device_name = .of(options.deviceName),
            .board_id = .of(options.boardId),
            .board_name = .of(options.boardName),
            .chip = .of(options.chip),
            .radio = .of(options.radio),
            .engine = .of(options.engine),
            .fast = board.fast.ptr,
            .slow = board.slow.ptr,
            .fast_bytes = board.fast.len,
            .slow_bytes = board.slow.len,
            .scratch = board.scratch.ptr,
            .scratch_bytes = board.scratch.len,
            .port = &board.port,
            .records_bytes = options.recordsBytes,
            .settings_bytes = options.settingsBytes,
            .slot_bytes = options.slotBytes,
            .slot_names = .{ .of(options.slotNames[0]), .of(options.slotNames[1]) },
            .reset_count = board.resets,
            .reset_reason = .of(board.reset_reason),
            .firmware_bytes_max = if (board.ota == null) 0 else @min(options.otaBytes[0], options.otaBytes[1]),
            .firmware_state = if (board.ota) |*ota| @backingInt(ota.state) else 0,
            .firmware_version = if (board.image) |*head| .of(head.version()) else .{},
            .firmware_project = if (board.image) |*head| .of(head.project()) else .{},
            .update_keys = &board.update_keys,
            .update_key_count = @intCast(options.updateKeys.len),
            .model_gmac_max = options.modelGmacMax,
        };
        board.last_error = .{};
        board.device = null;
        const started = core.synapse_device_init(&config, &board.device, &board.last_error);
        if (started != .ok) return started;
        return core.synapse_device_boot(board.device, &board.last_error);
    }

    /// Power goes in the middle of the flash operation `after` operations from now.
    pub fn cutPower(board: *Board, after: u64, cut: u32) void {
        board.flash.cutAt(after, sims.cuts[@min(cut, sims.cuts.len - 1)]);
    }

    pub fn errorMessage(board: *const Board) []const u8 {
        return std.mem.sliceTo(&board.last_error.message, 0);
    }

    /// `flat` is method, target, the client's address, then names and values of headers, each ended by a zero byte, which none of them can contain.
    pub fn requestHead(board: *Board, request: u32, flat: []const u8) void {
        const device = board.device orelse return;
        var parts = std.mem.splitScalar(u8, flat, 0);
        const method = parts.next() orelse "";
        const target = parts.next() orelse "";
        const client = parts.next() orelse "";
        var headers: [headers_max]ports.Header = undefined;
        var count: usize = 0;
        while (count < headers_max) : (count += 1) {
            const name = parts.next() orelse break;
            const value = parts.next() orelse break;
            headers[count] = .{ .name = .of(name), .value = .of(value) };
        }
        core.synapse_device_request_head(device, request, .of(method), .of(target), .of(client), &headers, count);
    }
};

fn simulatedLink(_: ?*anyopaque, out: *ports.Link) callconv(.c) void {
    out.kind = .of("simulated");
}

const properties_max = 16;
const correlation_bytes_max = 256;

/// A message from the broker, whole. `meta` is topic, "qos retain duplicate" as three digits, packet id, content type, response topic, correlation data in
/// hexadecimal, then names and values of properties, each ended by a zero byte.
pub fn mqttReceived(device: *core.Core, request: u32, meta: []const u8, payload: []const u8) void {
    var parts = std.mem.splitScalar(u8, meta, 0);
    const topic = parts.next() orelse "";
    const flags = parts.next() orelse "";
    const packet_id = parts.next() orelse "";
    const content_type = parts.next() orelse "";
    const response_topic = parts.next() orelse "";
    const hex = parts.next() orelse "";
    var correlation: [correlation_bytes_max]u8 = undefined;
    var properties: [properties_max]ports.Header = undefined;
    var count: usize = 0;
    while (count < properties_max) : (count += 1) {
        const name = parts.next() orelse break;
        const value = parts.next() orelse break;
        properties[count] = .{ .name = .of(name), .value = .of(value) };
    }
    if (flags.len != 3) return;
    core.synapse_device_mqtt_received(device, request, &.{
        .qos = flags[0] - '0',
        .retain = flags[1] - '0',
        .duplicate = flags[2] - '0',
        .packet_id = std.fmt.parseInt(u32, packet_id, 10) catch 0,
        .topic = .of(topic),
        .payload = payload.ptr,
        .payload_bytes = payload.len,
        .total_bytes = payload.len,
        .content_type = .of(content_type),
        .response_topic = .of(response_topic),
        .correlation = .of(std.fmt.hexToBytes(&correlation, hex[0..@min(hex.len, 2 * correlation_bytes_max)]) catch ""),
        .properties = &properties,
        .property_count = count,
    });
}

/// A message to the broker but for its payload: topic, "qos retain" as two digits, content type, correlation data in hexadecimal, then properties.
pub fn flattenMessage(message: *const ports.MqttMessage, buffer: *[2048]u8) []const u8 {
    var writer: std.Io.Writer = .fixed(buffer);
    writer.print("{s}\x00{d}{d}\x00{s}\x00{x}\x00", .{ message.topic.slice(), message.qos, message.retain, message.content_type.slice(), message.correlation.slice() }) catch unreachable;
    if (message.properties) |list| for (list[0..message.property_count]) |property| {
        writer.print("{s}\x00{s}\x00", .{ property.name.slice(), property.value.slice() }) catch unreachable;
    };
    return writer.buffered();
}

/// With what to connect: broker, user, password, client id, topic and payload of the will, seconds of keep-alive.
pub fn flattenSession(device: *const core.Core, buffer: *[2048]u8) []const u8 {
    var session: ports.MqttSession = .{};
    _ = core.synapse_device_get_mqtt_session(device, &session);
    var writer: std.Io.Writer = .fixed(buffer);
    for ([_]ports.Text{ session.broker_url, session.username, session.password, session.client_id, session.will_topic, session.will_payload }) |text| {
        writer.print("{s}\x00", .{text.slice()}) catch unreachable;
    }
    writer.print("{d}", .{session.keepalive_s}) catch unreachable;
    return writer.buffered();
}

/// What the board calls itself: id, name, the model that runs (empty: none); each ended by a zero byte.
pub fn flattenIdentity(board_core: *const core.Core, buffer: *[2048]u8) []const u8 {
    var writer: std.Io.Writer = .fixed(buffer);
    const device = board_core.device;
    const model = if (device.active.model) |*open| open.name() else "";
    for ([_][]const u8{ device.config.device_id.slice(), device.name(), model }) |text| {
        writer.print("{s}\x00", .{text}) catch unreachable;
    }
    return writer.buffered();
}

/// What a port gives the core of a simulated board's flash; `boardOf` finds the board of a port's `user`.
pub fn FlashCalls(comptime boardOf: fn (?*anyopaque) *Board) type {
    return struct {
        pub fn read(user: ?*anyopaque, area: u32, offset: u32, out: [*]u8, bytes: usize) callconv(.c) Result {
            return SimFlash.calls.read(&boardOf(user).flash, area, offset, out, bytes);
        }

        pub fn erase(user: ?*anyopaque, area: u32, offset: u32) callconv(.c) Result {
            return SimFlash.calls.erase(&boardOf(user).flash, area, offset);
        }

        pub fn write(user: ?*anyopaque, area: u32, offset: u32, data: [*]const u8, bytes: usize) callconv(.c) Result {
            return SimFlash.calls.write(&boardOf(user).flash, area, offset, data, bytes);
        }

        pub fn map(user: ?*anyopaque, area: u32) callconv(.c) ?[*]align(64) const u8 {
            return @alignCast(boardOf(user).flash.contents(area).ptr);
        }

        const Result = @typeInfo(@typeInfo(ports.FlashRead).pointer.child).@"fn".return_type.?;
    };
}

/// What a port gives the core to update a simulated board's firmware.
pub fn FirmwareCalls(comptime boardOf: fn (?*anyopaque) *Board) type {
    return sim_ota.Calls(struct {
        fn otaOf(user: ?*anyopaque) *SimOta {
            return &boardOf(user).ota.?;
        }
    }.otaOf);
}

/// The headers of an answer, flattened as in `requestHead`. 2 KiB is more than the core's longest head.
pub fn flattenHeaders(headers: []const ports.Header, buffer: *[2048]u8) []const u8 {
    var writer: std.Io.Writer = .fixed(buffer);
    for (headers) |header| writer.print("{s}\x00{s}\x00", .{ header.name.slice(), header.value.slice() }) catch unreachable;
    return writer.buffered();
}

// Allocator.alloc writes 0xaa over fresh memory in safe builds, which would touch all 32 MiB of a board's PSRAM; rawAlloc does not.
fn rawPages(pages: std.mem.Allocator, byte_count: usize) error{OutOfMemory}![]align(64) u8 {
    const start = pages.rawAlloc(byte_count, alignment, @returnAddress()) orelse return error.OutOfMemory;
    return @as([*]align(64) u8, @alignCast(start))[0..byte_count];
}

fn freePages(pages: std.mem.Allocator, bytes: []align(64) u8) void {
    if (bytes.len > 0) pages.rawFree(bytes, alignment, @returnAddress());
}
