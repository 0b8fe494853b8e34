//! Who gets an exchange when many ask. Inference and tasks have places of their own, so that no amount of inference
//! keeps the owner from settings, a reboot, an activation or a claim. Of the places for inference strangers, who use
//! what the owner opened to everybody, get all but one, and one client's address of these all but one. The last place
//! of tasks is not for the broker.
const std = @import("std");
const clients = @import("client.zig");
const Client = clients.Client;
const Device = @import("device.zig").Device;
const Exchange = @import("device.zig").Exchange;
const limits = @import("../limits.zig");
const problems = @import("../wire/problem.zig");
const Problem = problems.Problem;
const isStranger = @import("../board/access.zig").isStranger;
const Right = @import("../board/access.zig").Right;
const schedule = @import("schedule.zig");

/// Places for inference that strangers may hold together, and those from one address. A board with one place shares it.
pub fn strangersMax(places: usize) usize {
    return @max(places -| 1, 1);
}

pub fn strangerMax(places: usize) usize {
    return @max(strangersMax(places) -| 1, 1);
}

pub fn forInference(device: *Device, right: Right, client: *const Client, problem: *Problem) problems.Error!*Exchange {
    const places = device.inferences();
    if (!isStranger(right)) {
        // Where there is one place alone, whoever has not begun to run gives it back.
        const place = free(places) orelse giveWay(device, places, .open_inference, null);
        return place orelse full(
            device,
            places.len,
            problem,
            "{d} requests are in progress, and that is all the board has room for",
        );
    }
    var strangers: usize = 0;
    var own: usize = 0;
    for (places) |*exchange| {
        if (exchange.state == .free or !isStranger(exchange.right)) continue;
        strangers += 1;
        own += @intFromBool(clients.same(&exchange.client, client));
    }
    if (own >= strangerMax(places.len)) return full(
        device,
        strangerMax(places.len),
        problem,
        "{d} requests from this address are in progress, as many as one has without the owner's token",
    );
    if (strangers >= strangersMax(places.len)) return full(
        device,
        strangersMax(places.len),
        problem,
        "{d} requests are in progress, as many as the board has room for without the owner's token",
    );
    return free(places) orelse full(
        device,
        places.len,
        problem,
        "{d} requests are in progress, and that is all the board has room for",
    );
}

pub fn forTask(device: *Device, right: Right, client: *const Client, problem: *Problem) problems.Error!*Exchange {
    const places = device.tasks();
    if (right.basis == .unclaimed) {
        var own: usize = 0;
        for (places) |*exchange| {
            const is_claim = exchange.state != .free and exchange.right.basis == .unclaimed;
            own += @intFromBool(is_claim and clients.same(&exchange.client, client));
        }
        // Whoever sends a claim at once is served at once; who holds one back makes room for the next.
        if (own >= limits.claims_per_client_max) {
            if (giveWay(device, places, .unclaimed, client)) |exchange| return exchange;
        }
        if (free(places)) |exchange| return exchange;
        if (giveWay(device, places, .unclaimed, null)) |exchange| return exchange;
    }
    var taken: usize = 0;
    for (places) |*exchange| taken += @intFromBool(exchange.state != .free);
    const most = if (right.basis == .broker) places.len - 1 else places.len;
    if (taken < most) if (free(places)) |exchange| return exchange;
    return full(
        device,
        most,
        problem,
        "{d} requests that change the board are in progress, and that is all it has room for",
    );
}

fn free(places: []Exchange) ?*Exchange {
    return for (places) |*candidate| {
        if (candidate.state == .free) break candidate;
    } else null;
}

/// The oldest that is still arriving, or waits, ends for another's sake.
fn giveWay(device: *Device, places: []Exchange, basis: @FieldType(Right, "basis"), client: ?*const Client) ?*Exchange {
    var oldest: ?*Exchange = null;
    for (places) |*exchange| {
        if (exchange.state != .receiving and exchange.state != .queued) continue;
        if (exchange.right.basis != basis) continue;
        if (client) |wanted| if (!clients.same(&exchange.client, wanted)) continue;
        if (oldest == null or exchange.sequence < oldest.?.sequence) oldest = exchange;
    }
    const exchange = oldest orelse return null;
    schedule.stop(device, exchange, .room);
    return exchange;
}

fn full(device: *const Device, count: usize, problem: *Problem, comptime detail: []const u8) problems.Error {
    const failed = problem.fail(503, .QUEUE_FULL, detail, .{count}, .{ .expected = "the same request later" });
    problem.retry_after_s = device.retryAfter();
    return failed;
}

test "shares of a board" {
    for ([_][3]usize{ .{ 1, 1, 1 }, .{ 2, 1, 1 }, .{ 3, 2, 1 }, .{ 4, 3, 2 }, .{ 16, 15, 14 } }) |case| {
        try std.testing.expectEqual(case[1], strangersMax(case[0]));
        try std.testing.expectEqual(case[2], strangerMax(case[0]));
    }
}
