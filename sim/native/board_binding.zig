//! JavaScript's view of a simulated board: the device core (sim/device/board.zig) with a port of JavaScript functions.
//! Its events, its queries and the port's functions follow from the declaration of the ABI (core/port.zig), and
//! JavaScript has them by the same names. The core's events and the port's functions all run on JavaScript's thread;
//! only the core's work runs on one of libuv's.

const std = @import("std");
const node_api = @import("node_api");
const napi = node_api.napi;
const memory = node_api.memory;
const Pool = node_api.Pool;
const boards = @import("board");
const values = @import("values.zig");
const crossing = boards.crossing;
const synapse = @import("synapse");
const ports = boards.ports;
const core = boards.core;
const Env = napi.Env;
const Value = napi.Value;

comptime {
    // The device core knows the runtime by the names of its C API.
    synapse.c_api.exportAll();
    synapse.kernel_check.exportAll();
}

pub const functions = .{
    .{ "boardManifest", manifest },
    .{ "boardCreate", create },
    .{ "boardProgram", program },
    .{ "boardFlash", readFlash },
    .{ "boardBoot", boot },
    .{ "boardRestart", restart },
    .{ "boardCutPower", cutPower },
    .{ "boardSetWifi", setWifi },
    .{ "boardNow", now },
    .{ "boardClose", close },
};

/// Sets `events` and `queries`, objects with a function for each, whose first argument is a board.
pub fn register(env: Env, exports: Value) napi.Error!void {
    const events = try napi.object(env);
    const Event = @typeInfo(ports.Event).@"union";
    inline for (Event.field_names) |name| try napi.define(env, events, comptime crossing.camel(name), event(name));
    try napi.set(env, exports, "events", events);
    const queries = try napi.object(env);
    inline for (comptime std.meta.declarations(boards.queries)) |name| {
        try napi.define(env, queries, comptime crossing.camel(name), query(name));
    }
    try napi.set(env, exports, "queries", queries);
}

/// boardManifest(): what this build says about the ABI; see crossing.zig.
fn manifest(env: Env, _: napi.CallbackInfo) napi.Error!Value {
    return napi.string(env, boards.manifest);
}

const pages = std.heap.page_allocator;

pub const Handle = struct {
    env: Env,
    board: *boards.Board,
    /// The object with JavaScript's side of the port.
    port: napi.Ref,
    /// Waits for the work under way; events until then are lost, as on a board that resets.
    restart_reason: ?boards.ResetReason = null,
    pool: Pool = .{},
    work: napi.Work = undefined,
    working: bool = false,
    /// JavaScript gives the time and says when work is done, on its own thread: for boards whose clock a test holds.
    stepped: bool = false,
    closed: bool = false,
    freed: bool = false,
    /// JavaScript's own view of this handle: keeps it from being collected while the board is open.
    external: ?napi.Ref = null,

    fn free(self: *Handle, env: Env) void {
        if (self.freed) return;
        self.freed = true;
        self.pool.join();
        if (self.external) |external| napi.release(env, external);
        napi.release(env, self.port);
        self.board.destroy(pages);
    }
};

/// boardCreate(options: Uint8Array of JSON, port: object, stepped: 0 | 1): External. Throws when the options are not
/// those of board.zig. Stepped: the port's `ticksUs` gives the time,
/// and its `startWork` asks for `work` and `workDone`.
fn create(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 3);
    const stepped = try napi.unsigned(env, arguments[2]) != 0;
    const options = try napi.bytesOf(env, arguments[0]);
    const handle = memory.create(Handle) catch return memory.exhausted(env, @sizeOf(Handle));
    errdefer memory.destroy(handle);
    const board = boards.Board.create(
        std.heap.c_allocator,
        pages,
        options,
        portOf(handle),
    ) catch |err| return switch (err) {
        error.Options => error.JavaScript,
        error.OutOfMemory => memory.exhausted(env, 0),
    };
    errdefer board.destroy(pages);
    handle.* = .{ .env = env, .board = board, .port = try napi.reference(env, arguments[1]), .stepped = stepped };
    errdefer napi.release(env, handle.port);
    const value = try napi.external(env, handle, finalize);
    handle.external = try napi.reference(env, value);
    // One thread computes the same bytes; many boards in one process would be many threads.
    if (!stepped) handle.pool.start(board.options.value.threads);
    return value;
}

