//! POST /v1/selftest: checks each kernel by itself, then runs the model's own test vectors, on the worker. Says which
//! of them gave what they promise, and what each kernel and each op of the model has cost.
const std = @import("std");
const Answer = @import("../request/answer.zig").Answer;
const Device = @import("../request/device.zig").Device;
const Exchange = @import("../request/device.zig").Exchange;
const Model = @import("../model/model.zig").Model;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const Route = @import("../request/device.zig").Route;
const reply = @import("reply.zig");
const runtime = @import("../model/runtime.zig");

pub const route: Route = .{ .method = .POST, .path = "/v1/selftest", .access = .inference, .kind = .{ .inference = .{
    .accepts = &.{},
    .available = available,
    .parse = parse,
    .step = step,
    .results = results,
    .answer = report,
} } };

/// A step is a kernel or, behind them, a vector: how many there are and are done, and a bit for each that passed.
const State = struct {
    kernels: u32 = 0,
    kernels_done: u32 = 0,
    kernels_passed: u32 = 0,
    vectors: u32 = 0,
    vectors_done: u32 = 0,
    vectors_passed: u32 = 0,
    kernel_ticks: [kernels_max]u64 = @splat(0),
};

const kernels_max = 20;

/// The format's bound on test vectors.
const vectors_max = 16;

fn available(_: *const Model) bool {
    return true;
}

fn parse(device: *const Device, exchange: *Exchange) ProblemError!void {
    if (exchange.received > 0) {
        return exchange.problem.fail(
            422,
            .BODY_INVALID,
            "the request has a body of {d} bytes",
            .{exchange.received},
            .{ .expected = "no body" },
        );
    }
    const state = exchange.begin(State);
    state.vectors = @min(device.active.model.?.info.golden_count, vectors_max);
    // They work in the memory of the body that there is not; a board with little of it goes without.
    if (exchange.buffer.len >= runtime.syn_kernel_check_bytes()) {
        state.kernels = @min(runtime.syn_kernel_check_count(), kernels_max);
    }
}

fn step(device: *Device, exchange: *Exchange) bool {
    const state = exchange.own(State);
    if (state.kernels_done < state.kernels) {
        const index = state.kernels_done;
        const check = checkKernel(device, exchange.buffer, index);
        state.kernels_passed |= bit(check.passed == 1, index);
        state.kernel_ticks[index] = check.ticks;
        state.kernels_done += 1;
        return state.kernels_done == state.kernels and state.vectors == 0;
    }
    const turn = &device.requests.turn;
    if (state.vectors_done == 0 and !turn.run_begun) device.active.model.?.resetProfile();
    if (state.vectors_done < state.vectors) {
        const passed = device.active.model.?.selfTest(turn, state.vectors_done) orelse return false;
        state.vectors_passed |= bit(passed, state.vectors_done);
        state.vectors_done += 1;
    }
    return state.vectors_done == state.vectors;
}

fn bit(passed: bool, index: u32) u32 {
    return @as(u32, @intFromBool(passed)) << @intCast(index);
}

fn all(count: u32) u32 {
    return (@as(u32, 1) << @intCast(count)) - 1;
}

/// Without memory it only says what the check is.
fn checkKernel(device: *const Device, memory: ?[]u8, index: u32) runtime.KernelCheck {
    var check: runtime.KernelCheck = .{};
    const port = &device.port;
    const start = if (memory) |given| given.ptr else null;
    const bytes = if (memory) |given| given.len else 0;
    _ = runtime.syn_kernel_check_run(index, start, bytes, port.cycles orelse port.ticks_us, port.user, &check);
    return check;
}

fn results(_: *const Model, _: *Exchange) []const f32 {
    return &.{};
}

fn report(device: *const Device, exchange: *Exchange, answer: *Answer) void {
    const state = exchange.own(State);
    answer.begin(200);
    answer.objectBegin();
    const kernels_passed = state.kernels_passed == all(state.kernels);
    answer.fieldBoolean("passed", kernels_passed and state.vectors_passed == all(state.vectors));
    answer.key("vectors");
    answer.arrayBegin();
    for (0..state.vectors) |i| {
        answer.objectBegin();
        answer.fieldUnsigned("vector", i);
        answer.fieldBoolean("passed", state.vectors_passed >> @intCast(i) & 1 == 1);
        answer.objectEnd();
    }
    answer.arrayEnd();
    answer.field("ticks", if (device.port.cycles != null) "cycles" else "us");
    answer.key("kernels");
    answer.arrayBegin();
    for (0..state.kernels) |i| describeKernel(device, exchange, @intCast(i), answer);
    answer.arrayEnd();
    // A message to a broker has no room for hundreds of them.
    if (exchange.channel == .http) describeOps(device, answer);
    reply.modelAndTiming(device, exchange, answer);
    answer.objectEnd();
    answer.end();
}

fn describeKernel(device: *const Device, exchange: *Exchange, index: u32, answer: *Answer) void {
    const state = exchange.own(State);
    const check = checkKernel(device, null, index);
    answer.objectBegin();
    answer.field("kernel", std.mem.span(check.name));
    answer.fieldBoolean("passed", state.kernels_passed >> @intCast(index) & 1 == 1);
    answer.fieldUnsigned("ticks", state.kernel_ticks[index]);
    answer.fieldUnsigned("macs", check.macs);
    answer.objectEnd();
}

/// The ops that the vectors have run, in the order of the file. `ticks` of all runs together are cycles where the port
/// counts them, else microseconds.
fn describeOps(device: *const Device, answer: *Answer) void {
    const model = &device.active.model.?;
    answer.key("ops");
    answer.arrayBegin();
    for (0..model.info.entry_count) |i| {
        const entry: u32 = @intCast(i);
        var info: runtime.EntryInfo = .{};
        if (runtime.syn_model_get_entry(model.handle, entry, &info) != runtime.ok) continue;
        for (0..info.op_count) |op| {
            const profile = model.opProfile(entry, @intCast(op)) orelse continue;
            if (profile.runs == 0) continue;
            answer.objectBegin();
            answer.field("entry", text(info.name, info.name_bytes));
            answer.fieldUnsigned("index", op);
            answer.field("op", std.mem.span(profile.op));
            answer.field("name", text(profile.name, profile.name_bytes));
            answer.fieldUnsigned("runs", profile.runs);
            answer.fieldUnsigned("ticks", profile.ticks);
            answer.fieldUnsigned("macs", profile.macs);
            answer.fieldUnsigned("weight_bytes", profile.weight_bytes);
            answer.fieldUnsigned("activation_bytes", profile.activation_bytes);
            answer.objectEnd();
        }
    }
    answer.arrayEnd();
}

fn text(data: ?[*]const u8, bytes: u32) []const u8 {
    return (data orelse return "")[0..bytes];
}
