//! POST /predict, for clients of the published LeWM port: one latent and one action in, the next latent out.
const Answer = @import("../../request/answer.zig").Answer;
const media_types = @import("../../request/answer.zig").media_types;
const Body = @import("../../wire/body.zig").Body;
const Device = @import("../../request/device.zig").Device;
const Exchange = @import("../../request/device.zig").Exchange;
const ProblemError = @import("../../wire/problem.zig").Error;
const Route = @import("../../request/device.zig").Route;
const predict = @import("../predict.zig");
const rollout = @import("../rollout.zig");
const reply = @import("reply.zig");

pub const route: Route = .{ .method = .POST, .path = "/predict", .access = .inference, .kind = .{ .inference = .{
    .accepts = &.{.json},
    .assumes = .json,
    .offers = media_types[0..1],
    .available = rollout.available,
    .parse = parse,
    .step = predict.step,
    .results = predict.results,
    .answer = report,
} } };

const fields = [_][]const u8{ "latent", "action" };

fn parse(device: *const Device, exchange: *Exchange) ProblemError!void {
    const predictor = &device.active.model.?.predict.?;
    var body: Body = undefined;
    body.init(.json, exchange.body(), &exchange.problem);
    var seen: u32 = 0;
    try body.object();
    while (try body.field(0, &fields, &seen)) |index| switch (index) {
        0 => try body.floats(exchange.latents[0..predictor.latent_elements]),
        else => try body.floats(exchange.actions[0..predictor.action_elements]),
    };
    try body.require(&fields, seen, 0b11);
    try body.end();
    exchange.begin(predict.State).history = 1;
}

fn report(device: *const Device, exchange: *Exchange, answer: *Answer) void {
    answer.begin(200);
    answer.objectBegin();
    answer.key("next_latent");
    answer.latent(predict.results(&device.active.model.?, exchange));
    reply.latency(exchange, answer);
}
