//! One simulated board as its hosts in JavaScript see it: the device core with memory of the board's sizes around it.
//! The WASM entry and the Node addon differ only in how they call this and in the port that they give.
const std = @import("std");
pub const core = @import("synapse_device");
pub const ports = core.ports;
pub const crossing = @import("crossing.zig");
const empty_image = @import("empty_image.zig");
const sims = @import("sim_flash.zig");
pub const Cut = sims.Cut;
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
    /// Why it starts, the first time: a name of `ResetReason`.
    resetReason: []const u8,
};

const update_keys_max = 4;

/// Areas of flash behind those that the core knows.
const ota_area = 4;
/// Why a board started.
pub const ResetReason = enum(u32) { @"power-on", software, watchdog, brownout, panic };
/// Of a host's build, for each thread. Not the board's memory, so it is not taken from `fastBytes`; pages that no model
/// uses cost nothing.
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
    reset_reason: ResetReason = .@"power-on",
    device: ?*core.Core = null,
    last_error: ports.ErrorInfo = .{},

    /// `allocator` holds the small things, `pages` gives whole pages that are zero and unused until written.
    pub fn create(
        allocator: std.mem.Allocator,
        pages: std.mem.Allocator,
        options_json: []const u8,
        port: ports.Port,
    ) error{ OutOfMemory, Options }!*Board {
        const options = std.json.parseFromSlice(
            Options,
            allocator,
            options_json,
            .{ .allocate = .alloc_always },
        ) catch return error.Options;
        errdefer options.deinit();
        const board = try allocator.create(Board);
        errdefer allocator.destroy(board);
        board.* = .{ .allocator = allocator, .options = options, .port = port, .flash = undefined };
        board.reset_reason = std.meta.stringToEnum(ResetReason, options.value.resetReason) orelse return error.Options;
        const keys = options.value.updateKeys;
        if (keys.len > update_keys_max) return error.Options;
        for (keys, board.update_keys[0..keys.len]) |hex, *key| {
            if (hex.len != 2 * key.len) return error.Options;
            _ = std.fmt.hexToBytes(key, hex) catch return error.Options;
        }
        const all = [_]u32{
            options.value.recordsBytes,
            options.value.slotBytes[0],
            options.value.slotBytes[1],
            options.value.settingsBytes,
            options.value.otaBytes[0],
            options.value.otaBytes[1],
            options.value.otadataBytes,
        };
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
        board.scratch = try rawPages(
            pages,
            std.math.mul(usize, options.value.threads, scratch_bytes_per_thread) catch return error.OutOfMemory,
        );
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
        board.ota = .{
            .places = .{ board.flash.area(ota_area), board.flash.area(ota_area + 1) },
            .record = board.flash.area(ota_area + 2),
            .chip_revision = revision,
        };
    }

    /// Puts bytes into an area of the flash as a programmer does, before a boot; the rest of the area is erased. False
    /// when there is no such area or they do not fit.
    pub fn program(board: *Board, area: u32, file: []const u8) bool {
        if (area >= board.flash.spans.len or file.len > board.flash.spans[area].bytes) return false;
        board.flash.program(area, file);
        return true;
    }

    /// What an area holds, as a programmer reads it; nothing where there is no such area. The flash's own memory.
    pub fn readFlash(board: *Board, area: u32) []const u8 {
        return if (area < board.flash.spans.len) board.flash.materialized(area) else &.{};
    }

    /// Power comes back, or the chip resets: everything but the flash starts anew. The result is that of the model.
    pub fn restart(board: *Board, reason: ResetReason) ports.Result {
        board.flash.powerOn();
        board.resets += 1;
        board.reset_reason = reason;
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
            .reset_reason = .of(@tagName(board.reset_reason)),
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
    pub fn cutPower(board: *Board, after: u64, cut: sims.Cut) void {
        board.flash.cutAt(after, cut);
    }

    /// Whoever holds the board says how to join the Wi-Fi: a name, 0, and a password. False when the core refuses it.
    pub fn setWifi(board: *Board, name_and_password: []const u8) bool {
        const device = board.device orelse return false;
        const end = std.mem.indexOfScalar(u8, name_and_password, 0) orelse return false;
        const name, const password = .{ name_and_password[0..end], name_and_password[end + 1 ..] };
        return core.synapse_device_set_wifi(device, .of(name), .of(password)) == .ok;
    }

    /// Tells the core, if it runs.
    pub fn tell(board: *Board, event: ports.Event) void {
        core.hear(board.device orelse return, event);
    }
};

/// What a host may ask of a board at any time. Each answers a struct, which crosses as `crossing` says.
pub const queries = struct {
    /// With what to connect to the broker; empty when the board does not run.
    pub fn mqtt_session(board: *Board) ports.MqttSession {
        var session: ports.MqttSession = .{};
        if (board.device) |device| _ = core.synapse_device_get_mqtt_session(device, &session);
        return session;
    }

    pub fn identity(board: *Board) Identity {
        const device = (board.device orelse return .{}).device;
        return .{
            .id = device.config.device_id,
            .name = .of(device.name()),
            .model = .of(if (device.active.model) |*open| open.name() else ""),
        };
    }

    pub fn flash_status(board: *Board) FlashStatus {
        return .{ .powered = .of(board.flash.powered), .operations = board.flash.operations };
    }

    /// Why the last boot has failed.
    pub fn boot_error(board: *Board) ports.ErrorInfo {
        return board.last_error;
    }
};

