//! Flash as the core sees it: a few areas (partitions), each a row of sectors that are erased whole and then written
//! once. The port finds the partitions; an area's bounds are checked here,
//! so nothing above can touch a byte outside it.
const std = @import("std");
pub const Result = @import("../port.zig").FlashResult;

/// What an erase clears, on every NOR flash that boards carry.
pub const sector_bytes = 4096;
/// Writes start at a multiple of this, and no unit is written twice between erases:
/// flash encryption programs whole blocks, once.
pub const unit_bytes = 32;

/// What the port gives. `area` is the number of a partition; offsets count from its start. Every call returns when the
/// flash has finished.
pub const Calls = extern struct {
    read: *const fn (user: ?*anyopaque, area: u32, offset: u32, out: [*]u8, bytes: usize) callconv(.c) Result,
    /// One sector.
    erase: *const fn (user: ?*anyopaque, area: u32, offset: u32) callconv(.c) Result,
    write: *const fn (user: ?*anyopaque, area: u32, offset: u32, data: [*]const u8, bytes: usize) callconv(.c) Result,
};

pub const Error = error{FlashFailed};

pub const Area = struct {
    user: ?*anyopaque,
    calls: *const Calls,
    id: u32,
    /// A multiple of `sector_bytes`.
    bytes: u32,

    pub fn sectors(area: Area) u32 {
        return area.bytes / sector_bytes;
    }

    pub fn read(area: Area, offset: u32, out: []u8) Error!void {
        if (!area.holds(offset, out.len)) return error.FlashFailed;
        if (area.calls.read(area.user, area.id, offset, out.ptr, out.len) != .ok) return error.FlashFailed;
    }

    pub fn eraseSector(area: Area, sector: u32) Error!void {
        if (sector >= area.sectors()) return error.FlashFailed;
        if (area.calls.erase(area.user, area.id, sector * sector_bytes) != .ok) return error.FlashFailed;
    }

    /// `offset` and the length are multiples of `unit_bytes`.
    pub fn write(area: Area, offset: u32, data: []const u8) Error!void {
        if (offset % unit_bytes != 0 or data.len % unit_bytes != 0 or
            !area.holds(offset, data.len)) return error.FlashFailed;
        if (area.calls.write(area.user, area.id, offset, data.ptr, data.len) != .ok) return error.FlashFailed;
    }

    /// Writes, then reads back: a sector at its end may take a write and not hold it.
    pub fn writeChecked(area: Area, offset: u32, data: []const u8) Error!void {
        try area.write(offset, data);
        if (!try area.equals(offset, data)) return error.FlashFailed;
    }

    pub fn equals(area: Area, offset: u32, expected: []const u8) Error!bool {
        var piece: [64]u8 = undefined;
        var at: usize = 0;
        while (at < expected.len) : (at += piece.len) {
            const n = @min(piece.len, expected.len - at);
            try area.read(offset + @as(u32, @intCast(at)), piece[0..n]);
            if (!std.mem.eql(u8, piece[0..n], expected[at..][0..n])) return false;
        }
        return true;
    }

    /// Whether every byte reads as erased. That does not make it safe to write: an erase cut short can read so too.
    pub fn blank(area: Area, offset: u32, bytes: u32) Error!bool {
        var piece: [64]u8 = undefined;
        var at: u32 = 0;
        while (at < bytes) : (at += piece.len) {
            const n = @min(piece.len, bytes - at);
            try area.read(offset + at, piece[0..n]);
            if (!std.mem.allEqual(u8, piece[0..n], 0xff)) return false;
        }
        return true;
    }

    fn holds(area: Area, offset: u32, bytes: usize) bool {
        return offset <= area.bytes and bytes <= area.bytes - offset;
    }
};
