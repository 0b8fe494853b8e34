//! What an update has cost so far, and where it ends whatever its server does: a server that sends a little more each
//! time, or the same again and again, must not keep a board at it for ever.
const std = @import("std");
const limits = @import("../limits.zig");
const Code = @import("../wire/code.zig").Code;

pub const Effort = struct {
    /// How much of the file, from its start, has ever been there. More of it is what progress is.
    reached: u64 = 0,
    /// In a row, without progress.
    tries: u32 = 0,
    /// Downloads begun.
    downloads: u32 = 0,
    /// Received in all of them, what came twice counted twice.
    bytes: u64 = 0,
    /// When the first one began.
    started_us: u64 = 0,

    pub const Bound = enum {
        tries,
        downloads,
        bytes,
        time,

        /// Null: without any progress, why the last try ended is what went wrong.
        pub fn code(bound: Bound) ?Code {
            return switch (bound) {
                .tries => null,
                .downloads => .TRIES_EXHAUSTED,
                .bytes => .BYTES_EXHAUSTED,
                .time => .TIME_EXHAUSTED,
            };
        }
    };

    pub fn begin(effort: *Effort, now_us: u64) void {
        if (effort.downloads == 0) effort.started_us = now_us;
        effort.downloads +|= 1;
    }

    /// So many bytes came, and the file is there up to `end` now.
    pub fn take(effort: *Effort, byte_count: u64, end: u64) void {
        effort.bytes +|= byte_count;
        if (end <= effort.reached) return;
        effort.reached = end;
        effort.tries = 0;
    }

    /// The bound that has been met by a file of this length, in the middle of a download or between two.
    pub fn spent(effort: *const Effort, file_bytes: u64, now_us: u64) ?Bound {
        if (effort.downloads == 0) return null;
        if (effort.bytes > file_bytes *| limits.update_bytes_factor_max) return .bytes;
        if (now_us -| effort.started_us > limits.update_time_us_max) return .time;
        return null;
    }

    /// A download ended before the file did: the bound that forbids another.
    pub fn ended(effort: *Effort, file_bytes: u64, now_us: u64) ?Bound {
        effort.tries += 1;
        if (effort.tries >= limits.update_tries_max) return .tries;
        if (effort.downloads >= limits.update_downloads_max) return .downloads;
        return effort.spent(file_bytes, now_us);
    }
};

test "only bytes beyond all those before are progress" {
    var effort: Effort = .{};
    effort.begin(5);
    effort.take(90, 90);
    for (1..limits.update_tries_max) |_| {
        try std.testing.expectEqual(null, effort.ended(100, 5));
        effort.begin(6);
        effort.take(90, 90);
    }
    try std.testing.expectEqual(.tries, effort.ended(100, 7).?);
}

test "progress alone does not keep an update going" {
    var slow: Effort = .{};
    slow.begin(0);
    slow.take(1, 1);
    try std.testing.expectEqual(null, slow.spent(1000, limits.update_time_us_max));
    try std.testing.expectEqual(.time, slow.spent(1000, limits.update_time_us_max + 1).?);
    var wasteful: Effort = .{};
    wasteful.begin(0);
    for (0..limits.update_bytes_factor_max) |i| wasteful.take(1000, i);
    try std.testing.expectEqual(null, wasteful.spent(1000, 0));
    wasteful.take(1, 999);
    try std.testing.expectEqual(.bytes, wasteful.spent(1000, 0).?);
    var broken: Effort = .{};
    for (0..limits.update_downloads_max) |i| {
        broken.begin(0);
        broken.take(1, i + 1);
        const bound = broken.ended(1 << 20, 0);
        try std.testing.expectEqual(
            @as(?Effort.Bound, if (i + 1 == limits.update_downloads_max) .downloads else null),
            bound,
        );
    }
}
