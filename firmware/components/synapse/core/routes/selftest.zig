//! POST /v1/selftest: runs the model's own test vectors on the worker, and says which of them gave the outputs that the pack promises.
const Answer = @import("../request/answer.zig").Answer;
const Device = @import("../request/device.zig").Device;
const Exchange = @import("../request/exchange.zig").Exchange;
const Model = @import("../model/model.zig").Model;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const Route = @import("../routes.zig").Route;
const reply = @import("reply.zig");

pub const route: Route = .{ .method = .POST, .path = "/v1/selftest", .access = .inference, .kind = .{ .inference = .{
    .accepts = &.{},
    .available = available,
    .parse = parse,
    .step = step,
    .results = results,
    .answer = report,
} } };

/// The format's bound on test vectors.
const vectors_max = 16;

fn available(_: *const Model) bool {
    return true;
}

fn parse(device: *const Device, exchange: *Exchange) ProblemError!void {
    if (exchange.received > 0) {
        return exchange.problem.fail(422, .BODY_INVALID, "the request has a body of {d} bytes", .{exchange.received}, .{ .expected = "no body" });
    }
    exchange.steps = @min(device.model.?.info.golden_count, vectors_max);
}

fn step(device: *Device, exchange: *Exchange) bool {
    if (exchange.steps_done < exchange.steps) {
        const passed = device.model.?.selfTest(&device.turn, @intCast(exchange.steps_done)) orelse return false;
        exchange.passed |= @as(u32, @intFromBool(passed)) << @intCast(exchange.steps_done);
        exchange.steps_done += 1;
    }
    return exchange.steps_done == exchange.steps;
}

fn results(_: *const Model, _: *Exchange) []const f32 {
    return &.{};
}

fn report(device: *const Device, exchange: *Exchange, answer: *Answer) void {
    const all = (@as(u32, 1) << @intCast(exchange.steps)) - 1;
    answer.begin(200);
    answer.objectBegin();
    answer.fieldBoolean("passed", exchange.passed == all);
    answer.key("vectors");
    answer.arrayBegin();
    for (0..exchange.steps) |i| {
        answer.objectBegin();
        answer.fieldUnsigned("vector", i);
        answer.fieldBoolean("passed", exchange.passed >> @intCast(i) & 1 == 1);
        answer.objectEnd();
    }
    answer.arrayEnd();
    reply.modelAndTiming(device, exchange, answer);
    answer.objectEnd();
    answer.end();
}
