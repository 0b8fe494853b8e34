//! Whole requests, and the order in which they get the one worker; their answers, and their ends when the client leaves
//! or is too slow.
const std = @import("std");
const answers = @import("answer.zig");
const Answer = answers.Answer;
const Device = @import("device.zig").Device;
const Ending = @import("exchange.zig").Ending;
const Exchange = @import("device.zig").Exchange;
const limits = @import("../limits.zig");
const problems = @import("../wire/problem.zig");
const Problem = problems.Problem;
const isStranger = @import("../board/access.zig").isStranger;
const match = @import("match.zig");
const rights = @import("rights.zig");

pub fn enqueue(device: *Device, exchange: *Exchange) void {
    exchange.timing.queued_us = device.now();
    exchange.state = .queued;
    if (exchange.events == .wanted) {
        var answer = answerOf(device, exchange);
        answer.eventsHead();
        exchange.events = .begun;
    }
    startNext(device);
    if (device.requests.running) |running| if (waits(device, running)) running.wanted.store(true, .release);
}

pub fn startNext(device: *Device) void {
    while (device.requests.running == null) {
        var next: ?*Exchange = null;
        for (device.requests.places) |*candidate| {
            if (candidate.state != .queued) continue;
            if (candidate == device.requests.exclusive and inferenceInProgress(device)) continue;
            if (next == null or before(candidate, next.?)) next = candidate;
        }
        const exchange = next orelse return;
        if (!rights.holds(device, exchange)) {
            lose(device, exchange);
            continue;
        }
        if (exchange.route.kind == .task) exchange.route.kind.task.start(device, exchange) catch {
            fail(device, exchange);
            continue;
        };
        exchange.state = .running;
        if (exchange.timing.running_us == 0) exchange.timing.running_us = device.now();
        device.requests.running = exchange;
        device.port.start_work(device.port.user);
    }
}

/// The owner's requests first, then as they came.
fn before(a: *const Exchange, b: *const Exchange) bool {
    const strangers = [2]bool{ isStranger(a.right), isStranger(b.right) };
    return if (strangers[0] != strangers[1]) strangers[1] else a.sequence < b.sequence;
}

/// Whether the owner's request waits for a stranger's, which can let it go first between two model runs.
fn waits(device: *const Device, running: *const Exchange) bool {
    if (running.route.kind != .inference or !running.route.kind.inference.yields or
        !isStranger(running.right)) return false;
    return for (device.requests.places) |*candidate| {
        if (candidate.state == .queued and candidate != device.requests.exclusive and
            !isStranger(candidate.right)) break true;
    } else false;
}

/// On the worker. Touches the running exchange and the model only,
/// both of which the event side leaves alone until workDone.
pub fn work(device: *Device) void {
    const exchange = device.requests.running orelse return;
    const start = device.now();
    device.requests.finished = false;
    device.requests.turn.begin(&device.port, start, &exchange.cancelled);
    while (!device.requests.finished and !exchange.cancelled.load(.acquire)) {
        device.requests.finished = switch (exchange.route.kind) {
            .immediate => unreachable,
            inline .inference, .task => |*kind| kind.step(device, exchange),
        };
        if (exchange.turn_over or device.now() -| start >= limits.work_turn_us) break;
        if (exchange.wanted.load(.acquire) and !device.requests.turn.run_begun) break;
    }
    exchange.timing.inference_us += device.now() -| start;
}

/// True when a request has ended.
pub fn workDone(device: *Device) bool {
    const exchange = device.requests.running orelse return false;
    const is_task = exchange.route.kind == .task;
    if (!exchange.undoing and (exchange.ending != .none or !rights.holds(device, exchange))) {
        return endRunning(device, exchange);
    }
    if (!device.requests.finished and (is_task or !exchange.abandoned)) {
        tellProgress(device, exchange);
        if (!device.requests.turn.run_begun and waits(device, exchange)) {
            exchange.wanted.store(false, .release);
            exchange.state = .queued;
            device.requests.running = null;
            startNext(device);
            return false;
        }
        device.port.start_work(device.port.user);
        return false;
    }
    device.requests.running = null;
    leaveRun(device);
    if (is_task) {
        finishTask(device, exchange);
    } else {
        if (!exchange.abandoned) reply(device, exchange);
        release(device, exchange);
    }
    startNext(device);
    return true;
}

/// A run of the model may have been left in the middle.
fn leaveRun(device: *Device) void {
    if (device.requests.turn.run_begun) if (device.active.model) |*model| model.cancel();
    device.requests.turn.run_begun = false;
}

/// What it was about to do is not done; what it had begun is undone, on the worker if that takes long.
fn endRunning(device: *Device, exchange: *Exchange) bool {
    if (!rights.holds(device, exchange)) exchange.ending = .right;
    if (exchange.route.kind == .task and exchange.route.kind.task.revoke(device, exchange)) {
        exchange.undoing = true;
        exchange.cancelled.store(false, .release);
        device.port.start_work(device.port.user);
        return false;
    }
    device.requests.running = null;
    leaveRun(device);
    end(device, exchange);
    startNext(device);
    return true;
}

pub fn finishTask(device: *Device, exchange: *Exchange) void {
    var answer = answerOf(device, exchange);
    answer.muted = exchange.abandoned;
    exchange.route.kind.task.finish(device, exchange, &answer) catch answer.problem(&exchange.problem);
    release(device, exchange);
}

fn tellProgress(device: *Device, exchange: *Exchange) void {
    exchange.turn_over = false;
    if (exchange.route.kind != .inference) return;
    const tell = exchange.route.kind.inference.progress orelse return;
    if (exchange.events != .begun) return;
    var answer = answerOf(device, exchange);
    tell(device, exchange, &answer);
}

