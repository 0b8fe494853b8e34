//! Memory that ends at a page which may not be touched, so that reading or writing past it traps.

const std = @import("std");

extern fn mmap(
    address: ?*anyopaque,
    bytes: usize,
    protection: c_int,
    flags: c_int,
    descriptor: c_int,
    offset: i64,
) ?*anyopaque;
extern fn mprotect(address: *anyopaque, bytes: usize, protection: c_int) c_int;

const page_bytes = 4096;
const protection_read_write = 1 | 2;
/// Private, anonymous, and without swap reserved for what is never used.
const mapping_flags = 0x02 | 0x20 | 0x4000;
const margin = 64;

pub const Guarded = struct {
    /// The largest piece that can be placed.
    capacity: usize,
    pages: []u8 = &.{},
    placed: []u8 = &.{},
    fill: u8 = 0,

    /// A piece of `bytes` bytes, all of them `fill`, as close to the guard page as its alignment allows; null when it
    /// is too large. The bytes around it are `fill` too, and `check` holds them to it.
    pub fn place(self: *Guarded, bytes: usize, alignment: usize, fill: u8) ?[]u8 {
        if (bytes > self.capacity) return null;
        if (self.pages.len == 0) self.map();
        const end = self.pages.len;
        const begin = std.mem.alignBackward(usize, end - bytes, alignment);
        @memset(self.pages[begin - margin .. end], fill);
        self.placed = self.pages[begin..][0..bytes];
        self.fill = fill;
        return self.placed;
    }

    /// Ends the process when bytes next to the placed piece were written.
    pub fn check(self: *const Guarded) void {
        const before = (self.placed.ptr - margin)[0..margin];
        const after_begin = @intFromPtr(self.placed.ptr) + self.placed.len - @intFromPtr(self.pages.ptr);
        if (!std.mem.allEqual(u8, before, self.fill)) @panic("bytes before a region were written");
        if (!std.mem.allEqual(u8, self.pages[after_begin..], self.fill)) @panic("bytes behind a region were written");
    }

    fn map(self: *Guarded) void {
        const usable = std.mem.alignForward(usize, self.capacity + 2 * margin, page_bytes);
        const start: [*]u8 = @ptrCast(mmap(null, usable + page_bytes, protection_read_write, mapping_flags, -1, 0).?);
        if (@intFromPtr(start) == std.math.maxInt(usize)) @panic("no memory to map");
        if (mprotect(start + usable, page_bytes, 0) != 0) @panic("the guard page cannot be protected");
        self.pages = start[0..usable];
    }
};
