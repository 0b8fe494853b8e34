//! POST /v1/predict: a history of latents and the action taken at each, in; the latent that follows, out.
const Answer = @import("../request/answer.zig").Answer;
const Body = @import("../wire/body.zig").Body;
const Device = @import("../request/device.zig").Device;
const Exchange = @import("../request/device.zig").Exchange;
const Model = @import("../model/model.zig").Model;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const Route = @import("../request/device.zig").Route;
const reply = @import("reply.zig");

pub const route: Route = .{ .method = .POST, .path = "/v1/predict", .access = .inference, .kind = .{ .inference = .{
    .accepts = &.{ .json, .cbor },
    .available = available,
    .parse = parse,
    .step = step,
    .results = results,
    .answer = report,
} } };

pub fn available(model: *const Model) bool {
    return model.predict != null;
}

/// Rows of history that the client gave.
pub const State = struct { history: usize = 0 };

const fields = [_][]const u8{ "history", "actions" };

fn parse(device: *const Device, exchange: *Exchange) ProblemError!void {
    const predictor = &device.active.model.?.predict.?;
    const state = exchange.begin(State);
    var body: Body = undefined;
    body.init(if (exchange.body_type == .json) .json else .cbor, exchange.body(), &exchange.problem);
    var seen: u32 = 0;
    var action_rows: usize = 0;
    try body.object();
    while (try body.field(0, &fields, &seen)) |index| switch (index) {
        0 => state.history = try body.rows(
            exchange.latents[0 .. predictor.history_max * predictor.latent_elements],
            predictor.latent_elements,
        ),
        else => action_rows = try body.rows(
            exchange.actions[0 .. predictor.history_max * predictor.action_elements],
            predictor.action_elements,
        ),
    };
    try body.require(&fields, seen, 0b11);
    try body.end();
    if (action_rows != state.history or state.history < predictor.history_min) {
        return exchange.problem.fail(
            422,
            .BODY_INVALID,
            "{d} latents and {d} actions",
            .{ state.history, action_rows },
            .{
                .field = "actions",
                .expected = .{
                    "as many actions as latents, {d} to {d} of each: action i is the one taken at latent i",
                    .{ predictor.history_min, predictor.history_max },
                },
            },
        );
    }
}

pub fn step(device: *Device, exchange: *Exchange) bool {
    const model = &device.active.model.?;
    const predictor = &model.predict.?;
    const rows = exchange.own(State).history;
    return model.runPredict(
        &device.requests.turn,
        rows,
        exchange.latents[0 .. rows * predictor.latent_elements],
        exchange.actions[0 .. rows * predictor.action_elements],
        exchange.result(0, predictor.latent_elements),
    );
}

pub fn results(model: *const Model, exchange: *Exchange) []const f32 {
    return exchange.result(0, model.predict.?.latent_elements);
}

fn report(device: *const Device, exchange: *Exchange, answer: *Answer) void {
    answer.begin(200);
    answer.objectBegin();
    answer.key("latent");
    answer.latent(results(&device.active.model.?, exchange));
    reply.actionWarnings(
        device,
        exchange.actions[0 .. exchange.own(State).history * device.active.model.?.predict.?.action_elements],
        .actions,
        answer,
    );
    reply.modelAndTiming(device, exchange, answer);
    answer.objectEnd();
    answer.end();
}
