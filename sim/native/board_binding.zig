//! JavaScript's view of a simulated board: the device core (sim/device/board.zig) with a port of JavaScript functions. The core's events and
//! the port's functions all run on JavaScript's thread; only the core's work runs on one of libuv's.

const std = @import("std");
const node_api = @import("node_api");
const napi = node_api.napi;
const memory = node_api.memory;
const Pool = node_api.Pool;
const boards = @import("board");
const synapse = @import("synapse");
const ports = boards.ports;
const core = boards.core;
const Env = napi.Env;
const Value = napi.Value;

comptime {
    // The device core knows the runtime by the names of its C API.
    synapse.c_api.exportAll();
}

pub const functions = .{
    .{ "boardCreate", create },
    .{ "boardProgram", program },
    .{ "boardBoot", boot },
    .{ "boardRestart", restart },
    .{ "boardCutPower", cutPower },
    .{ "boardFlash", flashStatus },
    .{ "boardError", lastError },
    .{ "boardRequestHead", requestHead },
    .{ "boardBodyChunk", bodyChunk },
    .{ "boardRequestEnd", requestEnd },
    .{ "boardRequestClosed", requestClosed },
    .{ "boardImageDecoded", imageDecoded },
    .{ "boardTick", tick },
    .{ "boardWork", workNow },
    .{ "boardOpenClaim", openClaim },
    .{ "boardIdentity", identity },
    .{ "boardClose", close },
};

const pages = std.heap.page_allocator;

pub const Handle = struct {
    env: Env,
    board: *boards.Board,
    /// The object with JavaScript's side of the port.
    port: napi.Ref,
    /// Waits for the work under way; events until then are lost, as on a board that resets.
    restart_reason: ?[]u8 = null,
    pool: Pool = .{},
    work: napi.Work = undefined,
    working: bool = false,
    /// JavaScript gives the time and says when work is done, on its own thread: for boards whose clock a test holds.
    stepped: bool = false,
    closed: bool = false,
    freed: bool = false,
    /// JavaScript's own view of this handle: keeps it from being collected while the board is open.
    external: ?napi.Ref = null,

    fn free(self: *Handle, env: Env) void {
        if (self.freed) return;
        self.freed = true;
        self.pool.join();
        if (self.restart_reason) |reason| std.heap.c_allocator.free(reason);
        if (self.external) |external| napi.release(env, external);
        napi.release(env, self.port);
        self.board.destroy(pages);
    }
};

/// boardCreate(options: Uint8Array of JSON, port: object, stepped: 0 | 1): External. Throws when the options are not those of board.zig. Stepped: the
/// port's `now` gives microseconds, and its `workWanted` asks for a boardWork.
fn create(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 3);
    const stepped = try napi.unsigned(env, arguments[2]) != 0;
    const options = try napi.bytesOf(env, arguments[0]);
    const handle = memory.create(Handle) catch return memory.exhausted(env, @sizeOf(Handle));
    errdefer memory.destroy(handle);
    const board = boards.Board.create(std.heap.c_allocator, pages, options, port(handle)) catch |err| return switch (err) {
        error.Options => error.JavaScript,
        error.OutOfMemory => memory.exhausted(env, 0),
    };
    errdefer board.destroy(pages);
    handle.* = .{ .env = env, .board = board, .port = try napi.reference(env, arguments[1]), .stepped = stepped };
    errdefer napi.release(env, handle.port);
    const value = try napi.external(env, handle, finalize);
    handle.external = try napi.reference(env, value);
    // One thread computes the same bytes; many boards in one process would be many threads.
    if (!stepped) handle.pool.start(board.options.value.threads);
    return value;
}

fn finalize(env: Env, data: ?*anyopaque, hint: ?*anyopaque) callconv(.c) void {
    _ = hint;
    const handle: *Handle = @ptrCast(@alignCast(data.?));
    handle.free(env);
    memory.destroy(handle);
}

pub fn handleOf(env: Env, value: Value) napi.Error!*Handle {
    const handle = try napi.externalData(Handle, env, value);
    if (handle.closed) return napi.throw(env, try napi.failure(env, "CLOSED", "the board was closed", 0));
    handle.env = env;
    return handle;
}

/// boardProgram(board, slot: 0 | 1, model: Uint8Array): 1, or 0 when the model is larger than the slot.
fn program(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 3);
    const handle = try handleOf(env, arguments[0]);
    const slot: u1 = @truncate(try napi.unsigned(env, arguments[1]));
    return number(env, @intFromBool(handle.board.program(slot, try napi.bytesOf(env, arguments[2]))));
}

/// boardBoot(board): the core's result.
fn boot(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const handle = try handleOf(env, (try napi.arguments(env, call, 1))[0]);
    return number(env, @backingInt(handle.board.boot()));
}