fn finalize(env: Env, data: ?*anyopaque, hint: ?*anyopaque) callconv(.c) void {
    _ = hint;
    const handle: *Handle = @ptrCast(@alignCast(data.?));
    handle.free(env);
    memory.destroy(handle);
}

pub fn handleOf(env: Env, value: Value) napi.Error!*Handle {
    const handle = try napi.externalData(Handle, env, value);
    if (handle.closed) return napi.throw(env, try napi.failure(env, "CLOSED", "the board was closed", 0));
    handle.env = env;
    return handle;
}

/// boardProgram(board, area, bytes: Uint8Array): 1, or 0 when there is no such area of flash or they are too many.
fn program(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 3);
    const handle = try handleOf(env, arguments[0]);
    const area = try areaOf(env, arguments[1]);
    return number(env, @intFromBool(handle.board.program(area, try napi.bytesOf(env, arguments[2]))));
}

/// boardFlash(board, area): a copy of what it holds, as a Uint8Array.
fn readFlash(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 2);
    const handle = try handleOf(env, arguments[0]);
    return napi.copyOf(env, handle.board.readFlash(try areaOf(env, arguments[1])));
}

fn areaOf(env: Env, value: Value) napi.Error!u32 {
    return std.math.cast(u32, try napi.unsigned(env, value)) orelse std.math.maxInt(u32);
}

/// boardBoot(board): the core's result.
fn boot(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const handle = try handleOf(env, (try napi.arguments(env, call, 1))[0]);
    return number(env, @backingInt(handle.board.boot()));
}

/// boardRestart(board, reason): calls the port's `restarted` with the core's result,
/// after the work under way if there is any.
fn restart(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 2);
    const handle = try handleOf(env, arguments[0]);
    var space: [64]u8 = undefined;
    var words: std.heap.FixedBufferAllocator = .init(&space);
    handle.restart_reason = try values.wordFrom(env, words.allocator(), boards.ResetReason, arguments[1]);
    if (!handle.working) restartNow(handle);
    return napi.undefinedValue(env);
}

fn restartNow(handle: *Handle) void {
    const reason = handle.restart_reason.?;
    handle.restart_reason = null;
    const result = handle.board.restart(reason);
    const given = [_]Value{number(handle.env, @backingInt(result)) catch return};
    napi.callMethod(handle.env, handle.port, "restarted", &given) catch {};
}

/// boardCutPower(board, after, cut): power goes in the middle of that flash operation.
fn cutPower(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 3);
    const handle = try handleOf(env, arguments[0]);
    var space: [64]u8 = undefined;
    var words: std.heap.FixedBufferAllocator = .init(&space);
    handle.board.cutPower(
        try napi.unsigned(env, arguments[1]),
        try values.wordFrom(env, words.allocator(), boards.Cut, arguments[2]),
    );
    return napi.undefinedValue(env);
}

/// boardSetWifi(board, bytes: Uint8Array): a name, 0, and a password; 1, or 0 when the core refuses it.
fn setWifi(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 2);
    const handle = try handleOf(env, arguments[0]);
    const taken = handle.restart_reason == null and handle.board.setWifi(try napi.bytesOf(env, arguments[1]));
    return number(env, @intFromBool(taken));
}

fn number(env: Env, value: anytype) napi.Error!Value {
    return napi.number(env, value);
}

/// events.name(board, the event's arguments): lost on a board that is being reset, as on one that does.
fn event(comptime name: [:0]const u8) fn (Env, napi.CallbackInfo) napi.Error!Value {
    const Args = @FieldType(ports.Event, name);
    return struct {
        fn call(env: Env, info: napi.CallbackInfo) napi.Error!Value {
            const arguments = try napi.arguments(env, info, 1 + comptime crossing.fields(Args).len);
            const handle = try handleOf(env, arguments[0]);
            var arena: std.heap.ArenaAllocator = .init(std.heap.c_allocator);
            defer arena.deinit();
            const args = try values.fromList(env, arena.allocator(), Args, arguments[1..]);
            if (handle.restart_reason == null) handle.board.tell(@unionInit(ports.Event, name, args));
            return napi.undefinedValue(env);
        }
    }.call;
}

