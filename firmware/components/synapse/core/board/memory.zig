//! A block of memory handed out once, front to back. There is no free:
//! what a model used is given back by rewinding to a mark.
const std = @import("std");

pub const alignment = 64;

pub fn round(bytes: u64) u64 {
    return std.mem.alignForward(u64, bytes, alignment);
}

pub const Block = struct {
    bytes: []align(alignment) u8,
    used: u64 = 0,

    pub fn init(bytes: []align(alignment) u8) Block {
        return .{ .bytes = bytes };
    }

    pub fn free(block: Block) u64 {
        return block.bytes.len - block.used;
    }

    pub fn take(block: *Block, byte_count: u64) error{OutOfMemory}![]align(alignment) u8 {
        const rounded = round(byte_count);
        if (rounded > block.free()) return error.OutOfMemory;
        const start: usize = @intCast(block.used);
        block.used += rounded;
        const piece = block.bytes[start..][0..@intCast(byte_count)];
        return @alignCast(piece);
    }

    pub fn takeItems(block: *Block, comptime T: type, count: usize) error{OutOfMemory}![]T {
        comptime std.debug.assert(@alignOf(T) <= alignment);
        const bytes = try block.take(@sizeOf(T) * @as(u64, count));
        return @as([*]T, @ptrCast(bytes.ptr))[0..count];
    }
};

test "pieces are aligned, disjoint and bounded" {
    var bytes: [256]u8 align(alignment) = undefined;
    var block: Block = .init(&bytes);
    const a = try block.take(1);
    const b = try block.takeItems(u32, 3);
    try std.testing.expectEqual(@intFromPtr(a.ptr) + 64, @intFromPtr(b.ptr));
    try std.testing.expectEqual(@as(u64, 128), block.free());
    try std.testing.expectError(error.OutOfMemory, block.take(129));
    _ = try block.take(128);
    try std.testing.expectEqual(@as(u64, 0), block.free());
}