/// boardRestart(board, reason: Uint8Array): calls the port's `restarted` with the core's result, after the work under way if there is any.
fn restart(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 2);
    const handle = try handleOf(env, arguments[0]);
    const reason = try napi.bytesOf(env, arguments[1]);
    const copy = std.heap.c_allocator.dupe(u8, reason) catch return memory.exhausted(env, reason.len);
    if (handle.restart_reason) |old| std.heap.c_allocator.free(old);
    handle.restart_reason = copy;
    if (!handle.working) restartNow(handle);
    return napi.undefinedValue(env);
}

fn restartNow(handle: *Handle) void {
    const reason = handle.restart_reason.?;
    handle.restart_reason = null;
    const result = handle.board.restart(reason);
    std.heap.c_allocator.free(reason);
    const values = [_]Value{number(handle.env, @backingInt(result)) catch return};
    napi.callMethod(handle.env, handle.port, "restarted", &values) catch {};
}

/// boardCutPower(board, after, cut): power goes in the middle of that flash operation.
fn cutPower(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 3);
    const handle = try handleOf(env, arguments[0]);
    handle.board.cutPower(try napi.unsigned(env, arguments[1]), try napi.unsigned(env, arguments[2]));
    return napi.undefinedValue(env);
}

/// boardFlash(board): {powered, operations}
fn flashStatus(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const handle = try handleOf(env, (try napi.arguments(env, call, 1))[0]);
    const result = try napi.object(env);
    try napi.set(env, result, "powered", try number(env, @intFromBool(handle.board.flash.powered)));
    try napi.set(env, result, "operations", try number(env, handle.board.flash.operations));
    return result;
}

fn number(env: Env, value: anytype) napi.Error!Value {
    return napi.number(env, value);
}

/// boardError(board): {message, region, bytesMissing} of the last boot.
fn lastError(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const handle = try handleOf(env, (try napi.arguments(env, call, 1))[0]);
    const result = try napi.object(env);
    try napi.set(env, result, "message", try napi.string(env, handle.board.errorMessage()));
    try napi.set(env, result, "region", try number(env, handle.board.last_error.region));
    try napi.set(env, result, "bytesMissing", try number(env, handle.board.last_error.bytes_missing));
    return result;
}

/// A running board and a request's number, for the events.
pub const Event = struct { handle: *Handle, device: *core.Core, request: u32 };

pub fn event(env: Env, board: Value, request: Value) napi.Error!Event {
    const handle = try handleOf(env, board);
    if (handle.restart_reason != null) return napi.throw(env, try napi.failure(env, "RESTARTING", "the board is being reset", 0));
    const device = handle.board.device orelse return error.JavaScript;
    return .{ .handle = handle, .device = device, .request = try napi.unsigned(env, request) };
}

/// boardRequestHead(board, request, flat: Uint8Array)
fn requestHead(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 3);
    const under_way = try event(env, arguments[0], arguments[1]);
    under_way.handle.board.requestHead(under_way.request, try napi.bytesOf(env, arguments[2]));
    return napi.undefinedValue(env);
}

/// boardBodyChunk(board, request, bytes: Uint8Array)
fn bodyChunk(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 3);
    const under_way = try event(env, arguments[0], arguments[1]);
    const bytes = try napi.bytesOf(env, arguments[2]);
    core.synapse_device_body_chunk(under_way.device, under_way.request, bytes.ptr, bytes.len);
    return napi.undefinedValue(env);
}

/// boardRequestEnd(board, request)
fn requestEnd(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 2);
    const under_way = try event(env, arguments[0], arguments[1]);
    core.synapse_device_request_end(under_way.device, under_way.request);
    return napi.undefinedValue(env);
}

/// boardRequestClosed(board, request)
fn requestClosed(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 2);
    const under_way = try event(env, arguments[0], arguments[1]);
    core.synapse_device_request_closed(under_way.device, under_way.request);
    return napi.undefinedValue(env);
}

/// boardImageDecoded(board, job, rgb: Uint8Array, message: Uint8Array); an empty rgb means that decoding failed.
fn imageDecoded(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 4);
    const under_way = try event(env, arguments[0], arguments[1]);
    const rgb = try napi.bytesOf(env, arguments[2]);
    const message = try napi.bytesOf(env, arguments[3]);
    core.synapse_device_image_decoded(under_way.device, under_way.request, if (rgb.len > 0) rgb.ptr else null, rgb.len, .of(message));
    return napi.undefinedValue(env);
}

/// boardTick(board)
fn tick(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const handle = try handleOf(env, (try napi.arguments(env, call, 1))[0]);
    if (handle.restart_reason == null) if (handle.board.device) |device| core.synapse_device_tick(device, microseconds(handle));
    return napi.undefinedValue(env);
}

