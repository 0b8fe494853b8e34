//! A lock that threads can wait on until something changes: POSIX's mutex with a condition, or Windows' own pair.

const builtin = @import("builtin");
const std = @import("std");

pub const Monitor = if (builtin.os.tag == .windows) Windows else Posix;

const Posix = struct {
    mutex: std.c.pthread_mutex_t = .{},
    changed: std.c.pthread_cond_t = .{},

    pub fn lock(self: *Posix) void {
        _ = std.c.pthread_mutex_lock(&self.mutex);
    }

    pub fn unlock(self: *Posix) void {
        _ = std.c.pthread_mutex_unlock(&self.mutex);
    }

    /// Gives the lock up, sleeps, and has it again. May return without a reason.
    pub fn wait(self: *Posix) void {
        _ = std.c.pthread_cond_wait(&self.changed, &self.mutex);
    }

    pub fn wakeAll(self: *Posix) void {
        _ = std.c.pthread_cond_broadcast(&self.changed);
    }
};

const Windows = struct {
    /// SRWLOCK and CONDITION_VARIABLE: one pointer each, null at first.
    mutex: ?*anyopaque = null,
    changed: ?*anyopaque = null,

    extern "kernel32" fn AcquireSRWLockExclusive(*?*anyopaque) callconv(.winapi) void;
    extern "kernel32" fn ReleaseSRWLockExclusive(*?*anyopaque) callconv(.winapi) void;
    extern "kernel32" fn SleepConditionVariableSRW(*?*anyopaque, *?*anyopaque, u32, u32) callconv(.winapi) c_int;
    extern "kernel32" fn WakeAllConditionVariable(*?*anyopaque) callconv(.winapi) void;

    const infinite = 0xffffffff;

    pub fn lock(self: *Windows) void {
        AcquireSRWLockExclusive(&self.mutex);
    }

    pub fn unlock(self: *Windows) void {
        ReleaseSRWLockExclusive(&self.mutex);
    }

    pub fn wait(self: *Windows) void {
        _ = SleepConditionVariableSRW(&self.changed, &self.mutex, infinite, 0);
    }

    pub fn wakeAll(self: *Windows) void {
        WakeAllConditionVariable(&self.changed);
    }
};
