//! POST /v1/observe: one frame of a named stream and the action taken since the frame before; how surprising the frame
//! is, out. Surprise is the Euclidean distance between the latent that the model predicted from the stream's last
//! frames and actions, and the latent that came.
const std = @import("std");
const Answer = @import("../request/answer.zig").Answer;
const Body = @import("../wire/body.zig").Body;
const Device = @import("../request/device.zig").Device;
const Exchange = @import("../request/device.zig").Exchange;
const Model = @import("../model/model.zig").Model;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const Route = @import("../request/device.zig").Route;
const limits = @import("../limits.zig");
const isStranger = @import("../board/access.zig").isStranger;
const streams = @import("../model/streams.zig");
const frames = @import("frame.zig");
const reply = @import("reply.zig");

pub const route: Route = .{ .method = .POST, .path = "/v1/observe", .access = .inference, .kind = .{ .inference = .{
    .accepts = &.{ .json, .cbor },
    .available = available,
    .parse = parse,
    .step = step,
    .results = results,
    .settle = settle,
    .answer = report,
} } };

/// What the client asked for, and what came of it.
const State = struct {
    /// The frame is a latent yet.
    start_done: bool = false,
    /// Latents of the answer: the frame's, and the predicted one when there is one.
    latents: usize = 0,
    name: streams.Name = .{},
    has_action: bool = false,
    restart: bool = false,
    evicted: streams.Name = .{},
    frame: u64 = 0,
    surprise: ?f64 = null,
    z_score: ?f64 = null,
    statistics: streams.Statistics = .{},
};

fn available(model: *const Model) bool {
    return model.predict != null;
}

const fields = frames.fields ++ [_][]const u8{ "stream", "action", "reset" };
const stream_bit = 1 << frames.fields.len;
const action_bit = 2 << frames.fields.len;

fn parse(device: *const Device, exchange: *Exchange) ProblemError!void {
    const predictor = &device.active.model.?.predict.?;
    const observation = exchange.begin(State);
    var body: Body = undefined;
    body.init(if (exchange.body_type == .json) .json else .cbor, exchange.body(), &exchange.problem);
    var frame: frames.Frame = .{};
    var seen: u32 = 0;
    try body.object();
    while (try body.field(0, &fields, &seen)) |index| switch (index) {
        0...frames.fields.len - 1 => try frame.read(&body, index, exchange.latents[0..predictor.latent_elements]),
        frames.fields.len => observation.name = try streamName(&body),
        frames.fields.len + 1 => try body.floats(exchange.actions[0..predictor.action_elements]),
        else => observation.restart = try body.boolean(),
    };
    try body.require(&fields, seen, stream_bit);
    try body.end();
    observation.has_action = seen & action_bit != 0;
    frame.seen = seen & (stream_bit - 1);
    return frame.finish(device, exchange, 0, "");
}

fn streamName(body: *Body) ProblemError!streams.Name {
    const text = try body.text();
    const valid = text.len >= 1 and text.len <= limits.stream_name_bytes_max and for (text) |byte| {
        if (!std.ascii.isAlphanumeric(byte) and std.mem.indexOfScalar(u8, "._-", byte) == null) break false;
    } else true;
    if (!valid) return body.failExpecting(
        "1 to {d} letters, digits, dots, dashes and underscores",
        .{limits.stream_name_bytes_max},
        "this is no name of a stream",
        .{},
    );
    var name: streams.Name = .{};
    name.append(text);
    return name;
}

