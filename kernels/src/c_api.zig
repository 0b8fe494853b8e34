//! The C API of `include/synapse.h`, exported under its names. Handles are pointers into memory the caller gave.

const std = @import("std");
const errors = @import("errors.zig");
const header = @import("header.zig");
const limits = @import("limits.zig");
const dispatch = @import("dispatch.zig");
const op_list = @import("op.zig");
const Model = @import("model.zig").Model;
const Session = @import("session.zig").Session;
const parallel = @import("parallel.zig");
const session_file = @import("session.zig");
const Result = errors.Result;
const CError = errors.CError;

pub const api_version = 1;
pub const open_skip_digest = 1;

pub const ModelInfo = extern struct {
    size: u32,
    name: [*]const u8,
    name_bytes: u32,
    exact: u32,
    entry_count: u32,
    golden_count: u32,
    file_bytes: u32,
    sha256: [32]u8,
    meta: ?[*]const u8,
    meta_bytes: u32,
};

pub const EntryInfo = extern struct {
    size: u32,
    name: [*]const u8,
    name_bytes: u32,
    rows_max: u32,
    input_count: u32,
    output_count: u32,
    op_count: u32,
};

pub const PortInfo = extern struct {
    size: u32,
    name: [*]const u8,
    name_bytes: u32,
    kind: u32,
    type: u32,
    rank: u32,
    shape: [4]u32,
    dynamic: u32,
    bytes_max: u32,
};

pub const ModelWork = extern struct {
    size: u32,
    op_max: u64,
    run_max: u64,
    golden_total: u64,
};

pub const SessionRequirements = extern struct {
    size: u32,
    session_bytes: usize,
    fast_bytes: usize,
    slow_bytes: usize,
    state_bytes: usize,
    thread_bytes: usize,
};

pub const SessionConfig = extern struct {
    size: u32,
    threads: u32,
    session: ?*anyopaque,
    fast: ?*anyopaque,
    slow: ?*anyopaque,
    state: ?*anyopaque,
    thread: ?*anyopaque,
    session_bytes: usize,
    fast_bytes: usize,
    slow_bytes: usize,
    state_bytes: usize,
    thread_bytes: usize,
    parallel_for: ?parallel.ParallelFor,
    ticks: ?session_file.Ticks,
    user: ?*anyopaque,
};

pub const OpProfile = extern struct {
    size: u32,
    op: [*:0]const u8,
    name: [*]const u8,
    name_bytes: u32,
    runs: u32,
    ticks: u64,
    macs: u64,
    weight_bytes: u64,
    activation_bytes: u64,
};

pub fn modelRequirements(file: ?[*]const u8, file_bytes: usize, out: ?*usize, out_error: ?*CError) callconv(.c) Result {
    var report: errors.Report = .{};
    const bytes = file orelse return argument(&report, out_error, "file is null");
    const target = out orelse return argument(&report, out_error, "out_memory_bytes is null");
    target.* = Model.requirements(bytes[0..file_bytes], &report) catch return report.toC(out_error);
    return .ok;
}

fn argument(report: *errors.Report, out_error: ?*CError, comptime what: []const u8) Result {
    report.fail(.argument, 0, what, .{}) catch {};
    return report.toC(out_error);
}

pub fn modelOpen(
    file: ?[*]const u8,
    file_bytes: usize,
    flags: u32,
    memory: ?[*]u8,
    memory_bytes: usize,
    out: ?**Model,
    out_error: ?*CError,
) callconv(.c) Result {
    var report: errors.Report = .{};
    const bytes = file orelse return argument(&report, out_error, "file is null");
    if (@intFromPtr(bytes) % 64 != 0) return argument(&report, out_error, "file is not 64-byte aligned");
    const given = memory orelse return argument(&report, out_error, "memory is null");
    if (@intFromPtr(given) % 16 != 0) return argument(&report, out_error, "memory is not 16-byte aligned");
    const target = out orelse return argument(&report, out_error, "out_model is null");
    const aligned_file: [*]align(64) const u8 = @alignCast(bytes);
    const aligned_memory: [*]align(16) u8 = @alignCast(given);
    target.* = Model.open(
        aligned_file[0..file_bytes],
        flags & open_skip_digest == 0,
        aligned_memory[0..memory_bytes],
        &report,
    ) catch return report.toC(out_error);
    return .ok;
}

pub fn modelGetInfo(model: ?*const Model, out: ?*ModelInfo) callconv(.c) Result {
    const m = model orelse return .argument;
    const info = out orelse return .argument;
    if (info.size < @sizeOf(ModelInfo)) return .argument;
    info.* = .{
        .size = info.size,
        .name = m.name.ptr,
        .name_bytes = @intCast(m.name.len),
        .exact = @intFromBool(m.exact),
        .entry_count = @intCast(m.entries.len),
        .golden_count = @intCast(m.goldens.len),
        .file_bytes = @intCast(m.file.len),
        .sha256 = m.sha256.*,
        .meta = if (m.meta.len > 0) m.meta.ptr else null,
        .meta_bytes = @intCast(m.meta.len),
    };
    return .ok;
}

