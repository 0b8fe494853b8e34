//! The fuzz target: any bytes as a `.syn` file. They are opened without the digest check, which nothing would pass, and
//! when the model is small enough every entry runs with one row and with all, in memory that ends at a guard page.
//!
//! Beyond not crashing, these must hold: an error names its code and a sentence; `requirements` and `open` agree; an
//! entry's outputs do not depend on what lies behind its regions or in the threads' scratch, or on the threads; nothing
//! outside a region is written; and an op reads its operands alone and writes its output and scratch alone.

const std = @import("std");
const synapse = @import("synapse");
const Guarded = @import("guarded.zig").Guarded;
const cost = @import("cost.zig");
const isolate = @import("isolate.zig");
const api = synapse.c_api;
const Model = synapse.Model;
const Session = synapse.Session;

comptime {
    _ = @import("mutator.zig");
}

/// A failed check ends the process, and libFuzzer keeps the input. Names of functions come from the debugger,
/// not from here.
pub const panic = std.debug.FullPanic(stop);

extern fn abort() noreturn;
extern fn write(descriptor: c_int, bytes: [*]const u8, count: usize) isize;

fn stop(message: []const u8, address: ?usize) noreturn {
    _ = address;
    for ([_][]const u8{ "synapse: ", message, "\n" }) |piece| _ = write(2, piece.ptr, piece.len);
    abort();
}

/// More than this in one region, or more work than `cost_max`, is opened and not run:
/// an execution must stay in milliseconds.
const region_bytes_max = 1 << 20;
const cost_max = 400_000;

var exact_file: Guarded = .{ .capacity = 1 << 20 };
var file: Guarded = .{ .capacity = 1 << 20 };
var model_memory: Guarded = .{ .capacity = 64 << 20 };
var session_memory: Guarded = .{ .capacity = region_bytes_max };
var fast: Guarded = .{ .capacity = region_bytes_max };
var slow: Guarded = .{ .capacity = region_bytes_max };
var state: Guarded = .{ .capacity = region_bytes_max };
var thread: Guarded = .{ .capacity = 8 << 20 };
const regions = [_]*Guarded{ &session_memory, &fast, &slow, &state, &thread };

export fn LLVMFuzzerTestOneInput(data: [*]const u8, size: usize) c_int {
    const bytes = data[0..size];
    // The structure is read from a copy without one byte to spare; opening wants its file aligned.
    const exact = exact_file.place(size, 1, 0) orelse return 0;
    @memcpy(exact, bytes);
    const aligned = file.place(size, 64, 0) orelse return 0;
    @memcpy(aligned, bytes);

    var report: synapse.CError = .{ .size = @sizeOf(synapse.CError), .code = 0, .offset = 0, .message = @splat(0) };
    var needed: usize = 0;
    const sized = api.modelRequirements(exact.ptr, size, &needed, &report);
    if (sized != .ok) {
        checkError(sized, &report, size);
        return 0;
    }
    const memory = model_memory.place(needed, 16, 0xaa) orelse return 0;
    var model: *Model = undefined;
    const opened = api.modelOpen(aligned.ptr, size, api.open_skip_digest, memory.ptr, memory.len, &model, &report);
    model_memory.check();
    if (opened != .ok) {
        checkError(opened, &report, size);
        return 0;
    }
    describe(model);
    if (cost.ofModel(model) > cost_max) return 0;
    const first = runAll(model, 1, 0x00) orelse return 0;
    const second = runAll(model, 1, 0xff) orelse return 0;
    if (first != second) @panic("outputs depend on bytes outside the regions or on the threads' scratch");
    const third = runAll(model, 3, 0x55) orelse return 0;
    if (first != third) @panic("outputs depend on the number or the order of threads");
    if (!std.mem.eql(u8, aligned, bytes)) @panic("the file was written to");
    return 0;
}

fn checkError(result: synapse.Result, report: *const synapse.CError, size: usize) void {
    if (report.code != @backingInt(result)) @panic("the error's code is not the result");
    if (report.message[0] == 0) @panic("an error without a sentence");
    if (std.mem.findScalar(u8, &report.message, 0) == null) @panic("a sentence without an end");
    if (report.offset > size) @panic("an error beyond the file");
}

/// Asks everything an open model can be asked.
fn describe(model: *const Model) void {
    var info: api.ModelInfo = undefined;
    info.size = @sizeOf(api.ModelInfo);
    if (api.modelGetInfo(model, &info) != .ok) @panic("no model info");
    for (0..info.entry_count) |index| {
        var entry: api.EntryInfo = undefined;
        entry.size = @sizeOf(api.EntryInfo);
        if (api.modelGetEntry(model, @intCast(index), &entry) != .ok) @panic("no entry info");
        var found: u32 = 0;
        if (api.modelFindEntry(
            model,
            entry.name,
            entry.name_bytes,
            &found,
        ) != .ok or found != index) @panic("an entry is not found by its name");
        var port: api.PortInfo = undefined;
        port.size = @sizeOf(api.PortInfo);
        for (0..entry.input_count) |i| if (api.modelGetInput(
            model,
            @intCast(index),
            @intCast(i),
            &port,
        ) != .ok) @panic("no input info");
        for (0..entry.output_count) |i| if (api.modelGetOutput(
            model,
            @intCast(index),
            @intCast(i),
            &port,
        ) != .ok) @panic("no output info");
        if (api.modelGetInput(
            model,
            @intCast(index),
            entry.input_count,
            &port,
        ) != .argument) @panic("an input too many");
    }
}