/// queries.name(board): an object.
fn query(comptime name: [:0]const u8) fn (Env, napi.CallbackInfo) napi.Error!Value {
    return struct {
        fn call(env: Env, info: napi.CallbackInfo) napi.Error!Value {
            const handle = try handleOf(env, (try napi.arguments(env, info, 1))[0]);
            const answer = @field(boards.queries, name)(handle.board);
            return values.toObject(env, @TypeOf(answer), &answer);
        }
    }.call;
}

/// boardNow(board): the time as the core has it, in microseconds.
fn now(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const handle = try handleOf(env, (try napi.arguments(env, call, 1))[0]);
    return number(env, Host.own.ticks_us(handle));
}

/// boardClose(board): gives its memory back, after the work under way if there is any.
fn close(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const handle = try napi.externalData(Handle, env, (try napi.arguments(env, call, 1))[0]);
    handle.closed = true;
    if (!handle.working) handle.free(env);
    return napi.undefinedValue(env);
}

fn execute(env: Env, data: ?*anyopaque) callconv(.c) void {
    _ = env;
    const handle: *Handle = @ptrCast(@alignCast(data.?));
    core.hear(handle.board.device.?, .{ .work = .{} });
}

fn complete(env: Env, status: u32, data: ?*anyopaque) callconv(.c) void {
    // The status tells of cancelled work, which nobody does here.
    _ = status;
    const handle: *Handle = @ptrCast(@alignCast(data.?));
    handle.env = env;
    handle.working = false;
    napi.deleteWork(env, handle.work);
    if (handle.closed) return handle.free(env);
    if (handle.restart_reason != null) return restartNow(handle);
    core.hear(handle.board.device.?, .{ .work_done = .{} });
}

fn portOf(handle: *Handle) ports.Port {
    var port = boards.portOf(Host);
    port.user = handle;
    return port;
}

const Host = struct {
    fn of(user: ?*anyopaque) *Handle {
        return @ptrCast(@alignCast(user.?));
    }

    pub fn boardOf(user: ?*anyopaque) *boards.Board {
        return of(user).board;
    }

    /// What this host answers itself, unless JavaScript gives the time.
    pub const own = struct {
        pub fn ticks_us(user: ?*anyopaque) callconv(.c) u64 {
            if (of(user).stepped) return ask("ticks_us")(user);
            var time: std.c.timespec = undefined;
            _ = std.c.clock_gettime(.MONOTONIC, &time);
            return @as(u64, @intCast(time.sec)) * 1_000_000 + @as(u64, @intCast(time.nsec)) / 1000;
        }

        pub fn start_work(user: ?*anyopaque) callconv(.c) void {
            const handle = of(user);
            if (handle.stepped) return ask("start_work")(user);
            napi.queueWork(handle.env, "synapse board", execute, complete, handle, &handle.work) catch return;
            handle.working = true;
        }

        pub fn parallel_for(user: ?*anyopaque, count: u32, task: ports.Task, context: ?*anyopaque) callconv(.c) void {
            Pool.parallelFor(&of(user).pool, count, task, context);
        }
    };

    /// The function that calls the method of this name of JavaScript's port. Where JavaScript throws or has no memory,
    /// nothing has happened, and the answer is -1; but the core must never go on with memory that was
    /// to be filled and was not.
    pub fn ask(comptime name: [:0]const u8) ports.Call(@field(ports.functions, name)) {
        const function: ports.Function = @field(ports.functions, name);
        const fills = comptime for (crossing.fields(function.Args)) |field| {
            if (field.kind == .fill) break true;
        } else false;
        return core.c_function.of(?*anyopaque, function.Args, function.Return, struct {
            fn call(user: ?*anyopaque, args: function.Args) function.Return {
                const answer = tryCall(of(user), &args) catch |err| {
                    if (fills) @panic(name ++ ": JavaScript has not filled it in");
                    if (function.Return == void) return;
                    return if (@typeInfo(function.Return).int.signedness == .signed) -1 else switch (err) {
                        error.JavaScript => 0,
                    };
                };
                return if (function.Return == void) {} else @trunc(answer);
            }

            fn tryCall(handle: *Handle, args: *const function.Args) napi.Error!f64 {
                const env = handle.env;
                const given = try values.toList(env, function.Args, args);
                const answer = try napi.callMethodFor(
                    env,
                    handle.port,
                    comptime crossing.camel(name),
                    &given,
                ) orelse return error.JavaScript;
                try values.fill(env, function.Args, args, &given);
                return if (function.Return == void) 0 else napi.double(env, answer);
            }
        }.call);
    }
};