fn reply(device: *Device, exchange: *Exchange) void {
    device.metrics.inference[match.indexOf(device.routes, exchange.route)].observe(exchange.timing.inference_us);
    const mean = device.requests.inference_us_mean;
    const last = exchange.timing.inference_us;
    device.requests.inference_us_mean = if (mean == 0) last else (mean * 7 + last) / 8;
    var answer = answerOf(device, exchange);
    if (exchange.refused) return answer.problem(&exchange.problem);
    const inference = &exchange.route.kind.inference;
    for (inference.results(&device.active.model.?, exchange)) |value| {
        if (std.math.isFinite(value)) continue;
        exchange.problem = Problem.init(
            500,
            .RESULT_NOT_FINITE,
            "the model answered a number that is not finite",
            .{},
            .{ .expected = "other inputs, or another model" },
        );
        return answer.problem(&exchange.problem);
    }
    if (inference.settle) |settle| settle(device, exchange);
    inference.answer(device, exchange, &answer);
}

pub fn answerOf(device: *const Device, exchange: *const Exchange) Answer {
    return .{
        .sink = device.sink(exchange.channel),
        .metrics = device.metrics,
        .route = match.indexOf(device.routes, exchange.route),
        .events = exchange.events,
        .request = exchange.request,
        .format = exchange.answer_format,
        .latent_base64 = exchange.latent_base64,
        .origin = if (exchange.origin.len > 0) &exchange.origin else null,
    };
}

pub fn fail(device: *Device, exchange: *Exchange) void {
    var answer = answerOf(device, exchange);
    answer.muted = exchange.abandoned;
    answer.problem(&exchange.problem);
    release(device, exchange);
}

pub fn release(device: *Device, exchange: *Exchange) void {
    exchange.state = .free;
    if (device.requests.exclusive == exchange) {
        device.requests.exclusive = null;
    } else if (device.requests.exclusive != null) startNext(device);
}

pub fn requestClosed(device: *Device, request: u32) void {
    device.tell(.{ .closed = request });
    const exchange = find(device, request) orelse return;
    device.metrics.abandoned +%= 1;
    const is_task = exchange.route.kind == .task;
    switch (exchange.state) {
        .free => {},
        .receiving => {
            if (is_task) exchange.route.kind.task.left(device, exchange);
            release(device, exchange);
        },
        .queued => if (is_task) {
            exchange.abandoned = true;
        } else release(device, exchange),
        .decoding => exchange.abandoned = true,
        .running => {
            exchange.abandoned = true;
            if (!is_task) exchange.cancelled.store(true, .release);
        },
    }
}

pub fn tick(device: *Device, now_us: u64) void {
    for (device.requests.places) |*exchange| {
        if (exchange.state != .receiving) continue;
        const is_task = exchange.route.kind == .task;
        const idle = now_us -| exchange.last_activity_us > limits.receive_idle_us_max;
        const unhurried = is_task and exchange.route.kind.task.unhurried;
        const is_claim = exchange.right.basis == .unclaimed;
        const total_us: u64 = if (is_claim) limits.claim_total_us_max else limits.receive_total_us_max;
        const slow = !unhurried and now_us -| exchange.timing.started_us > total_us;
        if (!idle and !slow) continue;
        exchange.problem = Problem.init(
            408,
            .BODY_TIMEOUT,
            "the body did not arrive in time",
            .{},
            .{ .expected = .{ "data at least every {d} s", .{limits.receive_idle_us_max / 1_000_000} } },
        );
        if (!unhurried) exchange.problem.expected.print(", all of it within {d} s", .{total_us / 1_000_000});
        if (is_task) exchange.route.kind.task.left(device, exchange);
        fail(device, exchange);
    }
}

/// One whose client left is nobody's any more: the port may give its number to another request.
pub fn find(device: *Device, request: u32) ?*Exchange {
    for (device.requests.places) |*exchange| {
        if (exchange.state != .free and !exchange.abandoned and exchange.request == request) return exchange;
    }
    return null;
}

pub fn inferenceInProgress(device: *const Device) bool {
    for (device.requests.places) |*exchange| {
        if (exchange.state != .free and exchange.route.kind == .inference) return true;
    }
    return false;
}

// ---- ends before the time

/// Called after everything that may have changed rights. `acting` is the request that did: it was answered, and ends.
/// `startNext` is to follow.
pub fn enforce(device: *Device, acting: *const Exchange) void {
    for (device.requests.places) |*exchange| {
        if (exchange == acting or exchange.state == .free or exchange.ending == .right) continue;
        if (!rights.holds(device, exchange)) lose(device, exchange);
    }
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
        .none, .right => rights.lost(device, exchange.channel),
        .owner => Problem.init(
            403,
            .REQUEST_STOPPED,
            "the board's owner has stopped the request",
            .{},
            .{ .expected = "the owner's consent" },
        ),
        .model => rights.switching(),
        .room => madeRoom(device),
    };
    // What the owner does not list any more may not read the answer either.
    if (exchange.origin.len > 0) if (device.storage) |storage| {
        if (storage.access.listed(exchange.origin.slice()) == null) exchange.origin = .{};
    };
    fail(device, exchange);
}

fn madeRoom(device: *const Device) Problem {
    var problem = Problem.init(
        503,
        .QUEUE_FULL,
        "the request made room for another: it was slow, or without the owner's token",
        .{},
        .{ .expected = "the same request later, all of it at once" },
    );
    problem.retry_after_s = device.retryAfter();
    return problem;
}
