//! The last lines of the device's log, in memory of fixed size: the newest line takes the oldest's place.
const std = @import("std");
const Bounded = @import("../wire/problem.zig").Bounded;
const LogLevel = @import("../port.zig").LogLevel;

pub const entries_max = 64;
pub const text_bytes_max = 160;

pub const Entry = struct {
    time_us: u64,
    level: LogLevel,
    text: Bounded(text_bytes_max),
};

pub const LogRing = struct {
    entries: [entries_max]Entry = undefined,
    /// Lines written since the start; line n (the first is 1) lies at (n - 1) % entries_max as long as it is kept.
    written: u64 = 0,

    pub fn append(self: *LogRing, time_us: u64, level: LogLevel, text: []const u8) void {
        const entry = &self.entries[@intCast(self.written % entries_max)];
        entry.* = .{ .time_us = time_us, .level = level, .text = .{} };
        entry.text.append(text);
        self.written += 1;
    }

    /// The number of the oldest line that is kept; written + 1 when there is none.
    pub fn first(self: *const LogRing) u64 {
        return self.written -| entries_max + 1;
    }

    /// Line n, first() <= n <= written.
    pub fn get(self: *const LogRing, n: u64) *const Entry {
        std.debug.assert(n >= self.first() and n <= self.written);
        return &self.entries[@intCast((n - 1) % entries_max)];
    }
};

test "the newest line takes the oldest's place" {
    var ring: LogRing = .{};
    try std.testing.expectEqual(@as(u64, 1), ring.first());
    for (0..entries_max + 3) |i| ring.append(i, .info, "line");
    try std.testing.expectEqual(@as(u64, 4), ring.first());
    try std.testing.expectEqual(@as(u64, 3), ring.get(4).time_us);
    try std.testing.expectEqual(@as(u64, entries_max + 2), ring.get(ring.written).time_us);
}