/// boardWork(board): does the work that the port's `workWanted` asked for.
fn workNow(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const handle = try handleOf(env, (try napi.arguments(env, call, 1))[0]);
    const device = handle.board.device orelse return error.JavaScript;
    core.synapse_device_work(device);
    core.synapse_device_work_done(device);
    return napi.undefinedValue(env);
}

/// boardOpenClaim(board): somebody presses the button.
fn openClaim(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const handle = try handleOf(env, (try napi.arguments(env, call, 1))[0]);
    if (running(handle)) |device| core.synapse_device_open_claim(device);
    return napi.undefinedValue(env);
}

pub fn running(handle: *Handle) ?*core.Core {
    return if (handle.restart_reason == null) handle.board.device else null;
}

/// boardIdentity(board): text; see flattenIdentity of board.zig.
fn identity(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const handle = try handleOf(env, (try napi.arguments(env, call, 1))[0]);
    var buffer: [2048]u8 = undefined;
    return napi.string(env, if (running(handle)) |device| boards.flattenIdentity(device, &buffer) else "");
}

/// boardClose(board): gives its memory back, after the work under way if there is any.
fn close(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const handle = try napi.externalData(Handle, env, (try napi.arguments(env, call, 1))[0]);
    handle.closed = true;
    if (!handle.working) handle.free(env);
    return napi.undefinedValue(env);
}

fn microseconds(user: ?*anyopaque) callconv(.c) u64 {
    const handle: *Handle = @ptrCast(@alignCast(user.?));
    if (handle.stepped) {
        const now = napi.callMethodFor(handle.env, handle.port, "now", &.{}) catch return 0;
        return @intFromFloat(@max(0, napi.double(handle.env, now orelse return 0) catch 0));
    }
    var time: std.c.timespec = undefined;
    _ = std.c.clock_gettime(.MONOTONIC, &time);
    return @as(u64, @intCast(time.sec)) * 1_000_000 + @as(u64, @intCast(time.nsec)) / 1000;
}

fn execute(env: Env, data: ?*anyopaque) callconv(.c) void {
    _ = env;
    const handle: *Handle = @ptrCast(@alignCast(data.?));
    core.synapse_device_work(handle.board.device.?);
}

fn complete(env: Env, status: u32, data: ?*anyopaque) callconv(.c) void {
    // The status tells of cancelled work, which nobody does here.
    _ = status;
    const handle: *Handle = @ptrCast(@alignCast(data.?));
    handle.env = env;
    handle.working = false;
    napi.deleteWork(env, handle.work);
    if (handle.closed) return handle.free(env);
    if (handle.restart_reason != null) return restartNow(handle);
    core.synapse_device_work_done(handle.board.device.?);
}

fn port(handle: *Handle) ports.Port {
    return .{
        .user = handle,
        .log = calls.log,
        .ticks_us = microseconds,
        .random = calls.random,
        .send_head = calls.sendHead,
        .send_chunk = calls.sendChunk,
        .end = calls.end,
        .decode_image = calls.decodeImage,
        .start_work = calls.startWork,
        .parallel_for = calls.parallelFor,
        .mqtt_publish = calls.mqttPublish,
        .mqtt_subscribe = calls.mqttSubscribe,
        .settings_changed = calls.settingsChanged,
        .flash_read = flash.read,
        .flash_erase = flash.erase,
        .flash_write = flash.write,
        .flash_map = flash.map,
        .reboot = calls.reboot,
        .firmware_begin = firmware.begin,
        .firmware_write = firmware.write,
        .firmware_check = firmware.check,
        .firmware_activate = firmware.activate,
        .firmware_abort = firmware.abort,
        .firmware_confirm = firmware.confirm,
        .fetch_start = calls.fetchStart,
        .fetch_cancel = calls.fetchCancel,
    };
}

fn boardOf(user: ?*anyopaque) *boards.Board {
    return calls.of(user).board;
}

const flash = boards.FlashCalls(boardOf);
const firmware = boards.FirmwareCalls(boardOf);