pub fn modelGetEntry(model: ?*const Model, index: u32, out: ?*EntryInfo) callconv(.c) Result {
    const entry = entryOf(model, index) orelse return .argument;
    const info = out orelse return .argument;
    if (info.size < @sizeOf(EntryInfo)) return .argument;
    info.* = .{
        .size = info.size,
        .name = entry.name.ptr,
        .name_bytes = @intCast(entry.name.len),
        .rows_max = entry.rows_max,
        .input_count = @intCast(entry.inputs.len),
        .output_count = @intCast(entry.outputs.len),
        .op_count = @intCast(entry.ops.len),
    };
    return .ok;
}

pub fn modelGetWork(model: ?*const Model, out: ?*ModelWork) callconv(.c) Result {
    const m = model orelse return .argument;
    const work = out orelse return .argument;
    if (work.size < @sizeOf(ModelWork)) return .argument;
    work.* = .{
        .size = work.size,
        .op_max = m.work.op_max,
        .run_max = m.work.run_max,
        .golden_total = m.work.golden_total,
    };
    return .ok;
}

fn entryOf(model: ?*const Model, index: u32) ?*const header.Entry {
    const m = model orelse return null;
    return if (index < m.entries.len) &m.entries[index] else null;
}

pub fn modelFindEntry(model: ?*const Model, name: ?[*]const u8, name_bytes: usize, out: ?*u32) callconv(.c) Result {
    const m = model orelse return .argument;
    const text = name orelse return .argument;
    const target = out orelse return .argument;
    target.* = m.findEntry(text[0..name_bytes]) orelse return .not_found;
    return .ok;
}

const Direction = enum { input, output };

fn portsOf(entry: *const header.Entry, direction: Direction) []const header.Port {
    return switch (direction) {
        .input => entry.inputs,
        .output => entry.outputs,
    };
}

fn getPort(model: ?*const Model, entry_index: u32, index: u32, out: ?*PortInfo, direction: Direction) Result {
    const entry = entryOf(model, entry_index) orelse return .argument;
    const ports = portsOf(entry, direction);
    if (index >= ports.len) return .argument;
    const info = out orelse return .argument;
    if (info.size < @sizeOf(PortInfo)) return .argument;
    const port = &ports[index];
    const tensor = &model.?.tensors[port.tensor];
    info.* = .{
        .size = info.size,
        .name = port.name.ptr,
        .name_bytes = @intCast(port.name.len),
        .kind = @backingInt(port.kind),
        .type = switch (tensor.type) {
            .u8 => 1,
            .i32 => 2,
            else => 0,
        },
        .rank = tensor.rank,
        .shape = tensor.shape,
        .dynamic = @intFromBool(tensor.dynamic),
        .bytes_max = tensor.bytes,
    };
    return .ok;
}

pub fn modelGetInput(model: ?*const Model, entry: u32, index: u32, out: ?*PortInfo) callconv(.c) Result {
    return getPort(model, entry, index, out, .input);
}

pub fn modelGetOutput(model: ?*const Model, entry: u32, index: u32, out: ?*PortInfo) callconv(.c) Result {
    return getPort(model, entry, index, out, .output);
}

pub fn sessionGetRequirements(model: ?*const Model, threads: u32, out: ?*SessionRequirements) callconv(.c) Result {
    const m = model orelse return .argument;
    const requirements = out orelse return .argument;
    if (requirements.size < @sizeOf(SessionRequirements) or threads == 0 or
        threads > limits.threads_max) return .argument;
    requirements.* = .{
        .size = requirements.size,
        .session_bytes = Session.bytes(m),
        .fast_bytes = m.regions.fast,
        .slow_bytes = m.regions.slow,
        .state_bytes = m.regions.state,
        .thread_bytes = m.thread_bytes * threads,
    };
    return .ok;
}

