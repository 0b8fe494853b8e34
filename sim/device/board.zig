//! One simulated board as its hosts in JavaScript see it: the device core with memory of the board's sizes around it. The WASM entry and
//! the Node addon differ only in how they call this and in the port that they give.
const std = @import("std");
pub const core = @import("synapse_device");
pub const ports = core.ports;

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
    resetCount: u32 = 0,
    resetReason: []const u8 = "power-on",
};

const headers_max = 16;
/// Of a host's build, for each thread. Not the board's memory, so it is not taken from `fastBytes`; pages that no model uses cost nothing.
const scratch_bytes_per_thread = 1 << 20;

pub const Board = struct {
    allocator: std.mem.Allocator,
    options: std.json.Parsed(Options),
    port: ports.Port,
    fast: []align(64) u8 = &.{},
    slow: []align(64) u8 = &.{},
    scratch: []align(64) u8 = &.{},
    model: []align(64) u8 = &.{},
    device: ?*core.Device = null,
    last_error: ports.ErrorInfo = .{},

    /// `allocator` holds the small things, `pages` gives whole pages that are zero and unused until written.
    pub fn create(allocator: std.mem.Allocator, pages: std.mem.Allocator, options_json: []const u8, port: ports.Port) error{ OutOfMemory, Options }!*Board {
        const options = std.json.parseFromSlice(Options, allocator, options_json, .{ .allocate = .alloc_always }) catch return error.Options;
        errdefer options.deinit();
        const board = try allocator.create(Board);
        errdefer allocator.destroy(board);
        board.* = .{ .allocator = allocator, .options = options, .port = port };
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
        freePages(pages, board.model);
        board.options.deinit();
        board.allocator.destroy(board);
    }

    /// Where the host writes the model file before `start`.
    pub fn reserveModel(board: *Board, pages: std.mem.Allocator, byte_count: usize) error{OutOfMemory}![]align(64) u8 {
        freePages(pages, board.model);
        board.model = &.{};
        board.model = try rawPages(pages, byte_count);
        return board.model;
    }

    pub fn start(board: *Board) ports.Result {
        const options = &board.options.value;
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
            .reset_count = options.resetCount,
            .reset_reason = .of(options.resetReason),
        };
        board.last_error = .{};
        return core.synapse_device_init(&config, &board.device, &board.last_error);
    }

    /// `file` stays as it is as long as the board does; it may be what `reserveModel` gave.
    pub fn load(board: *Board, slot: []const u8, file: []align(64) const u8) ports.Result {
        board.last_error = .{};
        return core.synapse_device_load_model(board.device, .of(slot), file.ptr, file.len, &board.last_error);
    }

    pub fn errorMessage(board: *const Board) []const u8 {
        return std.mem.sliceTo(&board.last_error.message, 0);
    }

    /// `flat` is method, target, then names and values of headers, each ended by a zero byte, which none of them can contain.
    pub fn requestHead(board: *Board, request: u32, flat: []const u8) void {
        const device = board.device orelse return;
        var parts = std.mem.splitScalar(u8, flat, 0);
        const method = parts.next() orelse "";
        const target = parts.next() orelse "";
        var headers: [headers_max]ports.Header = undefined;
        var count: usize = 0;
        while (count < headers_max) : (count += 1) {
            const name = parts.next() orelse break;
            const value = parts.next() orelse break;
            headers[count] = .{ .name = .of(name), .value = .of(value) };
        }
        core.synapse_device_request_head(device, request, .of(method), .of(target), &headers, count);
    }
};

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
