//! JavaScript's view of `syn_session`. Runs happen on libuv's threads;
//! the TypeScript side gives a session one run at a time.

const std = @import("std");
const clock = @import("clock.zig");
const napi = @import("napi.zig");
const memory = @import("memory.zig");
const model_binding = @import("model_binding.zig");
const Pool = @import("pool.zig").Pool;
const api = @import("synapse").c_api;
const Session = @import("synapse").Session;
const Result = @import("synapse").Result;
const Env = napi.Env;
const Value = napi.Value;

pub const functions = .{
    .{ "sessionRequirements", requirements },
    .{ "sessionOpen", open },
    .{ "sessionRun", run },
    .{ "sessionSelfTest", selfTest },
    .{ "sessionCancel", cancel },
    .{ "sessionState", state },
    .{ "sessionSetState", setState },
    .{ "sessionReset", reset },
    .{ "sessionProfile", profile },
    .{ "sessionResetProfile", resetProfile },
    .{ "sessionClose", close },
};

const Handle = struct {
    model: *model_binding.Handle,
    session: *Session,
    regions: [5]memory.Block,
    pool: Pool,
    closed: bool,
    /// A run on another thread still uses the memory.
    busy: bool,
    /// Nobody wants that run any more: set on JavaScript's thread, read by the other between two ops.
    cancelled: std.atomic.Value(bool) = .init(false),

    fn free(self: *Handle, env: Env) void {
        if (self.closed) return;
        self.closed = true;
        self.pool.join();
        for (self.regions) |region| memory.free(region);
        self.model.drop(env);
    }
};

fn handleOf(env: Env, value: Value) napi.Error!*Handle {
    const handle = try napi.externalData(Handle, env, value);
    if (handle.closed) return napi.throw(env, try napi.failure(env, "CLOSED", "the session was closed", 0));
    if (handle.busy) return napi.throw(env, try napi.failure(env, "BUSY", "the session is running", 0));
    return handle;
}

fn needsOf(env: Env, model: *model_binding.Handle, threads: u32) napi.Error!api.SessionRequirements {
    var needs: api.SessionRequirements = undefined;
    needs.size = @sizeOf(api.SessionRequirements);
    if (api.sessionGetRequirements(model.model, threads, &needs) != .ok) {
        return napi.throw(env, try napi.failure(env, "ARGUMENT", "threads must be 1 to 64", 0));
    }
    return needs;
}

/// sessionRequirements(model, threads)
fn requirements(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 2);
    const needs = try needsOf(env, try model_binding.handleOf(env, arguments[0]), try napi.unsigned(env, arguments[1]));
    const result = try napi.object(env);
    try napi.set(env, result, "sessionBytes", try napi.number(env, needs.session_bytes));
    try napi.set(env, result, "fastBytes", try napi.number(env, needs.fast_bytes));
    try napi.set(env, result, "slowBytes", try napi.number(env, needs.slow_bytes));
    try napi.set(env, result, "stateBytes", try napi.number(env, needs.state_bytes));
    try napi.set(env, result, "threadBytes", try napi.number(env, needs.thread_bytes));
    return result;
}

/// sessionOpen(model, threads)
fn open(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 2);
    const model = try model_binding.handleOf(env, arguments[0]);
    const threads = try napi.unsigned(env, arguments[1]);
    const needs = try needsOf(env, model, threads);
    const handle = memory.create(Handle) catch return memory.exhausted(env, @sizeOf(Handle));
    errdefer memory.destroy(handle);
    handle.* = .{
        .model = model,
        .session = undefined,
        .regions = @splat(&.{}),
        .pool = .{},
        .closed = false,
        .busy = false,
    };
    errdefer for (handle.regions) |region| memory.free(region);
    const sizes = [5]usize{
        needs.session_bytes,
        needs.fast_bytes,
        needs.slow_bytes,
        needs.state_bytes,
        needs.thread_bytes,
    };
    for (&handle.regions, sizes) |*region, bytes| {
        region.* = memory.allocate(@max(bytes, 64)) catch return memory.exhausted(env, bytes);
    }
    const config: api.SessionConfig = .{
        .size = @sizeOf(api.SessionConfig),
        .threads = threads,
        .session = handle.regions[0].ptr,
        .fast = handle.regions[1].ptr,
        .slow = handle.regions[2].ptr,
        .state = handle.regions[3].ptr,
        .thread = handle.regions[4].ptr,
        .session_bytes = handle.regions[0].len,
        .fast_bytes = handle.regions[1].len,
        .slow_bytes = handle.regions[2].len,
        .state_bytes = handle.regions[3].len,
        .thread_bytes = handle.regions[4].len,
        .parallel_for = if (threads > 1) Pool.parallelFor else null,
        .ticks = nanoseconds,
        .user = &handle.pool,
    };
    if (api.sessionOpen(model.model, &config, &handle.session) != .ok) return error.JavaScript;
    const value = try napi.external(env, handle, finalize);
    handle.pool.start(threads);
    model.retain();
    return value;
}

