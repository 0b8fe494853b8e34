//! POST /v1/selftest: runs the model's own test vectors on the worker, and says which of them gave the outputs that the
//! pack promises, and what each op of the model has cost.
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

/// Vectors to run and run, and a bit for each that passed.
const State = struct { steps: usize = 0, steps_done: usize = 0, passed: u32 = 0 };

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
    exchange.begin(State).steps = @min(device.active.model.?.info.golden_count, vectors_max);
}

fn step(device: *Device, exchange: *Exchange) bool {
    const state = exchange.own(State);
    const turn = &device.requests.turn;
    if (state.steps_done == 0 and !turn.run_begun) device.active.model.?.resetProfile();
    if (state.steps_done < state.steps) {
        const passed = device.active.model.?.selfTest(
            turn,
            @intCast(state.steps_done),
        ) orelse return false;
        state.passed |= @as(u32, @intFromBool(passed)) << @intCast(state.steps_done);
        state.steps_done += 1;
    }
    return state.steps_done == state.steps;
}

fn results(_: *const Model, _: *Exchange) []const f32 {
    return &.{};
}

fn report(device: *const Device, exchange: *Exchange, answer: *Answer) void {
    const state = exchange.own(State);
    const all = (@as(u32, 1) << @intCast(state.steps)) - 1;
    answer.begin(200);
    answer.objectBegin();
    answer.fieldBoolean("passed", state.passed == all);
    answer.key("vectors");
    answer.arrayBegin();
    for (0..state.steps) |i| {
        answer.objectBegin();
        answer.fieldUnsigned("vector", i);
        answer.fieldBoolean("passed", state.passed >> @intCast(i) & 1 == 1);
        answer.objectEnd();
    }
    answer.arrayEnd();
    // A message to a broker has no room for hundreds of them.
    if (exchange.channel == .http) describeOps(device, answer);
    reply.modelAndTiming(device, exchange, answer);
    answer.objectEnd();
    answer.end();
}

/// The ops that the vectors have run, in the order of the file. `ticks` of all runs together are cycles where the port
/// counts them, else microseconds.
fn describeOps(device: *const Device, answer: *Answer) void {
    const model = &device.active.model.?;
    answer.field("ticks", if (device.port.cycles != null) "cycles" else "us");
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
