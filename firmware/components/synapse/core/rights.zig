//! What is under way acts only with a right that holds in the moment in which it acts. Heads are looked at when they come (access.zig); whatever changes
//! rights later (a claim, a new token, giving the board away, closing what was open, another broker, other origins) ends here what has none any more.
const Device = @import("device.zig").Device;
const exchanges = @import("exchange.zig");
const Exchange = exchanges.Exchange;
const Problem = @import("problem.zig").Problem;

/// Whether the request may act now.
pub fn holds(device: *const Device, exchange: *const Exchange) bool {
    const storage = device.storage orelse return true;
    if (exchange.origin.len > 0 and storage.access.listed(exchange.origin.slice()) == null) return false;
    return storage.access.holds(exchange.right);
}

/// Called after everything that may have changed rights. `acting` is the request that did: it was answered, and ends.
pub fn enforce(device: *Device, acting: *const Exchange) void {
    for (device.exchanges) |*exchange| {
        if (exchange == acting or exchange.state == .free or exchange.lost) continue;
        if (!holds(device, exchange)) lose(device, exchange);
    }
    device.updates.enforce(device);
    device.startNext();
}

/// Ends a request whose right is gone: now, or when the decoder or the worker, which cannot be interrupted, gives it back.
pub fn lose(device: *Device, exchange: *Exchange) void {
    switch (exchange.state) {
        .free => {},
        .receiving, .queued => {
            // Nothing of it is on the worker, so nothing is left to do there.
            if (exchange.route.kind == .task) _ = exchange.route.kind.task.revoke(device, exchange);
            end(device, exchange);
        },
        .decoding => exchange.lost = true,
        .running => {
            exchange.lost = true;
            exchange.cancelled.store(true, .release);
        },
    }
}

/// Answers a request whose right is gone, and frees it.
pub fn end(device: *Device, exchange: *Exchange) void {
    exchange.problem = lost(device, exchange.channel);
    // What the owner does not list any more may not read the answer either.
    const storage = device.storage.?;
    if (exchange.origin.len > 0 and storage.access.listed(exchange.origin.slice()) == null) exchange.origin = .{};
    device.fail(exchange);
}

pub fn lost(device: *const Device, channel: exchanges.Channel) Problem {
    if (!device.storage.?.access.claimed()) return Problem.init(403, "RIGHT_LOST", "the board was given away while the request was under way", .{}).expecting("POST /v1/claim first", .{});
    if (channel == .http) return Problem.init(401, "RIGHT_LOST", "the board's owner, its token or what is open to everybody has changed while the request was under way", .{}).expecting("the owner's token as it is now", .{});
    return Problem.init(403, "RIGHT_LOST", "the board's owner, its token or its broker has changed since this was asked for", .{}).expecting("the same again from somebody who may", .{});
}
