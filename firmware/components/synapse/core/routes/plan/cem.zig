//! The cross-entropy method (Rubinstein, 1999) as LeWM plans with it: candidates are drawn from a normal distribution
//! of action sequences, the ones of least cost become the next distribution, and the answer is the last distribution's
//! mean. Candidate 0 of every iteration is the mean itself. Where the model has bounds, every candidate is clipped to
//! them before it is scored, as stable-worldmodel's `ICEMSolver` does. Candidates are drawn one at a time and only the
//! elites are kept, so memory grows with the elites alone.
const std = @import("std");
const ActionSpace = @import("../../model/action_space.zig").ActionSpace;
const limits = @import("../../limits.zig");
const Random = @import("normal.zig").Random;

pub const Budget = struct {
    samples: u32 = limits.plan_samples_default,
    iterations: u32 = limits.plan_iterations_default,
    elites: u32 = limits.plan_elites_default,
};

pub const Cem = struct {
    random: Random,
    budget: Budget,
    space: *const ActionSpace,
    mean: []f32,
    deviation: []f32,
    /// The sequence to be scored next.
    candidate: []f32,
    /// Sequences of the elites so far; `order` lists their places, cheapest first.
    elites: []f32,
    order: [limits.plan_elites_max]u8 = undefined,
    costs: [limits.plan_elites_max]f32 = undefined,
    elite_count: u32 = 0,
    iteration: u32 = 0,
    sample: u32 = 0,
    /// The least cost of the iteration before; infinite at first.
    best: f32 = std.math.inf(f32),

    /// f32 values of memory for sequences of `length` values.
    pub fn memoryElements(budget: Budget, length: usize) usize {
        return (budget.elites + 3) * length;
    }

    /// `values` has memoryElements(budget, length) elements; a sequence is rows of actions of `space`, which outlives
    /// the search. It begins where the model's training had its actions, or at mean 0 and deviation 1 where the pack
    /// does not say that.
    pub fn init(seed: u64, budget: Budget, values: []f32, length: usize, space: *const ActionSpace) Cem {
        const cem: Cem = .{
            .random = .init(seed),
            .budget = budget,
            .space = space,
            .mean = values[0..length],
            .deviation = values[length..][0..length],
            .candidate = values[2 * length ..][0..length],
            .elites = values[3 * length ..][0 .. budget.elites * length],
        };
        for (cem.mean, cem.deviation, 0..) |*mean, *deviation, i| {
            const known = space.mean.len > 0;
            mean.* = space.clip(i, if (known) space.mean[i % space.mean.len] else 0);
            deviation.* = if (known) space.deviation[i % space.deviation.len] else 1;
        }
        @memcpy(cem.candidate, cem.mean);
        return cem;
    }

    pub fn done(cem: *const Cem) bool {
        return cem.iteration == cem.budget.iterations;
    }

    /// Takes the candidate's cost and draws the next one. After the last of an iteration the distribution moves; after
    /// the last iteration the candidate is the final mean, to be scored no more.
    pub fn score(cem: *Cem, cost: f32) void {
        std.debug.assert(!cem.done());
        cem.consider(if (std.math.isFinite(cost)) cost else std.math.inf(f32));
        cem.sample += 1;
        if (cem.sample == cem.budget.samples) cem.move();
        if (cem.sample == 0) return @memcpy(cem.candidate, cem.mean);
        for (cem.candidate, cem.mean, cem.deviation, 0..) |*value, mean, deviation, i| {
            value.* = cem.space.clip(i, cem.random.normal() * deviation + mean);
        }
    }

    /// Keeps the candidate when it is one of the cheapest so far. Of equal costs the earlier counts as cheaper.
    fn consider(cem: *Cem, cost: f32) void {
        const full = cem.elite_count == cem.budget.elites;
        const place: u8 = if (full) cem.order[cem.elite_count - 1] else @intCast(cem.elite_count);
        if (full and !(cost < cem.costs[place])) return;
        const length = cem.candidate.len;
        @memcpy(cem.elites[place * length ..][0..length], cem.candidate);
        cem.costs[place] = cost;
        if (!full) cem.elite_count += 1;
        var at = cem.elite_count - 1;
        while (at > 0 and cost < cem.costs[cem.order[at - 1]]) : (at -= 1) cem.order[at] = cem.order[at - 1];
        cem.order[at] = place;
    }

    /// Mean and sample standard deviation (n - 1) of the elites, summed cheapest first.
    fn move(cem: *Cem) void {
        const n: f32 = @floatFromInt(cem.elite_count);
        const length = cem.candidate.len;
        for (cem.mean, cem.deviation, 0..) |*mean, *deviation, i| {
            var sum: f32 = 0;
            for (cem.order[0..cem.elite_count]) |place| sum += cem.elites[place * length + i];
            // A mean of values within the bounds may be rounded out of them.
            mean.* = cem.space.clip(i, sum / n);
            var squares: f32 = 0;
            for (cem.order[0..cem.elite_count]) |place| {
                const difference = cem.elites[place * length + i] - mean.*;
                squares += difference * difference;
            }
            deviation.* = @sqrt(squares / (n - 1));
        }
        cem.best = cem.costs[cem.order[0]];
        cem.elite_count = 0;
        cem.sample = 0;
        cem.iteration += 1;
    }
};

