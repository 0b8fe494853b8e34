//! The allocator of the WASM and RV32 guests: the host asks for whole buffers (a file, a region) and gives them back
//! with their length. First fit over an address-ordered list of free blocks that lives in the free memory itself, so a
//! buffer carries no header and a large model costs its own size and no power-of-two rounding.

const std = @import("std");

/// Every block starts and ends at a multiple of this, which is also the largest alignment the runtime asks for.
pub const alignment = 64;

const Free = struct {
    bytes: usize,
    next: ?*Free,

    fn address(self: *Free) usize {
        return @intFromPtr(self);
    }
};

pub const Heap = struct {
    first: ?*Free = null,
    /// Asks for at least `bytes` more memory and answers what it got, or null.
    /// Memory that follows the last is joined to it.
    grow: ?*const fn (bytes: usize) ?[]align(alignment) u8 = null,
    /// Where the memory ends that came last.
    end: usize = 0,

    /// Gives the heap memory to hand out.
    pub fn add(self: *Heap, memory: []u8) void {
        const start = std.mem.alignForward(usize, @intFromPtr(memory.ptr), alignment);
        const end = std.mem.alignBackward(usize, @intFromPtr(memory.ptr) + memory.len, alignment);
        if (end <= start) return;
        self.end = end;
        self.release(start, end - start);
    }

    /// The address of `bytes` bytes at a multiple of 64, or null. The bytes are not cleared.
    pub fn alloc(self: *Heap, bytes: usize) ?usize {
        const wanted = rounded(bytes) orelse return null;
        if (self.take(wanted)) |address| return address;
        const grow = self.grow orelse return null;
        const more = grow(wanted - self.tailBytes(wanted)) orelse return null;
        self.add(more);
        return self.take(wanted);
    }

    /// Takes back what `alloc` gave for the same number of bytes.
    pub fn free(self: *Heap, address: usize, bytes: usize) void {
        const size = rounded(bytes) orelse return;
        if (address == 0 or address % alignment != 0) return;
        self.release(address, size);
    }

    fn take(self: *Heap, wanted: usize) ?usize {
        var link: *?*Free = &self.first;
        while (link.*) |block| : (link = &block.next) {
            if (block.bytes < wanted) continue;
            if (block.bytes == wanted) {
                link.* = block.next;
            } else {
                const rest: *Free = @ptrFromInt(block.address() + wanted);
                rest.* = .{ .bytes = block.bytes - wanted, .next = block.next };
                link.* = rest;
            }
            return block.address();
        }
        return null;
    }

    fn release(self: *Heap, address: usize, bytes: usize) void {
        var before: ?*Free = null;
        var after = self.first;
        while (after) |block| : (after = block.next) {
            if (block.address() > address) break;
            before = block;
        }
        var size = bytes;
        var next = after;
        if (after) |block| if (address + bytes == block.address()) {
            size += block.bytes;
            next = block.next;
        };
        if (before) |block| if (block.address() + block.bytes == address) {
            block.bytes += size;
            block.next = next;
            return;
        };
        const block: *Free = @ptrFromInt(address);
        block.* = .{ .bytes = size, .next = next };
        if (before) |previous| previous.next = block else self.first = block;
    }

    /// Bytes of the free block at the end of the memory, or 0: new memory follows it, so only the difference must be
    /// asked for, which is at least one block.
    fn tailBytes(self: *Heap, wanted: usize) usize {
        var block = self.first;
        while (block) |free_block| : (block = free_block.next) {
            if (free_block.address() + free_block.bytes == self.end) return @min(free_block.bytes, wanted - alignment);
        }
        return 0;
    }

    fn rounded(bytes: usize) ?usize {
        if (bytes > std.math.maxInt(usize) - alignment) return null;
        return @max(alignment, std.mem.alignForward(usize, bytes, alignment));
    }
};

test "buffers are aligned, disjoint, and their memory comes back whole" {
    var memory: [64 * 1024]u8 align(alignment) = undefined;
    var heap: Heap = .{};
    heap.add(&memory);
    const whole = memory.len;

    const seed = 0x5eed;
    var random: std.Random.DefaultPrng = .init(seed);
    var live: [32]?struct { address: usize, bytes: usize } = @splat(null);
    for (0..4000) |_| {
        const slot = random.random().uintLessThan(usize, live.len);
        if (live[slot]) |buffer| {
            const bytes: [*]u8 = @ptrFromInt(buffer.address);
            for (bytes[0..buffer.bytes]) |byte| try std.testing.expectEqual(@as(u8, @intCast(slot)), byte);
            heap.free(buffer.address, buffer.bytes);
            live[slot] = null;
        } else {
            const bytes = random.random().uintLessThan(usize, 5000);
            const address = heap.alloc(bytes) orelse continue;
            try std.testing.expectEqual(@as(usize, 0), address % alignment);
            const data: [*]u8 = @ptrFromInt(address);
            @memset(data[0..bytes], @intCast(slot));
            live[slot] = .{ .address = address, .bytes = bytes };
        }
    }
    for (live) |maybe| if (maybe) |buffer| heap.free(buffer.address, buffer.bytes);
    const all = heap.alloc(whole) orelse return error.TestUnexpectedResult;
    try std.testing.expectEqual(@intFromPtr(&memory), all);
    try std.testing.expectEqual(@as(?usize, null), heap.alloc(1));
}

test "a request that cannot be met answers null and changes nothing" {
    var memory: [1024]u8 align(alignment) = undefined;
    var heap: Heap = .{};
    heap.add(&memory);
    try std.testing.expectEqual(@as(?usize, null), heap.alloc(2000));
    try std.testing.expectEqual(@as(?usize, null), heap.alloc(std.math.maxInt(usize)));
    try std.testing.expect(heap.alloc(1024) != null);
}

test "memory that does not follow the last free block is asked for in full" {
    const Pages = struct {
        var memory: [4 * 1024]u8 align(alignment) = undefined;
        var used: usize = 0;

        fn grow(bytes: usize) ?[]align(alignment) u8 {
            const pages = std.mem.alignForward(usize, bytes, 1024);
            if (pages > memory.len - used) return null;
            defer used += pages;
            return @alignCast(memory[used..][0..pages]);
        }
    };
    var heap: Heap = .{ .grow = Pages.grow };
    const first = heap.alloc(1024).?;
    // The second fills its page to the end, so that what is freed before it is the last free block.
    _ = heap.alloc(1024).?;
    heap.free(first, 1024);
    try std.testing.expect(heap.alloc(2048) != null);
}