/// What the board calls itself. `name` is for people, `model` the one that runs; empty when none does.
pub const Identity = extern struct { id: ports.Text = .{}, name: ports.Text = .{}, model: ports.Text = .{} };

/// Whether the flash has power, and how many erases and writes it has seen.
pub const FlashStatus = extern struct { powered: ports.Flag, operations: u64 };

/// What the board answers its core itself: for its flash, its firmware, its chip's cryptography and its link. `boardOf`
/// finds the board of a port's `user`.
fn Own(comptime boardOf: fn (?*anyopaque) *Board) type {
    return struct {
        const firmware = sim_ota.Calls(struct {
            fn otaOf(user: ?*anyopaque) *SimOta {
                return &boardOf(user).ota.?;
            }
        }.otaOf);
        pub const firmware_begin = firmware.begin;
        pub const firmware_write = firmware.write;
        pub const firmware_check = firmware.check;
        pub const firmware_activate = firmware.activate;
        pub const firmware_abort = firmware.abort;
        pub const firmware_confirm = firmware.confirm;
        pub const verify = @import("sim_verify.zig").verify;

        pub fn get_link(_: ?*anyopaque, out: *ports.Link) callconv(.c) void {
            out.kind = .of("simulated");
        }

        pub fn flash_read(
            user: ?*anyopaque,
            area: u32,
            offset: u32,
            out: [*]u8,
            bytes: usize,
        ) callconv(.c) core.flash.Result {
            return SimFlash.calls.read(&boardOf(user).flash, area, offset, out, bytes);
        }

        pub fn flash_erase(user: ?*anyopaque, area: u32, offset: u32) callconv(.c) core.flash.Result {
            return SimFlash.calls.erase(&boardOf(user).flash, area, offset);
        }

        pub fn flash_write(
            user: ?*anyopaque,
            area: u32,
            offset: u32,
            data: [*]const u8,
            bytes: usize,
        ) callconv(.c) core.flash.Result {
            return SimFlash.calls.write(&boardOf(user).flash, area, offset, data, bytes);
        }

        pub fn flash_map(user: ?*anyopaque, area: u32) callconv(.c) ?[*]align(64) const u8 {
            return @alignCast(boardOf(user).flash.contents(area).ptr);
        }
    };
}

/// A simulated board has no processor whose cycles could be counted: what it measures is this machine's time.
fn lacks(comptime name: []const u8) bool {
    return std.mem.eql(u8, name, "cycles");
}

/// Names of the port's functions that are asked of JavaScript.
pub const asked = names: {
    @setEvalBranchQuota(100_000);
    var list: []const [:0]const u8 = &.{};
    for (ports.function_names) |name| {
        const function: ports.Function = @field(ports.functions, name);
        if (lacks(name)) continue;
        if (!@hasDecl(Own(undefined), name) and crossing.crosses(function.Args)) list = list ++ &[_][:0]const u8{name};
    }
    break :names list;
};

/// A port whose functions are the host's own, the board's, or asked of JavaScript: `Host.ask(name)` is the function
/// that does; `Host.own` has the host's own; `Host.boardOf` finds the board of a port's `user`. A function that can be
/// none of these is one that the board lacks.
pub fn portOf(comptime Host: type) ports.Port {
    const own = Own(Host.boardOf);
    comptime var port: ports.Port = undefined;
    comptime {
        @setEvalBranchQuota(100_000);
        port.size = @sizeOf(ports.Port);
        port.user = null;
        for (ports.function_names) |name| {
            const function: ports.Function = @field(ports.functions, name);
            @field(port, name) = if (lacks(name))
                null
            else if (@hasDecl(Host.own, name))
                &@field(Host.own, name)
            else if (@hasDecl(own, name))
                &@field(own, name)
            else if (crossing.crosses(function.Args))
                Host.ask(name)
            else
                null;
        }
    }
    return port;
}

/// See crossing.zig.
pub const manifest = crossing.manifest(asked, queries, Options, &.{ sims.Cut, ResetReason });

// Allocator.alloc writes 0xaa over fresh memory in safe builds, which would touch all 32 MiB of a board's PSRAM;
// rawAlloc does not.
fn rawPages(pages: std.mem.Allocator, byte_count: usize) error{OutOfMemory}![]align(64) u8 {
    const start = pages.rawAlloc(byte_count, alignment, @returnAddress()) orelse return error.OutOfMemory;
    return @as([*]align(64) u8, @alignCast(start))[0..byte_count];
}

fn freePages(pages: std.mem.Allocator, bytes: []align(64) u8) void {
    if (bytes.len > 0) pages.rawFree(bytes, alignment, @returnAddress());
}