/// The port's functions. A value that cannot be made means that JavaScript has no memory left; the answer is then lost.
const calls = struct {
    fn of(user: ?*anyopaque) *Handle {
        return @ptrCast(@alignCast(user.?));
    }

    fn log(user: ?*anyopaque, level: u32, text: [*]const u8, bytes: usize) callconv(.c) void {
        const handle = of(user);
        const env = handle.env;
        const values = [_]Value{ number(env, level) catch return, napi.string(env, text[0..bytes]) catch return };
        napi.callMethod(env, handle.port, "log", &values) catch {};
    }

    fn random(user: ?*anyopaque, out: [*]u8, bytes: usize) callconv(.c) void {
        const handle = of(user);
        const env = handle.env;
        // JavaScript fills the array; the core must never go on with bytes that are not random.
        var filled: []u8 = undefined;
        const values = [_]Value{napi.newBytes(env, bytes, &filled) catch @panic("no memory for random bytes")};
        napi.callMethod(env, handle.port, "random", &values) catch @panic("no source of random bytes");
        @memcpy(out[0..bytes], filled);
    }

    fn sendHead(user: ?*anyopaque, request: u32, status: u32, headers: [*]const ports.Header, count: usize) callconv(.c) void {
        const handle = of(user);
        const env = handle.env;
        var buffer: [2048]u8 = undefined;
        const flat = boards.flattenHeaders(headers[0..count], &buffer);
        const values = [_]Value{ number(env, request) catch return, number(env, status) catch return, napi.string(env, flat) catch return };
        napi.callMethod(env, handle.port, "sendHead", &values) catch {};
    }

    fn sendChunk(user: ?*anyopaque, request: u32, bytes: [*]const u8, count: usize) callconv(.c) void {
        const handle = of(user);
        const env = handle.env;
        const values = [_]Value{ number(env, request) catch return, napi.copyOf(env, bytes[0..count]) catch return };
        napi.callMethod(env, handle.port, "sendChunk", &values) catch {};
    }

    fn end(user: ?*anyopaque, request: u32) callconv(.c) void {
        const handle = of(user);
        const values = [_]Value{number(handle.env, request) catch return};
        napi.callMethod(handle.env, handle.port, "end", &values) catch {};
    }

    fn decodeImage(user: ?*anyopaque, job: u32, bytes: [*]const u8, count: usize, media_type: ports.Text, width: u32, height: u32) callconv(.c) void {
        const handle = of(user);
        const env = handle.env;
        const values = [_]Value{
            number(env, job) catch return,
            napi.copyOf(env, bytes[0..count]) catch return,
            napi.string(env, media_type.slice()) catch return,
            number(env, width) catch return,
            number(env, height) catch return,
        };
        napi.callMethod(env, handle.port, "decodeImage", &values) catch {};
    }

    fn reboot(user: ?*anyopaque) callconv(.c) void {
        const handle = of(user);
        napi.callMethod(handle.env, handle.port, "reboot", &.{}) catch {};
    }

    /// A message that JavaScript cannot take is one that the broker has no room for.
    fn mqttPublish(user: ?*anyopaque, message: *const ports.MqttMessage) callconv(.c) i32 {
        const handle = of(user);
        const env = handle.env;
        var buffer: [2048]u8 = undefined;
        const values = [_]Value{
            napi.string(env, boards.flattenMessage(message, &buffer)) catch return -1,
            napi.copyOf(env, message.payload.?[0..message.payload_bytes]) catch return -1,
        };
        const answer = (napi.callMethodFor(env, handle.port, "mqttPublish", &values) catch return -1) orelse return -1;
        return if ((napi.double(env, answer) catch return -1) == 0) 0 else -1;
    }

    fn mqttSubscribe(user: ?*anyopaque, filter: ports.Text, on: u32) callconv(.c) void {
        const handle = of(user);
        const values = [_]Value{ napi.string(handle.env, filter.slice()) catch return, number(handle.env, on) catch return };
        napi.callMethod(handle.env, handle.port, "mqttSubscribe", &values) catch {};
    }

    fn settingsChanged(user: ?*anyopaque) callconv(.c) void {
        const handle = of(user);
        napi.callMethod(handle.env, handle.port, "settingsChanged", &.{}) catch {};
    }

    fn fetchStart(user: ?*anyopaque, fetch: u32, url: ports.Text, from_byte: u64) callconv(.c) void {
        const handle = of(user);
        const env = handle.env;
        const values = [_]Value{ number(env, fetch) catch return, napi.string(env, url.slice()) catch return, number(env, from_byte) catch return };
        napi.callMethod(env, handle.port, "fetchStart", &values) catch {};
    }

    fn fetchCancel(user: ?*anyopaque, fetch: u32) callconv(.c) void {
        const handle = of(user);
        const values = [_]Value{number(handle.env, fetch) catch return};
        napi.callMethod(handle.env, handle.port, "fetchCancel", &values) catch {};
    }

    fn startWork(user: ?*anyopaque) callconv(.c) void {
        const handle = of(user);
        if (handle.stepped) return napi.callMethod(handle.env, handle.port, "workWanted", &.{}) catch {};
        napi.queueWork(handle.env, "synapse board", execute, complete, handle, &handle.work) catch return;
        handle.working = true;
    }

    fn parallelFor(user: ?*anyopaque, count: u32, task: ports.Task, context: ?*anyopaque) callconv(.c) void {
        Pool.parallelFor(&of(user).pool, count, task, context);
    }
};