fn nanoseconds(user: ?*anyopaque) callconv(.c) u64 {
    _ = user;
    return clock.nanoseconds();
}

fn finalize(env: Env, data: ?*anyopaque, hint: ?*anyopaque) callconv(.c) void {
    _ = hint;
    const handle: *Handle = @ptrCast(@alignCast(data.?));
    // Only when the process ends in the middle of a run: another thread still works in this memory.
    if (handle.busy) return;
    handle.free(env);
    memory.destroy(handle);
}

/// sessionClose(session): stops its threads and gives its memory back.
fn close(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 1);
    const handle = try napi.externalData(Handle, env, arguments[0]);
    if (handle.busy) return napi.throw(env, try napi.failure(env, "BUSY", "the session is running", 0));
    handle.free(env);
    return napi.undefinedValue(env);
}

/// Work that runs away from JavaScript's thread.
const Job = struct {
    handle: *Handle,
    kept: napi.Ref,
    promise: napi.Promise,
    work: napi.Work,
    kind: union(enum) { run: struct { entry: u32, rows: u32 }, self_test },
    result: Result,

    fn start(env: Env, session: Value, handle: *Handle, kind: @FieldType(Job, "kind")) napi.Error!Value {
        const job = memory.create(Job) catch return memory.exhausted(env, @sizeOf(Job));
        errdefer memory.destroy(job);
        // The handle must not be collected while its memory is in use.
        const kept = try napi.reference(env, session);
        errdefer napi.release(env, kept);
        job.* = .{
            .handle = handle,
            .kept = kept,
            .promise = try .init(env),
            .work = undefined,
            .kind = kind,
            .result = .ok,
        };
        handle.cancelled.store(false, .release);
        try napi.queueWork(env, "synapse", execute, complete, job, &job.work);
        handle.busy = true;
        return job.promise.value;
    }

    fn execute(env: Env, data: ?*anyopaque) callconv(.c) void {
        _ = env;
        const job: *Job = @ptrCast(@alignCast(data.?));
        const session = job.handle.session;
        switch (job.kind) {
            .run => |run_| {
                job.result = api.sessionBegin(session, run_.entry, run_.rows);
                if (job.result == .ok) job.result = toEnd(job.handle);
            },
            .self_test => for (0..session.model.goldens.len) |index| {
                job.result = api.sessionBeginSelfTest(session, @intCast(index));
                if (job.result == .ok) job.result = toEnd(job.handle);
                if (job.result != .ok) return;
            },
        }
    }

    fn toEnd(handle: *Handle) Result {
        while (!handle.cancelled.load(.acquire)) {
            const result = api.sessionAdvance(handle.session, 1);
            if (result != .more) return result;
        }
        _ = api.sessionCancel(handle.session);
        return .cancelled;
    }

    fn complete(env: Env, status: u32, data: ?*anyopaque) callconv(.c) void {
        const job: *Job = @ptrCast(@alignCast(data.?));
        job.handle.busy = false;
        if (status == 0 and job.result == .ok) {
            if (job.outputs(env)) |value| {
                job.promise.resolve(env, value);
            } else |_| job.fail(env, "OUT_OF_MEMORY", "no memory for the outputs");
        } else if (job.result == .golden) {
            job.fail(env, "GOLDEN", "a self-test vector gave another result than the packed one");
        } else if (job.result == .cancelled) {
            job.fail(env, "CANCELLED", "the run was cancelled");
        } else job.fail(env, model_binding.name(job.result), "the run was refused");
        napi.release(env, job.kept);
        napi.deleteWork(env, job.work);
        memory.destroy(job);
    }

    fn fail(self: *Job, env: Env, code: []const u8, message: []const u8) void {
        const value = napi.failure(env, code, message, 0) catch return;
        self.promise.reject(env, value);
    }

    fn outputs(self: *Job, env: Env) napi.Error!Value {
        const run_ = switch (self.kind) {
            .run => |run_| run_,
            .self_test => return napi.undefinedValue(env),
        };
        const session = self.handle.session;
        const ports = session.model.entries[run_.entry].outputs;
        const list = try napi.array(env, ports.len);
        for (ports, 0..) |*port, index| {
            const data = session.pointer(&session.model.tensors[port.tensor]);
            try napi.setElement(env, list, index, try napi.copyOf(env, data[0..session.portBytes(port, run_.rows)]));
        }
        return list;
    }
};

