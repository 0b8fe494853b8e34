//! A simulated board as a WASM module: one instance, one board. The host's functions are imported from the module "port"; bytes cross as
//! address and length in this module's memory, which may grow in any call that takes memory, so views must be fetched anew after each.
const std = @import("std");
const boards = @import("board.zig");
const Board = boards.Board;
const ports = boards.ports;

comptime {
    // The runtime's C API, which the core calls.
    @import("synapse").c_api.exportAll();
}

const allocator = std.heap.wasm_allocator;

const host = struct {
    extern "port" fn log(level: u32, text: [*]const u8, bytes: usize) void;
    extern "port" fn ticks_us() f64;
    extern "port" fn random(out: [*]u8, bytes: usize) void;
    extern "port" fn send_head(request: u32, status: u32, headers: [*]const u8, bytes: usize) void;
    extern "port" fn send_chunk(request: u32, bytes: [*]const u8, byte_count: usize) void;
    extern "port" fn end(request: u32) void;
    extern "port" fn decode_image(job: u32, bytes: [*]const u8, byte_count: usize, media_type: [*]const u8, type_bytes: usize, width: u32, height: u32) void;
    extern "port" fn start_work() void;
    extern "port" fn reboot() void;
    extern "port" fn mqtt_publish(meta: [*]const u8, meta_bytes: usize, payload: [*]const u8, payload_bytes: usize) i32;
    extern "port" fn mqtt_subscribe(filter: [*]const u8, bytes: usize, on: u32) void;
    extern "port" fn settings_changed() void;
    extern "port" fn fetch_start(fetch: u32, url: [*]const u8, bytes: usize, from_byte: f64) void;
    extern "port" fn fetch_cancel(fetch: u32) void;
};

fn boardOf(_: ?*anyopaque) *Board {
    return board.?;
}

const flash = boards.FlashCalls(boardOf);
const firmware = boards.FirmwareCalls(boardOf);

const port_table: ports.Port = .{
    .flash_read = flash.read,
    .flash_erase = flash.erase,
    .flash_write = flash.write,
    .flash_map = flash.map,
    .firmware_begin = firmware.begin,
    .firmware_write = firmware.write,
    .firmware_check = firmware.check,
    .firmware_activate = firmware.activate,
    .firmware_abort = firmware.abort,
    .firmware_confirm = firmware.confirm,
    .fetch_start = struct {
        fn call(_: ?*anyopaque, fetch: u32, url: ports.Text, from_byte: u64) callconv(.c) void {
            const text = url.slice();
            host.fetch_start(fetch, text.ptr, text.len, @floatFromInt(from_byte));
        }
    }.call,
    .fetch_cancel = struct {
        fn call(_: ?*anyopaque, fetch: u32) callconv(.c) void {
            host.fetch_cancel(fetch);
        }
    }.call,
    .reboot = struct {
        fn call(_: ?*anyopaque) callconv(.c) void {
            host.reboot();
        }
    }.call,
    .mqtt_publish = struct {
        fn call(_: ?*anyopaque, message: *const ports.MqttMessage) callconv(.c) i32 {
            var buffer: [2048]u8 = undefined;
            const meta = boards.flattenMessage(message, &buffer);
            return host.mqtt_publish(meta.ptr, meta.len, message.payload.?, message.payload_bytes);
        }
    }.call,
    .mqtt_subscribe = struct {
        fn call(_: ?*anyopaque, filter: ports.Text, on: u32) callconv(.c) void {
            const text = filter.slice();
            host.mqtt_subscribe(text.ptr, text.len, on);
        }
    }.call,
    .settings_changed = struct {
        fn call(_: ?*anyopaque) callconv(.c) void {
            host.settings_changed();
        }
    }.call,
    .log = struct {
        fn call(_: ?*anyopaque, level: u32, text: [*]const u8, bytes: usize) callconv(.c) void {
            host.log(level, text, bytes);
        }
    }.call,
    .ticks_us = struct {
        fn call(_: ?*anyopaque) callconv(.c) u64 {
            return @intFromFloat(host.ticks_us());
        }
    }.call,
    .random = struct {
        fn call(_: ?*anyopaque, out: [*]u8, bytes: usize) callconv(.c) void {
            host.random(out, bytes);
        }
    }.call,
    .send_head = struct {
        fn call(_: ?*anyopaque, request: u32, status: u32, headers: [*]const ports.Header, count: usize) callconv(.c) void {
            var buffer: [2048]u8 = undefined;
            const flat = boards.flattenHeaders(headers[0..count], &buffer);
            host.send_head(request, status, flat.ptr, flat.len);
        }
    }.call,
    .send_chunk = struct {
        fn call(_: ?*anyopaque, request: u32, bytes: [*]const u8, count: usize) callconv(.c) void {
            host.send_chunk(request, bytes, count);
        }
    }.call,
    .end = struct {
        fn call(_: ?*anyopaque, request: u32) callconv(.c) void {
            host.end(request);
        }
    }.call,
    .decode_image = struct {
        fn call(_: ?*anyopaque, job: u32, bytes: [*]const u8, count: usize, media_type: ports.Text, width: u32, height: u32) callconv(.c) void {
            const name = media_type.slice();
            host.decode_image(job, bytes, count, name.ptr, name.len, width, height);
        }
    }.call,
    .start_work = struct {
        fn call(_: ?*anyopaque) callconv(.c) void {
            host.start_work();
        }
    }.call,
};

var board: ?*Board = null;

/// Memory for the host to write arguments in.
export fn board_alloc(bytes: usize) ?[*]u8 {
    return (allocator.alloc(u8, bytes) catch return null).ptr;
}

export fn board_free(start: [*]u8, bytes: usize) void {
    allocator.free(start[0..bytes]);
}