/// Runs every entry with one row and with all, and every self-test. Answers a digest of all outputs, or null when the
/// model is too large. `fill` is what lies behind the regions and in the threads' scratch before.
fn runAll(model: *const Model, threads: u32, fill: u8) ?u64 {
    var needs: api.SessionRequirements = undefined;
    needs.size = @sizeOf(api.SessionRequirements);
    if (api.sessionGetRequirements(model, threads, &needs) != .ok) @panic("no session requirements");
    const sizes = [_]usize{
        needs.session_bytes,
        needs.fast_bytes,
        needs.slow_bytes,
        needs.state_bytes,
        needs.thread_bytes,
    };
    var given: [sizes.len][]u8 = undefined;
    for (regions, sizes, &given) |region, bytes, *slot| slot.* = region.place(bytes, 64, fill) orelse return null;
    // What a program reads without having written it is the program's own affair, so both runs find the same there.
    for (given[1..3]) |region| @memset(region, 0x3e);
    const config: api.SessionConfig = .{
        .size = @sizeOf(api.SessionConfig),
        .threads = threads,
        .session = given[0].ptr,
        .fast = given[1].ptr,
        .slow = given[2].ptr,
        .state = given[3].ptr,
        .thread = given[4].ptr,
        .session_bytes = given[0].len,
        .fast_bytes = given[1].len,
        .slow_bytes = given[2].len,
        .state_bytes = given[3].len,
        .thread_bytes = given[4].len,
        .parallel_for = if (threads > 1) backwards else null,
        .ticks = null,
        .user = null,
    };
    var session: *Session = undefined;
    if (api.sessionOpen(model, &config, &session) != .ok) @panic("a session of the required size was refused");
    var digest: std.hash.Wyhash = .init(0);
    for (model.entries, 0..) |*entry, index| {
        runEntry(session, @intCast(index), 1, &digest);
        if (entry.rows_max > 1) runEntry(session, @intCast(index), entry.rows_max, &digest);
        if (api.sessionRun(session, @intCast(index), entry.rows_max + 1) != .argument) @panic("a row too many");
    }
    if (threads == 1 and fill == 0) {
        for (model.entries, 0..) |*entry, index| {
            isolate.runEntry(session, @intCast(index), 1, given[4]);
            if (entry.rows_max > 1) isolate.runEntry(session, @intCast(index), entry.rows_max, given[4]);
        }
        for (regions) |region| region.check();
    }
    for (0..model.goldens.len) |index| switch (api.sessionSelfTest(session, @intCast(index))) {
        .ok, .golden => {},
        else => @panic("a self-test was refused"),
    };
    if (api.sessionReset(session) != .ok or
        !std.mem.allEqual(u8, given[3], 0)) @panic("the state is not zero after a reset");
    for (regions) |region| region.check();
    return digest.final();
}

fn runEntry(session: *Session, entry: u32, rows: u32, digest: *std.hash.Wyhash) void {
    const model = session.model;
    const description = &model.entries[entry];
    var random: std.Random.SplitMix64 = .init(rows);
    // A byte of the digest, which is not checked here, says whether the inputs hold numbers that no sensor gives.
    const wild = model.sha256[0] % 4 == 3;
    for (description.inputs, 0..) |*port, index| {
        var data: [*]u8 = undefined;
        var bytes_max: usize = 0;
        if (api.sessionInput(session, entry, @intCast(index), &data, &bytes_max) != .ok) @panic("no input");
        const input = data[0..session.portBytes(port, rows)];
        if (input.len > bytes_max) @panic("an input larger than its maximum");
        fillInput(input, model.tensors[port.tensor].type == .f32, wild, &random);
    }
    if (api.sessionRun(session, entry, rows) != .ok) @panic("a run was refused");
    for (description.outputs, 0..) |*port, index| {
        var data: [*]u8 = undefined;
        var bytes_max: usize = 0;
        if (api.sessionOutput(session, entry, @intCast(index), &data, &bytes_max) != .ok) @panic("no output");
        digest.update(data[0..session.portBytes(port, rows)]);
    }
    for (0..description.ops.len) |op| {
        var profile: api.OpProfile = undefined;
        profile.size = @sizeOf(api.OpProfile);
        if (api.sessionGetProfile(
            session,
            entry,
            @intCast(op),
            &profile,
        ) != .ok or profile.runs == 0) @panic("no profile");
    }
}

const wild_numbers = [_]f32{
    std.math.nan(f32),
    std.math.inf(f32),
    -std.math.inf(f32),
    std.math.floatMax(f32),
    -std.math.floatMax(f32),
    std.math.floatTrueMin(f32),
    -0.0,
    0,
};

fn fillInput(input: []u8, is_float: bool, wild: bool, random: *std.Random.SplitMix64) void {
    if (!is_float) {
        for (input) |*byte| byte.* = @truncate(random.next());
        return;
    }
    for (std.mem.bytesAsSlice(f32, @as([]align(4) u8, @alignCast(input)))) |*value| {
        const word = random.next();
        const usual = @as(f32, @floatFromInt(word >> 40)) * 0x1p-23 - 1;
        value.* = if (wild and word % 13 == 0) wild_numbers[word / 13 % wild_numbers.len] else usual;
    }
}

/// Parts in an order no thread pool would choose, with every thread's scratch in use.
fn backwards(
    user: ?*anyopaque,
    count: u32,
    task: *const fn (?*anyopaque, u32, u32) callconv(.c) void,
    context: ?*anyopaque,
) callconv(.c) void {
    _ = user;
    var index = count;
    while (index > 0) {
        index -= 1;
        task(context, index, index % 3);
    }
}
