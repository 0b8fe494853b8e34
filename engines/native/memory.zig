//! 64-byte aligned memory, as the runtime wants its files and regions.

const std = @import("std");
const napi = @import("napi.zig");

const allocator = std.heap.c_allocator;

pub const Block = []align(64) u8;

pub fn allocate(bytes: usize) error{OutOfMemory}!Block {
    return allocator.alignedAlloc(u8, .@"64", bytes);
}

pub fn free(block: Block) void {
    if (block.len > 0) allocator.free(block);
}

pub fn create(comptime T: type) error{OutOfMemory}!*T {
    return allocator.create(T);
}

pub fn destroy(pointer: anytype) void {
    allocator.destroy(pointer);
}

pub fn list(comptime T: type, count: usize) error{OutOfMemory}![]T {
    return allocator.alloc(T, count);
}

/// JavaScript error for memory that the system does not give.
pub fn exhausted(env: napi.Env, bytes: usize) napi.Error {
    var text: [96]u8 = undefined;
    const sentence = std.fmt.bufPrint(
        &text,
        "the system did not give {d} bytes of memory",
        .{bytes},
    ) catch "out of memory";
    return napi.throw(env, try napi.failure(env, "OUT_OF_MEMORY", sentence, 0));
}

/// allocate(bytes): ArrayBuffer, aligned so that a model file read into it is used in place.
pub fn allocateBuffer(env: napi.Env, info: napi.CallbackInfo) napi.Error!napi.Value {
    const arguments = try napi.arguments(env, info, 1);
    const bytes = try napi.unsigned(env, arguments[0]);
    const block = allocate(@max(bytes, 1)) catch return exhausted(env, bytes);
    errdefer free(block);
    return napi.externalArrayBuffer(env, block[0..bytes], finalizeBuffer, @ptrFromInt(block.len));
}

fn finalizeBuffer(env: napi.Env, data: ?*anyopaque, hint: ?*anyopaque) callconv(.c) void {
    _ = env;
    const start: [*]align(64) u8 = @ptrCast(@alignCast(data.?));
    free(start[0..@intFromPtr(hint.?)]);
}
