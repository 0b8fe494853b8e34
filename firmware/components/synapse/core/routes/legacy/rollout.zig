//! POST /rollout, for clients of the published LeWM port: a latent and actions in, the trajectory out, its start
//! included. As POST /v1/rollout, each step predicts from as much history as the model takes.
const Answer = @import("../../request/answer.zig").Answer;
const media_types = @import("../../request/answer.zig").media_types;
const Body = @import("../../wire/body.zig").Body;
const Device = @import("../../request/device.zig").Device;
const Exchange = @import("../../request/device.zig").Exchange;
const ProblemError = @import("../../wire/problem.zig").Error;
const Route = @import("../../request/device.zig").Route;
const rollout = @import("../rollout.zig");
const reply = @import("reply.zig");

pub const route: Route = .{ .method = .POST, .path = "/rollout", .access = .inference, .kind = .{ .inference = .{
    .accepts = &.{.json},
    .assumes = .json,
    .offers = media_types[0..1],
    .available = rollout.available,
    .parse = parse,
    .step = rollout.step,
    .results = rollout.results,
    .answer = report,
    .predictions = rollout.predictions,
    .yields = true,
} } };

const fields = [_][]const u8{ "latent", "actions", "steps" };

fn parse(device: *const Device, exchange: *Exchange) ProblemError!void {
    const predictor = &device.active.model.?.predict.?;
    var body: Body = undefined;
    body.init(.json, exchange.body(), &exchange.problem);
    var seen: u32 = 0;
    var steps: u64 = device.stepsMax();
    var rows: usize = 0;
    try body.object();
    while (try body.field(0, &fields, &seen)) |index| switch (index) {
        0 => try body.floats(exchange.latents[0..predictor.latent_elements]),
        1 => rows = try body.rows(
            exchange.actions[0 .. device.stepsMax() * predictor.action_elements],
            predictor.action_elements,
        ),
        else => steps = try body.unsigned(1, device.stepsMax()),
    };
    try body.require(&fields, seen, 0b011);
    try body.end();
    exchange.begin(rollout.State).steps = @min(rows, steps);
}

fn report(device: *const Device, exchange: *Exchange, answer: *Answer) void {
    answer.begin(200);
    answer.objectBegin();
    rollout.trajectory(device, exchange, answer);
    answer.fieldUnsigned("steps", exchange.own(rollout.State).steps);
    reply.latency(exchange, answer);
}
