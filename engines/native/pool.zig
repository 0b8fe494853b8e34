//! Threads that help one session: `syn_parallel_for` over a few workers that spin for a moment
//! between ops and then sleep.

const std = @import("std");
const Monitor = @import("monitor.zig").Monitor;
const Task = *const fn (context: ?*anyopaque, index: u32, thread: u32) callconv(.c) void;

pub const threads_max = 64;
/// Ops follow each other within microseconds; sleeping in between would cost more than the op.
const spins_before_sleep = 20_000;

/// A moment of waiting. Now and then the processor is given up: a worker is often woken on the very core its caller
/// runs on, and there one of the two would spin while the other waits for its turn.
inline fn pause(spins: *u32) void {
    spins.* += 1;
    if (spins.* % 64 == 0) std.Thread.yield() catch {} else std.atomic.spinLoopHint();
}

pub const Pool = struct {
    workers: [threads_max]std.Thread = undefined,
    worker_count: u32 = 0,
    /// Where workers sleep.
    bed: Monitor = .{},
    /// Grows with every job, so that workers see there is a new one.
    generation: std.atomic.Value(u32) = .init(0),
    sleepers: std.atomic.Value(u32) = .init(0),
    /// Set while a job's fields below are valid.
    open: std.atomic.Value(bool) = .init(false),
    /// Workers that may be looking at the job. The caller leaves only when it is closed and nobody looks.
    active: std.atomic.Value(u32) = .init(0),
    next: std.atomic.Value(u32) = .init(0),
    stop: std.atomic.Value(bool) = .init(false),
    count: u32 = 0,
    task: Task = undefined,
    context: ?*anyopaque = null,

    /// The pool must not move afterwards. Fewer workers than asked for is not an error:
    /// the caller's own thread always works.
    pub fn start(self: *Pool, threads: u32) void {
        while (self.worker_count + 1 < @min(threads, threads_max)) {
            const index = self.worker_count + 1;
            self.workers[self.worker_count] = std.Thread.spawn(
                .{ .stack_size = 1 << 20 },
                work,
                .{ self, index },
            ) catch return;
            self.worker_count += 1;
        }
    }

    pub fn join(self: *Pool) void {
        self.stop.store(true, .seq_cst);
        self.announce();
        for (self.workers[0..self.worker_count]) |worker| worker.join();
        self.worker_count = 0;
    }

    fn announce(self: *Pool) void {
        _ = self.generation.fetchAdd(1, .seq_cst);
        if (self.sleepers.load(.seq_cst) > 0) {
            self.bed.lock();
            self.bed.wakeAll();
            self.bed.unlock();
        }
    }

    /// `syn_parallel_for`, with the pool as `user`.
    pub fn parallelFor(user: ?*anyopaque, count: u32, task: Task, context: ?*anyopaque) callconv(.c) void {
        const self: *Pool = @ptrCast(@alignCast(user.?));
        self.count = count;
        self.task = task;
        self.context = context;
        self.next.store(0, .seq_cst);
        self.open.store(true, .seq_cst);
        self.announce();
        self.takeParts(0);
        self.open.store(false, .seq_cst);
        var spins: u32 = 0;
        while (self.active.load(.seq_cst) != 0) pause(&spins);
    }

    fn takeParts(self: *Pool, thread: u32) void {
        while (true) {
            const index = self.next.fetchAdd(1, .monotonic);
            if (index >= self.count) return;
            self.task(self.context, index, thread);
        }
    }

    fn work(self: *Pool, thread: u32) void {
        var seen: u32 = 0;
        while (true) {
            self.waitForNews(seen);
            seen = self.generation.load(.seq_cst);
            if (self.stop.load(.seq_cst)) return;
            // Announcing oneself before looking, while the caller closes before counting, means that one of the two
            // sees the other.
            _ = self.active.fetchAdd(1, .seq_cst);
            if (self.open.load(.seq_cst)) self.takeParts(thread);
            _ = self.active.fetchSub(1, .seq_cst);
        }
    }

    fn waitForNews(self: *Pool, seen: u32) void {
        var spins: u32 = 0;
        while (spins < spins_before_sleep) {
            if (self.generation.load(.seq_cst) != seen) return;
            pause(&spins);
        }
        self.bed.lock();
        _ = self.sleepers.fetchAdd(1, .seq_cst);
        while (self.generation.load(.seq_cst) == seen) self.bed.wait();
        _ = self.sleepers.fetchSub(1, .seq_cst);
        self.bed.unlock();
    }
};