pub fn sessionOpen(model: ?*const Model, config: ?*const SessionConfig, out: ?**Session) callconv(.c) Result {
    const m = model orelse return .argument;
    const c = config orelse return .argument;
    const target = out orelse return .argument;
    if (c.size < @sizeOf(SessionConfig)) return .argument;
    var needs: SessionRequirements = .{
        .size = @sizeOf(SessionRequirements),
        .session_bytes = 0,
        .fast_bytes = 0,
        .slow_bytes = 0,
        .state_bytes = 0,
        .thread_bytes = 0,
    };
    const sized = sessionGetRequirements(m, c.threads, &needs);
    if (sized != .ok) return sized;
    if (c.session_bytes < needs.session_bytes or c.fast_bytes < needs.fast_bytes or c.slow_bytes < needs.slow_bytes or
        c.state_bytes < needs.state_bytes or c.thread_bytes < needs.thread_bytes) return .out_of_memory;
    target.* = Session.open(m, .{
        .session = region(c.session, needs.session_bytes) orelse return .argument,
        .fast = region(c.fast, needs.fast_bytes) orelse return .argument,
        .slow = region(c.slow, needs.slow_bytes) orelse return .argument,
        .state = region(c.state, needs.state_bytes) orelse return .argument,
        .thread = region(c.thread, needs.thread_bytes) orelse return .argument,
    }, c.threads, c.parallel_for, c.ticks, c.user);
    return .ok;
}

/// A region of no bytes may be null.
fn region(pointer: ?*anyopaque, bytes: usize) ?[]align(64) u8 {
    const S = struct {
        var nothing: [64]u8 align(64) = @splat(0);
    };
    if (bytes == 0) return S.nothing[0..0];
    const address = pointer orelse return null;
    if (@intFromPtr(address) % 64 != 0) return null;
    return @as([*]align(64) u8, @ptrCast(@alignCast(address)))[0..bytes];
}

fn portData(
    session: ?*Session,
    entry_index: u32,
    index: u32,
    out: ?*[*]u8,
    out_bytes: ?*usize,
    direction: Direction,
) Result {
    const s = session orelse return .argument;
    const entry = entryOf(s.model, entry_index) orelse return .argument;
    const ports = portsOf(entry, direction);
    if (index >= ports.len) return .argument;
    const tensor = &s.model.tensors[ports[index].tensor];
    (out orelse return .argument).* = s.pointer(tensor);
    if (out_bytes) |bytes| bytes.* = tensor.bytes;
    return .ok;
}

pub fn sessionInput(session: ?*Session, entry: u32, index: u32, out: ?*[*]u8, out_bytes: ?*usize) callconv(.c) Result {
    return portData(session, entry, index, out, out_bytes, .input);
}

pub fn sessionOutput(session: ?*Session, entry: u32, index: u32, out: ?*[*]u8, out_bytes: ?*usize) callconv(.c) Result {
    return portData(session, entry, index, out, out_bytes, .output);
}

pub fn sessionRun(session: ?*Session, entry_index: u32, rows: u32) callconv(.c) Result {
    const s = session orelse return .argument;
    const entry = entryOf(s.model, entry_index) orelse return .argument;
    if (rows == 0 or rows > entry.rows_max) return .argument;
    s.run(entry_index, rows);
    return .ok;
}

pub fn sessionBegin(session: ?*Session, entry_index: u32, rows: u32) callconv(.c) Result {
    const s = session orelse return .argument;
    const entry = entryOf(s.model, entry_index) orelse return .argument;
    if (rows == 0 or rows > entry.rows_max) return .argument;
    s.begin(entry_index, rows);
    return .ok;
}

pub fn sessionAdvance(session: ?*Session, ops_max: u32) callconv(.c) Result {
    const s = session orelse return .argument;
    return if (ops_max == 0) .argument else s.advance(ops_max);
}

pub fn sessionCancel(session: ?*Session) callconv(.c) Result {
    const s = session orelse return .argument;
    if (s.under_way != null) s.reset();
    return .ok;
}

pub fn sessionState(session: ?*Session, out: ?*[*]u8, out_bytes: ?*usize) callconv(.c) Result {
    const s = session orelse return .argument;
    const data = out orelse return .argument;
    const bytes = out_bytes orelse return .argument;
    data.* = s.state;
    bytes.* = s.model.regions.state;
    return .ok;
}

pub fn sessionReset(session: ?*Session) callconv(.c) Result {
    (session orelse return .argument).reset();
    return .ok;
}

pub fn sessionSelfTest(session: ?*Session, golden: u32) callconv(.c) Result {
    const s = session orelse return .argument;
    if (golden >= s.model.goldens.len) return .argument;
    return if (s.selfTest(&s.model.goldens[golden])) .ok else .golden;
}

pub fn sessionBeginSelfTest(session: ?*Session, golden: u32) callconv(.c) Result {
    const s = session orelse return .argument;
    if (golden >= s.model.goldens.len) return .argument;
    s.beginSelfTest(&s.model.goldens[golden]);
    return .ok;
}

