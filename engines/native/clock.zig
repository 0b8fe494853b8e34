//! Nanoseconds from any starting point, never going back.

const builtin = @import("builtin");
const std = @import("std");

pub fn nanoseconds() u64 {
    return if (builtin.os.tag == .windows) counted() else monotonic();
}

fn monotonic() u64 {
    var time: std.c.timespec = undefined;
    _ = std.c.clock_gettime(.MONOTONIC, &time);
    return @as(u64, @intCast(time.sec)) * std.time.ns_per_s + @as(u64, @intCast(time.nsec));
}

extern "kernel32" fn QueryPerformanceCounter(*u64) callconv(.winapi) c_int;
extern "kernel32" fn QueryPerformanceFrequency(*u64) callconv(.winapi) c_int;

/// Neither call fails since Windows XP.
fn counted() u64 {
    var count: u64 = undefined;
    var per_second: u64 = undefined;
    _ = QueryPerformanceCounter(&count);
    _ = QueryPerformanceFrequency(&per_second);
    return @intCast(@as(u128, count) * std.time.ns_per_s / per_second);
}