/// First the latent, then its surprise. The stream stays as it is: a client that leaves meanwhile has changed nothing.
fn step(device: *Device, exchange: *Exchange) bool {
    const model = &device.active.model.?;
    const predictor = &model.predict.?;
    const observation = exchange.own(State);
    const latent = exchange.result(0, predictor.latent_elements);
    if (!observation.start_done) {
        if (exchange.pictures[0].given) {
            if (!model.runEncode(&device.requests.turn, exchange.pictures[0].pixels, latent)) return false;
        } else @memcpy(latent, exchange.latents[0..latent.len]);
        observation.start_done = true;
        observation.latents = 1;
        return !finite(latent);
    }
    const open = isStranger(exchange.right);
    const stream = device.active.streams.get(&observation.name, open) orelse {
        if (device.active.streams.placeFor(open) != null) return true;
        exchange.problem = Problem.init(
            503,
            .STREAMS_FULL,
            "all streams that the board has room for are its owner's",
            .{},
            .{ .expected = "the owner's token" },
        );
        exchange.refused = true;
        return true;
    };
    if (observation.restart) return true;
    if (!observation.has_action) {
        exchange.problem = Problem.init(
            422,
            .BODY_INVALID,
            "the stream has {d} frames, so the action taken since the last one is needed",
            .{stream.frames},
            .{
                .field = "action",
                .expected = .{ "{d} numbers, or \"reset\": true for a first frame", .{predictor.action_elements} },
            },
        );
        exchange.refused = true;
        return true;
    }
    const action = stream.lastAction(predictor);
    @memcpy(action, exchange.actions[0..action.len]);
    if (stream.rows < predictor.history_min) return true;
    const predicted = exchange.result(1, latent.len);
    if (!model.runPredict(
        &device.requests.turn,
        stream.rows,
        stream.latents[0 .. stream.rows * latent.len],
        stream.actions[0 .. stream.rows * action.len],
        predicted,
    )) return false;
    observation.latents = 2;
    observation.surprise = streams.distance(predicted, latent);
    observation.z_score = stream.surprise.zScore(observation.surprise.?);
    return true;
}

/// The stream takes the frame in.
fn settle(device: *Device, exchange: *Exchange) void {
    const predictor = &device.active.model.?.predict.?;
    const observation = exchange.own(State);
    const stream = device.active.streams.find(
        observation.name,
        isStranger(exchange.right),
        observation.restart,
        &observation.evicted,
    );
    if (observation.surprise) |surprise| stream.surprise.add(surprise);
    stream.append(exchange.result(0, predictor.latent_elements), predictor);
    observation.frame = stream.frames;
    observation.statistics = stream.surprise;
}

fn finite(row: []const f32) bool {
    for (row) |value| if (!std.math.isFinite(value)) return false;
    return true;
}

/// The frame's latent, and the predicted one when there is one.
fn results(model: *const Model, exchange: *Exchange) []const f32 {
    return exchange.result(0, exchange.own(State).latents * model.predict.?.latent_elements);
}

fn report(device: *const Device, exchange: *Exchange, answer: *Answer) void {
    const observation = exchange.own(State);
    device.tell(.{ .observed = .{
        .stream = observation.name.slice(),
        .frame = observation.frame,
        .surprise = observation.surprise,
        .z_score = observation.z_score,
        .count = observation.statistics.count,
        .mean = observation.statistics.mean,
    } });
    answer.begin(200);
    answer.objectBegin();
    answer.field("stream", observation.name.slice());
    answer.fieldUnsigned("frame", observation.frame);
    optional(answer, "surprise", observation.surprise);
    optional(answer, "z_score", observation.z_score);
    const statistics = &observation.statistics;
    answer.fieldUnsigned("count", statistics.count);
    optional(answer, "mean", if (statistics.count > 0) statistics.mean else null);
    optional(answer, "deviation", statistics.deviation());
    answer.key("evicted");
    if (observation.evicted.len > 0) answer.text(observation.evicted.slice()) else answer.nothing();
    answer.key("latent");
    answer.latent(exchange.result(0, device.active.model.?.predict.?.latent_elements));
    if (observation.has_action) reply.actionWarnings(
        device,
        exchange.actions[0..device.active.model.?.predict.?.action_elements],
        .action,
        answer,
    );
    reply.modelAndTiming(device, exchange, answer);
    answer.objectEnd();
    answer.end();
}

fn optional(answer: *Answer, name: []const u8, value: ?f64) void {
    answer.key(name);
    if (value) |number| answer.double(number) else answer.nothing();
}