fn bowl(candidate: []const f32) f32 {
    var sum: f32 = 0;
    for (candidate, 0..) |value, i| {
        const difference = value - (@as(f32, @floatFromInt(i)) * 0.5 - 0.75);
        sum += difference * difference;
    }
    return sum;
}

test "finds the bottom of a bowl" {
    var values: [33 * 4]f32 = undefined;
    const budget: Budget = .{ .samples = 300, .iterations = 30, .elites = 30 };
    var cem: Cem = .init(7, budget, &values, 4, &.{});
    const at_zero = bowl(cem.candidate);
    var before = at_zero;
    while (!cem.done()) {
        const iteration = cem.iteration;
        cem.score(bowl(cem.candidate));
        // Candidate 0 is the mean, so an iteration's best is no worse than the mean of the one before.
        if (cem.iteration == iteration) continue;
        try std.testing.expect(cem.best <= before);
        before = bowl(cem.mean);
    }
    try std.testing.expect(bowl(cem.mean) < 1e-6 * at_zero);
    try std.testing.expectEqualSlices(f32, cem.mean, cem.candidate);
}

test "elites are the cheapest, whatever their order, and costs that are no numbers never win" {
    var values: [5 * 1]f32 = undefined;
    var cem: Cem = .init(1, .{ .samples = 5, .iterations = 1, .elites = 2 }, &values, 1, &.{});
    const costs = [_]f32{ std.math.nan(f32), 3, 1, std.math.inf(f32), 2 };
    var drawn: [5]f32 = undefined;
    for (costs, &drawn) |cost, *value| {
        value.* = cem.candidate[0];
        cem.score(cost);
    }
    try std.testing.expectEqual((drawn[2] + drawn[4]) / 2, cem.mean[0]);
    try std.testing.expectEqual(@as(f32, 1), cem.best);
}

test "a bottom outside of the bounds is looked for inside of them, and found at the bound" {
    var values: [33 * 4]f32 = undefined;
    const budget: Budget = .{ .samples = 300, .iterations = 30, .elites = 30 };
    // The bowl's bottom is at -0.75, -0.25, 0.25 and 0.75.
    const space: ActionSpace = .{
        .min = &.{ -0.5, -1 },
        .max = &.{ 0.125, 0.5 },
        .mean = &.{ -3, 0 },
        .deviation = &.{ 2, 0.5 },
    };
    var cem: Cem = .init(7, budget, &values, 4, &space);
    try std.testing.expectEqualSlices(f32, &.{ -0.5, 0, -0.5, 0 }, cem.candidate);
    while (!cem.done()) {
        for (cem.candidate, 0..) |value, i| try std.testing.expectEqual(space.clip(i, value), value);
        cem.score(bowl(cem.candidate));
    }
    for (cem.mean, [_]f32{
        -0.5,
        -0.25,
        0.125,
        0.5,
    }) |found, wanted| try std.testing.expectApproxEqAbs(wanted, found, 1e-4);
}

test "the next deviation is the elites' sample deviation, and of equal costs the earlier wins" {
    var values: [5 * 1]f32 = undefined;
    var cem: Cem = .init(3, .{ .samples = 4, .iterations = 2, .elites = 2 }, &values, 1, &.{});
    var drawn: [4]f32 = undefined;
    for ([_]f32{ 2, 1, 1, 1 }, &drawn) |cost, *value| {
        value.* = cem.candidate[0];
        cem.score(cost);
    }
    const mean = (drawn[1] + drawn[2]) / 2;
    try std.testing.expectEqual(mean, cem.mean[0]);
    // Of two values the sample deviation, n - 1, is their distance over the root of 2.
    try std.testing.expectApproxEqRel(@abs(drawn[1] - drawn[2]) / @sqrt(2.0), cem.deviation[0], 1e-6);
}
