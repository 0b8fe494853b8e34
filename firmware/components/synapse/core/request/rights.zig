//! What is under way acts only with a right that holds in the moment in which it acts. Heads are looked at when they come (access.zig); whatever changes
//! rights later (a claim, a new token, giving the board away, closing what was open, another broker, other origins) ends here what has none any more.
const Device = @import("device.zig").Device;
const exchanges = @import("exchange.zig");
const Ending = exchanges.Ending;
const Exchange = exchanges.Exchange;
const Problem = @import("../wire/problem.zig").Problem;
const room = @import("room.zig");

/// Whether the request may act now.
pub fn holds(device: *const Device, exchange: *const Exchange) bool {
    const storage = device.storage orelse return true;
    if (exchange.origin.len > 0 and storage.access.listed(exchange.origin.slice()) == null) return false;
    return storage.access.holds(exchange.right);
}

/// Called after everything that may have changed rights. `acting` is the request that did: it was answered, and ends.
pub fn enforce(device: *Device, acting: *const Exchange) void {
    for (device.exchanges) |*exchange| {
        if (exchange == acting or exchange.state == .free or exchange.ending == .right) continue;
        if (!holds(device, exchange)) lose(device, exchange);
    }
    device.updates.enforce(device);
    device.startNext();
}

pub fn lose(device: *Device, exchange: *Exchange) void {
    stop(device, exchange, .right);
}

/// Ends a request before its time: now, or when the decoder or the worker, which cannot be interrupted, gives it back.
pub fn stop(device: *Device, exchange: *Exchange, why: Ending) void {
    const ending: Ending = if (exchange.ending == .none) why else exchange.ending;
    switch (exchange.state) {
        .free => {},
        .receiving, .queued => {
            exchange.ending = ending;
            if (exchange.route.kind == .task) {
                const task = &exchange.route.kind.task;
                // Nothing of it is on the worker, so nothing is left to do there.
                if (ending == .right) _ = task.revoke(device, exchange) else task.left(device, exchange);
            }
            end(device, exchange);
        },
        .decoding => exchange.ending = ending,
        .running => {
            exchange.ending = ending;
            exchange.cancelled.store(true, .release);
        },
    }
}

/// Answers a request that ends before its time, and frees it.
pub fn end(device: *Device, exchange: *Exchange) void {
    exchange.problem = switch (exchange.ending) {
        .none, .right => lost(device, exchange.channel),
        .owner => Problem.init(403, .REQUEST_STOPPED, "the board's owner has stopped the request", .{}, .{ .expected = "the owner's consent" }),
        .model => switching(),
        .room => madeRoom(device),
    };
    // What the owner does not list any more may not read the answer either.
    if (exchange.origin.len > 0) if (device.storage) |storage| if (storage.access.listed(exchange.origin.slice()) == null) {
        exchange.origin = .{};
    };
    device.fail(exchange);
}

/// What Retry-After says while the model changes: opening one and running its test vectors takes seconds.
const switch_seconds = 5;

pub fn switching() Problem {
    var problem = Problem.init(503, .MODEL_SWITCHING, "the board is changing its model", .{}, .{ .expected = "the same request later" });
    problem.retry_after_s = switch_seconds;
    return problem;
}

fn madeRoom(device: *const Device) Problem {
    var problem = Problem.init(503, .QUEUE_FULL, "the request made room for another: it was slow, or without the owner's token", .{}, .{ .expected = "the same request later, all of it at once" });
    problem.retry_after_s = room.retryAfter(device);
    return problem;
}

pub fn lost(device: *const Device, channel: exchanges.Channel) Problem {
    if (!device.storage.?.access.claimed()) return Problem.init(403, .RIGHT_LOST, "the board was given away while the request was under way", .{}, .{ .expected = "POST /v1/claim first" });
    if (channel == .http) return Problem.init(401, .RIGHT_LOST, "the board's owner, its token or what is open to everybody has changed while the request was under way", .{}, .{ .expected = "the owner's token as it is now" });
    return Problem.init(403, .RIGHT_LOST, "the board's owner, its token or its broker has changed since this was asked for", .{}, .{ .expected = "the same again from somebody who may" });
}
