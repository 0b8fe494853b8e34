//! POST /v1/plan: a start and a goal in; the actions that lead from one to the other, as far as the model can imagine,
//! out. The cross-entropy method of cem.zig over rollouts of the predictor; cost is the squared distance between the
//! last predicted latent and the goal's. Deterministic: the same request with the same seed has the same answer on
//! every build. Progress as server-sent events.
const std = @import("std");
const ActionSpace = @import("../model/action_space.zig").ActionSpace;
const Answer = @import("../request/answer.zig").Answer;
const answers = @import("../request/answer.zig");
const Body = @import("../wire/body.zig").Body;
const cems = @import("plan/cem.zig");
const Cem = cems.Cem;
const Device = @import("../request/device.zig").Device;
const Exchange = @import("../request/device.zig").Exchange;
const limits = @import("../limits.zig");
const Predict = @import("../model/model.zig").Predict;
const Model = @import("../model/model.zig").Model;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const Route = @import("../request/device.zig").Route;
const frames = @import("frame.zig");
const reply = @import("reply.zig");
const rollout = @import("rollout.zig");

pub const route: Route = .{ .method = .POST, .path = "/v1/plan", .access = .inference, .kind = .{ .inference = .{
    .accepts = &.{ .json, .cbor },
    .offers = &(answers.media_types ++ [_][]const u8{answers.event_media_type}),
    .available = rollout.route.kind.inference.available,
    .parse = parse,
    .step = step,
    .results = results,
    .answer = report,
    .predictions = predictions,
    .yields = true,
    .progress = progress,
} } };

const State = struct {
    budget: cems.Budget = .{},
    horizon: u32 = limits.plan_horizon_default,
    seed: u64 = 0,
    stage: enum { start, goal, search, final, done } = .start,
    cem: Cem = undefined,
    /// (horizon + 1, latent_elements): the candidate's rollout, the start included.
    trajectory: []f32 = &.{},
    /// Steps of the candidate's rollout that are done.
    depth: u32 = 0,
    predictions: u64 = 0,
    cost: f32 = 0,
    /// What the last progress event told.
    told_iteration: u32 = 0,
    told_us: u64 = 0,
};

const fields = [_][]const u8{ "start", "goal", "horizon", "budget", "seed" };
const budget_fields = [_][]const u8{ "samples", "iterations", "elites" };
const seed_max = (1 << 53) - 1;

fn parse(device: *const Device, exchange: *Exchange) ProblemError!void {
    const predictor = &device.active.model.?.predict.?;
    const plan = exchange.begin(State);
    const width = predictor.latent_elements;
    var body: Body = undefined;
    body.init(if (exchange.body_type == .json) .json else .cbor, exchange.body(), &exchange.problem);
    var start: frames.Frame = .{};
    var goal: frames.Frame = .{};
    var seen: u32 = 0;
    try body.object();
    while (try body.field(0, &fields, &seen)) |index| switch (index) {
        0 => try start.readObject(&body, exchange.latents[0..width]),
        1 => try goal.readObject(&body, exchange.latents[width..][0..width]),
        2 => plan.horizon = @intCast(try body.unsigned(1, limits.plan_horizon_max)),
        3 => try readBudget(&body, &plan.budget),
        else => plan.seed = try body.unsigned(0, seed_max),
    };
    try body.require(&fields, seen, 0b11);
    try body.end();
    try checkBudget(exchange, predictor);
    try start.finish(device, exchange, 0, "start.");
    try goal.finish(device, exchange, 1, "goal.");
}

fn readBudget(body: *Body, budget: *cems.Budget) ProblemError!void {
    var seen: u32 = 0;
    const base_len = body.path.len;
    try body.object();
    while (try body.field(base_len, &budget_fields, &seen)) |index| switch (index) {
        0 => budget.samples = @intCast(try body.unsigned(2, limits.plan_samples_max)),
        1 => budget.iterations = @intCast(try body.unsigned(1, limits.plan_iterations_max)),
        else => budget.elites = @intCast(try body.unsigned(2, limits.plan_elites_max)),
    };
}

fn checkBudget(exchange: *Exchange, predictor: *const Predict) ProblemError!void {
    const plan = exchange.own(State);
    const budget = plan.budget;
    if (budget.elites > budget.samples) {
        return exchange.problem.fail(
            422,
            .BODY_INVALID,
            "{d} elites of {d} samples",
            .{ budget.elites, budget.samples },
            .{ .field = "budget.elites", .expected = "at most as many elites as samples" },
        );
    }
    const asked = predictions(exchange);
    if (asked > limits.plan_predictions_max) {
        return exchange.problem.fail(
            422,
            .BODY_INVALID,
            "the budget is {d} predictions",
            .{asked},
            .{
                .field = "budget",
                .expected = .{ "samples * iterations * horizon of at most {d}", .{limits.plan_predictions_max} },
            },
        );
    }
    const needed = 4 * memoryElements(plan, predictor);
    if (needed > exchange.buffer.len) {
        return exchange.problem.fail(
            422,
            .BODY_INVALID,
            "the plan needs {d} bytes",
            .{needed},
            .{
                .field = "budget",
                .expected = .{
                    "fewer elites or a nearer horizon: the board has {d} bytes for a request",
                    .{exchange.buffer.len},
                },
            },
        );
    }
}

fn predictions(exchange: *const Exchange) u64 {
    const plan = exchange.view(State);
    return @as(u64, plan.budget.samples) * plan.budget.iterations * plan.horizon;
}