/// What the core itself takes of a board's memory, without any model. Its pointers are as wide here as on the chip.
export fn core_fast_bytes(threads: u32, body_bytes_max: u32, exchange_count: u32) u32 {
    return coreBytes(threads, body_bytes_max, exchange_count).fast;
}

export fn core_slow_bytes(threads: u32, body_bytes_max: u32, exchange_count: u32) u32 {
    return coreBytes(threads, body_bytes_max, exchange_count).slow;
}

fn coreBytes(threads: u32, body_bytes_max: u32, exchange_count: u32) struct { fast: u32 = 0, slow: u32 = 0 } {
    const config: ports.Config = .{ .threads = threads, .body_bytes_max = body_bytes_max, .exchange_count = exchange_count };
    var fast: usize = 0;
    var slow: usize = 0;
    if (boards.core.synapse_device_get_requirements(&config, &fast, &slow) != .ok) return .{};
    return .{ .fast = @intCast(fast), .slow = @intCast(slow) };
}

/// 0, or -1 when the options are not those of board.zig, -2 when there is no memory.
export fn board_create(options: [*]const u8, bytes: usize) i32 {
    board = Board.create(allocator, allocator, options[0..bytes], port_table) catch |err| return switch (err) {
        error.Options => -1,
        error.OutOfMemory => -2,
    };
    return 0;
}

/// 0 when the file is larger than the slot.
export fn board_program(slot: u32, file: [*]const u8, bytes: usize) u32 {
    return @intFromBool(board.?.program(@intCast(slot & 1), file[0..bytes]));
}

export fn board_boot() i32 {
    return @backingInt(board.?.boot());
}

export fn board_restart(reason: [*]const u8, bytes: usize) i32 {
    return @backingInt(board.?.restart(reason[0..bytes]));
}

export fn board_cut_power(after: f64, cut: u32) void {
    board.?.cutPower(@intFromFloat(after), cut);
}

export fn board_powered() u32 {
    return @intFromBool(board.?.flash.powered);
}

export fn board_flash_operations() f64 {
    return @floatFromInt(board.?.flash.operations);
}

export fn board_error_message() [*]const u8 {
    return board.?.errorMessage().ptr;
}

export fn board_error_message_bytes() usize {
    return board.?.errorMessage().len;
}

export fn board_error_region() u32 {
    return board.?.last_error.region;
}

export fn board_error_bytes_missing() f64 {
    return @floatFromInt(board.?.last_error.bytes_missing);
}

export fn board_error_model_code() i32 {
    return board.?.last_error.model_code;
}

export fn board_request_head(request: u32, flat: [*]const u8, bytes: usize) void {
    board.?.requestHead(request, flat[0..bytes]);
}

export fn board_body_chunk(request: u32, bytes: [*]const u8, count: usize) void {
    boards.core.synapse_device_body_chunk(board.?.device.?, request, bytes, count);
}

export fn board_request_end(request: u32) void {
    boards.core.synapse_device_request_end(board.?.device.?, request);
}

export fn board_request_closed(request: u32) void {
    boards.core.synapse_device_request_closed(board.?.device.?, request);
}

export fn board_image_decoded(job: u32, rgb: ?[*]const u8, count: usize, message: [*]const u8, message_bytes: usize) void {
    boards.core.synapse_device_image_decoded(board.?.device.?, job, rgb, count, .of(message[0..message_bytes]));
}

export fn board_work() void {
    boards.core.synapse_device_work(board.?.device.?);
}

export fn board_work_done() void {
    boards.core.synapse_device_work_done(board.?.device.?);
}

export fn board_mqtt_connected(protocol: u32) void {
    if (board.?.device) |device| boards.core.synapse_device_mqtt_connected(device, protocol);
}

export fn board_mqtt_disconnected() void {
    if (board.?.device) |device| boards.core.synapse_device_mqtt_disconnected(device);
}

export fn board_mqtt_failed(detail: [*]const u8, detail_bytes: usize) void {
    if (board.?.device) |device| boards.core.synapse_device_mqtt_failed(device, .of(detail[0..detail_bytes]));
}

export fn board_mqtt_received(request: u32, meta: [*]const u8, meta_bytes: usize, payload: [*]const u8, payload_bytes: usize) void {
    if (board.?.device) |device| boards.mqttReceived(device, request, meta[0..meta_bytes], payload[0..payload_bytes]);
}

var session_text: [2048]u8 = undefined;

/// Its length; the text lies at board_mqtt_session_text.
export fn board_mqtt_session() usize {
    return boards.flattenSession(board.?.device orelse return 0, &session_text).len;
}

export fn board_mqtt_session_text() [*]const u8 {
    return &session_text;
}

/// As board_mqtt_session, in the same place.
export fn board_identity() usize {
    return boards.flattenIdentity(board.?.device orelse return 0, &session_text).len;
}

export fn board_open_claim() void {
    if (board.?.device) |device| boards.core.synapse_device_open_claim(device);
}

export fn board_fetch_head(fetch: u32, status: u32, length: f64, media_type: [*]const u8, type_bytes: usize) void {
    if (board.?.device) |device| boards.core.synapse_device_fetch_head(device, fetch, status, @intFromFloat(length), .of(media_type[0..type_bytes]));
}

export fn board_fetch_chunk(fetch: u32, bytes: [*]const u8, byte_count: usize) void {
    if (board.?.device) |device| boards.core.synapse_device_fetch_chunk(device, fetch, bytes, byte_count);
}

export fn board_fetch_end(fetch: u32, result: u32) void {
    if (board.?.device) |device| boards.core.synapse_device_fetch_end(device, fetch, result);
}

export fn board_tick(now_us: f64) void {
    if (board.?.device) |device| boards.core.synapse_device_tick(device, @intFromFloat(now_us));
}
