//! Splitting an op's parts over the caller's threads. Parts never share an output,
//! so the result does not depend on the split.

const Part = @import("kernel_table.zig").Part;

/// `syn_task`
pub const Task = *const fn (context: ?*anyopaque, index: u32, thread: u32) callconv(.c) void;
/// `syn_parallel_for`
pub const ParallelFor = *const fn (user: ?*anyopaque, count: u32, task: Task, context: ?*anyopaque) callconv(.c) void;

pub const Parallel = struct {
    function: ?ParallelFor,
    user: ?*anyopaque,
    threads: u32,
    /// One piece of `scratch_bytes` for each thread.
    scratch: [*]align(64) u8,
    scratch_bytes: usize,

    const Job = struct {
        parallel: *const Parallel,
        part: Part,
        args: *const anyopaque,
        count: u32,
        chunk: u32,
    };

    /// Runs parts 0..count of an op; `chunk` parts at a time are worth a hand-over to another thread.
    pub fn run(self: *const Parallel, part: Part, args: *const anyopaque, count: u32, chunk: u32) void {
        const chunks = (count + chunk - 1) / chunk;
        if (self.function == null or self.threads == 1 or chunks <= 1) return part(args, 0, count, self.scratch);
        var job: Job = .{ .parallel = self, .part = part, .args = args, .count = count, .chunk = chunk };
        self.function.?(self.user, chunks, runChunk, &job);
    }

    fn runChunk(context: ?*anyopaque, index: u32, thread: u32) callconv(.c) void {
        const job: *const Job = @ptrCast(@alignCast(context.?));
        const begin = index * job.chunk;
        const scratch = job.parallel.scratch + thread * job.parallel.scratch_bytes;
        job.part(job.args, begin, @min(begin + job.chunk, job.count), @alignCast(scratch));
    }
};