pub fn sessionGetProfile(session: ?*const Session, entry_index: u32, op: u32, out: ?*OpProfile) callconv(.c) Result {
    const s = session orelse return .argument;
    const entry = entryOf(s.model, entry_index) orelse return .argument;
    if (op >= entry.ops.len) return .argument;
    const target = out orelse return .argument;
    if (target.size < @sizeOf(OpProfile)) return .argument;
    const record = &entry.ops[op];
    const profile = &s.profilesOf(entry_index)[op];
    const name = s.model.tensors[op_list.namingTensor(&record.op)].name;
    target.* = .{
        .size = target.size,
        .op = @tagName(record.op).ptr,
        .name = name.ptr,
        .name_bytes = @intCast(name.len),
        .runs = profile.runs,
        .ticks = profile.ticks,
        .macs = profile.macs,
        .weight_bytes = profile.weight_bytes,
        .activation_bytes = profile.activation_bytes,
    };
    return .ok;
}

pub fn sessionResetProfile(session: ?*Session) callconv(.c) Result {
    @memset((session orelse return .argument).profiles, .{});
    return .ok;
}

pub fn resultName(result: Result) callconv(.c) [*:0]const u8 {
    return switch (result) {
        _ => "UNKNOWN",
        inline else => |known| comptime blk: {
            const tag = @tagName(known);
            var upper: [tag.len:0]u8 = undefined;
            for (tag, 0..) |letter, i| upper[i] = std.ascii.toUpper(letter);
            const final = upper;
            break :blk &final;
        },
    };
}

pub fn apiVersion() callconv(.c) u32 {
    return api_version;
}

/// Room for the state of a SHA-256 under way, whatever the standard library keeps in it.
pub const Sha256 = extern struct { state: [14]u64 };

const StdSha256 = std.crypto.hash.sha2.Sha256;

/// A copy, because C aligns the room by less than the vectors that some processors keep there.
fn sha256Of(hash: *const Sha256) StdSha256 {
    comptime std.debug.assert(@sizeOf(StdSha256) <= @sizeOf(Sha256));
    var own: StdSha256 = undefined;
    @memcpy(std.mem.asBytes(&own), std.mem.asBytes(hash)[0..@sizeOf(StdSha256)]);
    return own;
}

fn keepSha256(hash: *Sha256, own: StdSha256) void {
    @memcpy(std.mem.asBytes(hash)[0..@sizeOf(StdSha256)], std.mem.asBytes(&own));
}

pub fn sha256Begin(hash: *Sha256) callconv(.c) void {
    keepSha256(hash, .init(.{}));
}

pub fn sha256Add(hash: *Sha256, bytes: [*]const u8, byte_count: usize) callconv(.c) void {
    var own = sha256Of(hash);
    own.update(bytes[0..byte_count]);
    keepSha256(hash, own);
}

pub fn sha256End(hash: *Sha256, out_digest: *[32]u8) callconv(.c) void {
    var own = sha256Of(hash);
    own.final(out_digest);
}

pub fn isaName() callconv(.c) [*:0]const u8 {
    return dispatch.table().isa;
}

/// Every function but those of kernel_check.zig, by its C name: the builds export them, and a test holds the header
/// against them.
pub const functions = .{
    .{ "syn_model_requirements", modelRequirements },
    .{ "syn_model_open", modelOpen },
    .{ "syn_model_get_info", modelGetInfo },
    .{ "syn_model_get_entry", modelGetEntry },
    .{ "syn_model_find_entry", modelFindEntry },
    .{ "syn_model_get_input", modelGetInput },
    .{ "syn_model_get_output", modelGetOutput },
    .{ "syn_model_get_work", modelGetWork },
    .{ "syn_session_get_requirements", sessionGetRequirements },
    .{ "syn_session_open", sessionOpen },
    .{ "syn_session_input", sessionInput },
    .{ "syn_session_output", sessionOutput },
    .{ "syn_session_run", sessionRun },
    .{ "syn_session_begin", sessionBegin },
    .{ "syn_session_begin_self_test", sessionBeginSelfTest },
    .{ "syn_session_advance", sessionAdvance },
    .{ "syn_session_cancel", sessionCancel },
    .{ "syn_session_state", sessionState },
    .{ "syn_session_reset", sessionReset },
    .{ "syn_session_self_test", sessionSelfTest },
    .{ "syn_session_get_profile", sessionGetProfile },
    .{ "syn_session_reset_profile", sessionResetProfile },
    .{ "syn_result_name", resultName },
    .{ "syn_api_version", apiVersion },
    .{ "syn_isa_name", isaName },
    .{ "syn_sha256_begin", sha256Begin },
    .{ "syn_sha256_add", sha256Add },
    .{ "syn_sha256_end", sha256End },
};

/// Exports the C API from the compilation that calls this at comptime.
pub fn exportAll() void {
    inline for (functions) |function| {
        const body = function[1];
        @export(&body, .{ .name = function[0] });
    }
}
