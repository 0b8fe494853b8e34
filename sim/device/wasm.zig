//! A simulated board as a WASM module: one instance, one board. Each event is a function of the address where its
//! arguments lie, and so is each function of the port, imported from the module "port"; `board_manifest` says how they
//! lie there. Memory may grow in any call that takes some, so views must be fetched anew after each.
const std = @import("std");
const boards = @import("board.zig");
const Board = boards.Board;
const ports = boards.ports;

comptime {
    // The runtime's C API, which the core calls.
    @import("synapse").c_api.exportAll();
    @import("synapse").kernel_check.exportAll();
}

const allocator = std.heap.wasm_allocator;
var board: ?*Board = null;

const Host = struct {
    pub const own = struct {};

    pub fn boardOf(_: ?*anyopaque) *Board {
        return board.?;
    }

    pub fn ask(comptime name: [:0]const u8) ports.Call(@field(ports.functions, name)) {
        const function: ports.Function = @field(ports.functions, name);
        const host = @extern(
            *const fn (*const function.Args) callconv(.c) f64,
            .{ .name = name, .library_name = "port" },
        );
        return boards.core.c_function.of(?*anyopaque, function.Args, function.Return, struct {
            fn call(_: ?*anyopaque, args: function.Args) function.Return {
                const answer = host(&args);
                return if (function.Return == void) {} else @trunc(answer);
            }
        }.call);
    }
};

/// What the host writes arguments in. Aligned as any struct wants.
export fn board_alloc(bytes: usize) ?[*]u8 {
    return (allocator.alignedAlloc(u8, .@"16", bytes) catch return null).ptr;
}

export fn board_free(start: [*]align(16) u8, bytes: usize) void {
    allocator.free(start[0..bytes]);
}

export fn board_manifest() [*]const u8 {
    return boards.manifest.ptr;
}

export fn board_manifest_bytes() usize {
    return boards.manifest.len;
}

/// What the core itself takes of a board's memory, without any model. Its pointers are as wide here as on the chip.
export fn core_fast_bytes(threads: u32, body_bytes_max: u32, exchange_count: u32) u32 {
    return coreBytes(threads, body_bytes_max, exchange_count).fast;
}

export fn core_slow_bytes(threads: u32, body_bytes_max: u32, exchange_count: u32) u32 {
    return coreBytes(threads, body_bytes_max, exchange_count).slow;
}

fn coreBytes(threads: u32, body_bytes_max: u32, exchange_count: u32) struct { fast: u32 = 0, slow: u32 = 0 } {
    const config: ports.Config = .{
        .threads = threads,
        .body_bytes_max = body_bytes_max,
        .exchange_count = exchange_count,
    };
    var fast: usize = 0;
    var slow: usize = 0;
    if (boards.core.synapse_device_get_requirements(&config, &fast, &slow) != .ok) return .{};
    return .{ .fast = @intCast(fast), .slow = @intCast(slow) };
}

/// 0, or -1 when the options are not those of board.zig, -2 when there is no memory.
export fn board_create(options: [*]const u8, bytes: usize) i32 {
    board = Board.create(allocator, allocator, options[0..bytes], boards.portOf(Host)) catch |err| return switch (err) {
        error.Options => -1,
        error.OutOfMemory => -2,
    };
    return 0;
}

/// 0 when there is no such area of flash or the file is larger.
export fn board_program(area: u32, file: [*]const u8, bytes: usize) u32 {
    return @intFromBool(board.?.program(area, file[0..bytes]));
}

/// Where an area's bytes lie; `board_flash_bytes` says how many.
export fn board_flash(area: u32) [*]const u8 {
    return board.?.readFlash(area).ptr;
}

export fn board_flash_bytes(area: u32) usize {
    return board.?.readFlash(area).len;
}

export fn board_boot() i32 {
    return @backingInt(board.?.boot());
}

/// `reason` and `cut` are places in the manifest's `ResetReason` and `Cut`.
export fn board_restart(reason: u32) i32 {
    return @backingInt(board.?.restart(@fromBackingInt(reason)));
}

/// `bytes`: a name, 0, and a password.
export fn board_set_wifi(start: [*]const u8, bytes: usize) u32 {
    return @intFromBool(board.?.setWifi(start[0..bytes]));
}

export fn board_cut_power(after: f64, cut: u32) void {
    board.?.cutPower(@trunc(after), @fromBackingInt(@intCast(cut)));
}

comptime {
    const info = @typeInfo(ports.Event).@"union";
    for (info.field_names, info.field_types) |name, Args| {
        @export(&struct {
            fn call(args: *const Args) callconv(.c) void {
                board.?.tell(@unionInit(ports.Event, name, args.*));
            }
        }.call, .{ .name = "board_" ++ name });
    }
    for (std.meta.declarations(boards.queries)) |name| {
        const query = @field(boards.queries, name);
        @export(&struct {
            var answer: @typeInfo(@TypeOf(query)).@"fn".return_type.? = undefined;

            fn call() callconv(.c) *const anyopaque {
                answer = query(board.?);
                return &answer;
            }
        }.call, .{ .name = "board_" ++ name });
    }
}
