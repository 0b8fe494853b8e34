//! The runtime on a bare RV32IMAFC core, serving calls of the C API over the UART.
//!
//! Request payloads, u32 words: `hello, ram bytes` | `call, function, arguments...` | `ping` | `exit`.
//! The machine sends `done` when it has started, and answers: `done, values...` | `trap, mcause, mepc, mtval` |
//! `refused, reason`. After `trap` and `refused` the machine ends. `hello` answers
//! `manifest address, manifest bytes, address of the ticks function`; `call` answers the function's result.

const std = @import("std");
const guest = @import("guest");
const board = @import("board.zig");
const serial = @import("serial.zig");
const start = @import("start.zig");

pub const panic = std.debug.no_panic;

const ram_start = 0x8000_0000;
extern var __heap_start: u8;

const Command = enum(u32) { hello = 0, call = 1, ping = 2, exit = 3, _ };
const Answer = struct {
    const done: u32 = 0;
    const trap: u32 = 1;
    const refused: u32 = 2;
};
const Refusal = enum(u32) { frame = 1, command = 2, function = 3 };

var heap: guest.Heap = .{};

fn guestAlloc(bytes: u32) callconv(.c) u32 {
    return heap.alloc(bytes) orelse 0;
}

fn guestFree(address: u32, bytes: u32) callconv(.c) void {
    heap.free(address, bytes);
}

fn ticks(_: ?*anyopaque) callconv(.c) u64 {
    return start.retiredInstructions();
}

/// The checks of kernels too: this machine has the chip's instruction set and float unit.
const functions = guest.abi.functions ++ guest.abi.kernel_checks;
const manifest = guest.manifest.generate(guest.abi.structs, guest.abi.Result, functions);

/// Functions are numbered as in the manifest; the machine's own follow.
fn call(function: u32, arguments: []align(1) const u32) ?u32 {
    inline for (functions, 0..) |pair, index| {
        if (function == index) return invoke(pair[1], arguments);
    }
    return switch (function) {
        functions.len => invoke(guestAlloc, arguments),
        functions.len + 1 => invoke(guestFree, arguments),
        else => null,
    };
}

/// Every parameter and result of the C API is one 32-bit word on this machine.
fn invoke(comptime function: anytype, arguments: []align(1) const u32) ?u32 {
    const info = @typeInfo(@TypeOf(function)).@"fn";
    var tuple: std.meta.ArgsTuple(@TypeOf(function)) = undefined;
    if (arguments.len != tuple.len) return null;
    inline for (0..tuple.len) |index| tuple[index] = fromWord(@TypeOf(tuple[index]), arguments[index]);
    const result = @call(.auto, function, tuple);
    return toWord(info.return_type.?, result);
}

fn fromWord(comptime T: type, word: u32) T {
    return switch (@typeInfo(T)) {
        .int => @bitCast(word),
        .@"enum" => @fromBackingInt(@intCast(@as(i32, @bitCast(word)))),
        else => @ptrFromInt(word),
    };
}

fn toWord(comptime T: type, value: T) u32 {
    return switch (@typeInfo(T)) {
        .void => 0,
        .int => @bitCast(value),
        .@"enum" => @bitCast(@backingInt(value)),
        else => @intFromPtr(value),
    };
}

fn refuse(reason: Refusal) noreturn {
    serial.send(&.{ Answer.refused, @backingInt(reason) });
    board.exit(2);
}

fn serve(words: []align(1) const u32) void {
    if (words.len == 0) refuse(.command);
    switch (@as(Command, @fromBackingInt(@intCast(words[0])))) {
        .hello => {
            if (words.len != 2) refuse(.command);
            const heap_start: [*]u8 = @ptrCast(&__heap_start);
            const heap_end = ram_start + words[1];
            heap = .{};
            heap.add(heap_start[0 .. heap_end - @intFromPtr(heap_start)]);
            serial.send(&.{ Answer.done, @intFromPtr(manifest.ptr), manifest.len, @intFromPtr(&ticks) });
        },
        .call => {
            if (words.len < 2) refuse(.command);
            const result = call(words[1], words[2..]) orelse refuse(.function);
            serial.send(&.{ Answer.done, result });
        },
        .ping => serial.send(&.{Answer.done}),
        .exit => {
            serial.send(&.{Answer.done});
            board.exit(0);
        },
        _ => refuse(.command),
    }
}

export fn synMain() noreturn {
    start.guardStack();
    board.init();
    serial.init();
    // What was sent before the UART's buffer was set up is lost, so the host waits for this word.
    serial.send(&.{Answer.done});
    var buffer: [serial.payload_bytes_max]u8 = undefined;
    while (true) {
        const payload = serial.receive(&buffer) catch |failure| switch (failure) {
            error.Silence => board.exit(3),
            error.BadFrame => refuse(.frame),
        };
        if (payload.len % 4 != 0) refuse(.frame);
        serve(std.mem.bytesAsSlice(u32, payload));
    }
}

export fn synTrap(cause: u32, address: u32, value: u32) noreturn {
    serial.send(&.{ Answer.trap, cause, address, value });
    board.exit(1);
}
