//! POST /v1/rollout: a start (latent or picture) and n actions in; the trajectory out, start included, so n + 1
//! latents. Each step predicts from the last latents and actions, as many as the model's history holds.
const Answer = @import("../request/answer.zig").Answer;
const Body = @import("../wire/body.zig").Body;
const Device = @import("../request/device.zig").Device;
const Exchange = @import("../request/device.zig").Exchange;
const Model = @import("../model/model.zig").Model;
const ProblemError = @import("../wire/problem.zig").Error;
const Route = @import("../request/device.zig").Route;
const frames = @import("frame.zig");
const reply = @import("reply.zig");

pub const route: Route = .{ .method = .POST, .path = "/v1/rollout", .access = .inference, .kind = .{ .inference = .{
    .accepts = &.{ .json, .cbor },
    .available = available,
    .parse = parse,
    .step = step,
    .results = results,
    .answer = report,
    .predictions = predictions,
    .yields = true,
} } };

pub fn available(model: *const Model) bool {
    // A fixed history longer than one has no way to begin from a single start.
    const predictor = model.predict orelse return false;
    return predictor.history_min == 1;
}

/// Steps to do and done; whether the start is a latent yet.
pub const State = struct { steps: usize = 0, steps_done: usize = 0, start_done: bool = false };

const fields = [_][]const u8{ "start", "actions" };

fn parse(device: *const Device, exchange: *Exchange) ProblemError!void {
    const model = &device.active.model.?;
    const predictor = &model.predict.?;
    const state = exchange.begin(State);
    var body: Body = undefined;
    body.init(if (exchange.body_type == .json) .json else .cbor, exchange.body(), &exchange.problem);
    var start: frames.Frame = .{};
    var seen: u32 = 0;
    try body.object();
    while (try body.field(0, &fields, &seen)) |index| switch (index) {
        0 => try start.readObject(&body, exchange.latents[0..predictor.latent_elements]),
        else => state.steps = try body.rows(
            exchange.actions[0 .. device.stepsMax() * predictor.action_elements],
            predictor.action_elements,
        ),
    };
    try body.require(&fields, seen, 0b11);
    try body.end();
    return start.finish(device, exchange, 0, "start.");
}

pub fn predictions(exchange: *const Exchange) u64 {
    return exchange.view(State).steps;
}

pub fn step(device: *Device, exchange: *Exchange) bool {
    const model = &device.active.model.?;
    const predictor = &model.predict.?;
    const width = predictor.latent_elements;
    const state = exchange.own(State);
    if (!state.start_done) {
        if (exchange.pictures[0].given) {
            if (!model.runEncode(
                &device.requests.turn,
                exchange.pictures[0].pixels,
                exchange.result(0, width),
            )) return false;
        } else @memcpy(exchange.result(0, width), exchange.latents[0..width]);
        state.start_done = true;
        return false;
    }
    const done = state.steps_done;
    const rows = @min(done + 1, predictor.history_max);
    const first = done + 1 - rows;
    const history = exchange.result(0, width * (done + 1))[first * width ..];
    const actions = exchange.actions[first * predictor.action_elements .. (done + 1) * predictor.action_elements];
    if (!model.runPredict(
        &device.requests.turn,
        rows,
        history,
        actions,
        exchange.result(done + 1, width),
    )) return false;
    state.steps_done += 1;
    return state.steps_done == state.steps;
}

pub fn results(model: *const Model, exchange: *Exchange) []const f32 {
    return exchange.result(0, (exchange.own(State).steps + 1) * model.predict.?.latent_elements);
}

pub fn trajectory(device: *const Device, exchange: *Exchange, answer: *Answer) void {
    const width = device.active.model.?.predict.?.latent_elements;
    answer.key("trajectory");
    answer.arrayBegin();
    for (0..exchange.own(State).steps + 1) |i| answer.latent(exchange.result(i, width));
    answer.arrayEnd();
}

fn report(device: *const Device, exchange: *Exchange, answer: *Answer) void {
    answer.begin(200);
    answer.objectBegin();
    trajectory(device, exchange, answer);
    reply.actionWarnings(
        device,
        exchange.actions[0 .. exchange.own(State).steps * device.active.model.?.predict.?.action_elements],
        .actions,
        answer,
    );
    reply.modelAndTiming(device, exchange, answer);
    answer.objectEnd();
    answer.end();
}
