//! What is under way acts only with a right that holds in the moment in which it acts. Heads are looked at when they
//! come (access.zig); whatever changes rights later (a claim, a new token, giving the board away, closing what was
//! open, another broker, other origins) ends what has none any more: schedule.zig.
const Channel = @import("exchange.zig").Channel;
const Device = @import("device.zig").Device;
const Exchange = @import("device.zig").Exchange;
const Problem = @import("../wire/problem.zig").Problem;

/// Whether the request may act now.
pub fn holds(device: *const Device, exchange: *const Exchange) bool {
    const storage = device.storage orelse return true;
    if (exchange.origin.len > 0 and storage.access.listed(exchange.origin.slice()) == null) return false;
    return storage.access.holds(exchange.right);
}

/// What Retry-After says while the model changes: opening one and running its test vectors takes seconds.
const switch_seconds = 5;

pub fn switching() Problem {
    var problem = Problem.init(
        503,
        .MODEL_SWITCHING,
        "the board is changing its model",
        .{},
        .{ .expected = "the same request later" },
    );
    problem.retry_after_s = switch_seconds;
    return problem;
}

pub fn lost(device: *const Device, channel: Channel) Problem {
    if (!device.storage.?.access.claimed()) return Problem.init(
        403,
        .RIGHT_LOST,
        "the board was given away while the request was under way",
        .{},
        .{ .expected = "POST /v1/claim first" },
    );
    if (channel == .http) return Problem.init(
        401,
        .RIGHT_LOST,
        "the board's owner, its token or what is open to everybody has changed while the request was under way",
        .{},
        .{ .expected = "the owner's token as it is now" },
    );
    return Problem.init(
        403,
        .RIGHT_LOST,
        "the board's owner, its token or its broker has changed since this was asked for",
        .{},
        .{ .expected = "the same again from somebody who may" },
    );
}