/// sessionRun(session, entry, rows, inputs: Uint8Array[]): Promise<Uint8Array[]>. Inputs are copied before it returns.
fn run(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 4);
    const handle = try handleOf(env, arguments[0]);
    const session = handle.session;
    const entry = try napi.unsigned(env, arguments[1]);
    const rows = try napi.unsigned(env, arguments[2]);
    if (entry >= session.model.entries.len) return error.JavaScript;
    const description = &session.model.entries[entry];
    if (rows == 0 or rows > description.rows_max) return error.JavaScript;
    if (try napi.arrayLength(env, arguments[3]) != description.inputs.len) return error.JavaScript;
    for (description.inputs, 0..) |*port, index| {
        const source = try napi.bytesOf(env, try napi.element(env, arguments[3], index));
        if (source.len != session.portBytes(port, rows)) return error.JavaScript;
        @memcpy(session.pointer(&session.model.tensors[port.tensor]), source);
    }
    return Job.start(env, arguments[0], handle, .{ .run = .{ .entry = entry, .rows = rows } });
}

/// sessionSelfTest(session): Promise<void>
fn selfTest(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 1);
    return Job.start(env, arguments[0], try handleOf(env, arguments[0]), .self_test);
}

/// sessionCancel(session): the run under way ends after the op that it is in, and is rejected with CANCELLED.
fn cancel(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 1);
    const handle = try napi.externalData(Handle, env, arguments[0]);
    if (handle.busy) handle.cancelled.store(true, .release);
    return napi.undefinedValue(env);
}

/// sessionState(session): a copy of the state region.
fn state(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 1);
    const session = (try handleOf(env, arguments[0])).session;
    return napi.copyOf(env, session.state[0..session.model.regions.state]);
}

/// sessionSetState(session, bytes)
fn setState(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 2);
    const session = (try handleOf(env, arguments[0])).session;
    const source = try napi.bytesOf(env, arguments[1]);
    if (source.len != session.model.regions.state) return error.JavaScript;
    @memcpy(session.state, source);
    return napi.undefinedValue(env);
}

/// sessionReset(session): state to zero.
fn reset(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 1);
    (try handleOf(env, arguments[0])).session.reset();
    return napi.undefinedValue(env);
}

/// sessionProfile(session, entry): one object for each op.
fn profile(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 2);
    const session = (try handleOf(env, arguments[0])).session;
    const entry = try napi.unsigned(env, arguments[1]);
    if (entry >= session.model.entries.len) return error.JavaScript;
    const count = session.model.entries[entry].ops.len;
    const list = try napi.array(env, count);
    for (0..count) |index| {
        var op: api.OpProfile = undefined;
        op.size = @sizeOf(api.OpProfile);
        if (api.sessionGetProfile(session, entry, @intCast(index), &op) != .ok) return error.JavaScript;
        const item = try napi.object(env);
        try napi.set(env, item, "op", try napi.string(env, std.mem.span(op.op)));
        try napi.set(env, item, "name", try napi.string(env, op.name[0..op.name_bytes]));
        try napi.set(env, item, "runs", try napi.number(env, op.runs));
        try napi.set(env, item, "ticks", try napi.number(env, op.ticks));
        try napi.set(env, item, "macs", try napi.number(env, op.macs));
        try napi.set(env, item, "weightBytes", try napi.number(env, op.weight_bytes));
        try napi.set(env, item, "activationBytes", try napi.number(env, op.activation_bytes));
        try napi.setElement(env, list, index, item);
    }
    return list;
}

/// sessionResetProfile(session)
fn resetProfile(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 1);
    _ = api.sessionResetProfile((try handleOf(env, arguments[0])).session);
    return napi.undefinedValue(env);
}