fn memoryElements(plan: *const State, predictor: *const Predict) usize {
    const trajectory = @as(usize, plan.horizon + 1) * predictor.latent_elements;
    return trajectory + Cem.memoryElements(plan.budget, plan.horizon * predictor.action_elements);
}

fn step(device: *Device, exchange: *Exchange) bool {
    const model = &device.active.model.?;
    const plan = exchange.own(State);
    const width = model.predict.?.latent_elements;
    switch (plan.stage) {
        .start => {
            if (exchange.pictures[0].given and !model.runEncode(
                &device.requests.turn,
                exchange.pictures[0].pixels,
                exchange.latents[0..width],
            )) return false;
            plan.stage = .goal;
        },
        .goal => {
            if (exchange.pictures[1].given and !model.runEncode(
                &device.requests.turn,
                exchange.pictures[1].pixels,
                exchange.latents[width..][0..width],
            )) return false;
            // From here on the body, and a picture in its place, are needed no more.
            begin(exchange, &model.predict.?, &model.actions);
            plan.stage = .search;
        },
        .search => if (predictNext(device, exchange)) {
            const iteration = plan.cem.iteration;
            plan.cem.score(plan.cost);
            // So that every iteration is told.
            exchange.turn_over = plan.cem.iteration != iteration;
            if (plan.cem.done()) plan.stage = .final;
        },
        .final => if (predictNext(device, exchange)) {
            plan.stage = .done;
        },
        .done => {},
    }
    return plan.stage == .done;
}

fn begin(exchange: *Exchange, predictor: *const Predict, space: *const ActionSpace) void {
    const plan = exchange.own(State);
    const rows = plan.horizon + 1;
    const values = exchange.result(0, memoryElements(plan, predictor));
    plan.trajectory = values[0 .. rows * predictor.latent_elements];
    plan.cem = .init(
        plan.seed,
        plan.budget,
        values[plan.trajectory.len..],
        plan.horizon * predictor.action_elements,
        space,
    );
    @memcpy(plan.trajectory[0..predictor.latent_elements], exchange.latents[0..predictor.latent_elements]);
}

/// One step of the candidate's rollout, from as many rows as the history holds, or a part of it; true, with the cost
/// known, after the last.
fn predictNext(device: *Device, exchange: *Exchange) bool {
    const model = &device.active.model.?;
    const plan = exchange.own(State);
    const predictor = &model.predict.?;
    const width = predictor.latent_elements;
    const rows = @min(plan.depth + 1, predictor.history_max);
    const first = plan.depth + 1 - rows;
    const history = plan.trajectory[first * width .. (plan.depth + 1) * width];
    const elements = predictor.action_elements;
    const actions = plan.cem.candidate[first * elements .. (plan.depth + 1) * elements];
    const next = plan.trajectory[(plan.depth + 1) * width ..][0..width];
    if (!model.runPredict(&device.requests.turn, rows, history, actions, next)) return false;
    plan.predictions += 1;
    plan.depth += 1;
    if (plan.depth < plan.horizon) return false;
    plan.depth = 0;
    var cost: f32 = 0;
    for (next, exchange.latents[width..][0..width]) |predicted, wanted| {
        cost += (predicted - wanted) * (predicted - wanted);
    }
    plan.cost = cost;
    return true;
}

/// The trajectory; or the cost, when a goal so far away made it no number.
fn results(_: *const Model, exchange: *Exchange) []const f32 {
    const plan = exchange.own(State);
    return if (std.math.isFinite(plan.cost)) plan.trajectory else (&plan.cost)[0..1];
}

fn progress(device: *const Device, exchange: *Exchange, answer: *Answer) void {
    const plan = exchange.own(State);
    if (plan.stage == .start or plan.stage == .goal) return;
    const now = device.now();
    if (plan.told_us == 0) plan.told_us = now;
    if (plan.cem.iteration == plan.told_iteration and now -| plan.told_us < limits.plan_progress_us) return;
    plan.told_iteration = plan.cem.iteration;
    plan.told_us = now;
    answer.eventBegin("progress");
    answer.objectBegin();
    answer.fieldUnsigned("iteration", plan.cem.iteration);
    answer.fieldUnsigned("iterations", plan.budget.iterations);
    answer.fieldUnsigned("predictions", plan.predictions);
    answer.key("cost");
    answer.float(plan.cem.best);
    answer.objectEnd();
    answer.eventEnd();
}

fn report(device: *const Device, exchange: *Exchange, answer: *Answer) void {
    const predictor = &device.active.model.?.predict.?;
    const plan = exchange.own(State);
    answer.begin(200);
    answer.objectBegin();
    answer.key("actions");
    writeRows(answer, plan.cem.mean, predictor.action_elements);
    answer.key("trajectory");
    writeRows(answer, plan.trajectory, predictor.latent_elements);
    answer.key("cost");
    answer.float(plan.cost);
    answer.fieldUnsigned("horizon", plan.horizon);
    answer.key("budget");
    answer.objectBegin();
    answer.fieldUnsigned("samples", plan.budget.samples);
    answer.fieldUnsigned("iterations", plan.budget.iterations);
    answer.fieldUnsigned("elites", plan.budget.elites);
    answer.objectEnd();
    answer.fieldUnsigned("predictions", plan.predictions);
    answer.fieldUnsigned("seed", plan.seed);
    reply.modelAndTiming(device, exchange, answer);
    answer.objectEnd();
    answer.end();
}

fn writeRows(answer: *Answer, values: []const f32, width: usize) void {
    answer.arrayBegin();
    var at: usize = 0;
    while (at < values.len) : (at += width) answer.latent(values[at..][0..width]);
    answer.arrayEnd();
}
