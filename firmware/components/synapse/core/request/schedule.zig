//! Whole requests, and the order in which they get the one worker; their answers, and their ends when the client leaves or is too slow.
const std = @import("std");
const answers = @import("answer.zig");
const Answer = answers.Answer;
const Device = @import("device.zig").Device;
const exchanges = @import("exchange.zig");
const Exchange = exchanges.Exchange;
const limits = @import("../limits.zig");
const problems = @import("../wire/problem.zig");
const Problem = problems.Problem;
const rights = @import("rights.zig");
const room = @import("room.zig");
const routes = @import("../routes.zig");

pub fn enqueue(device: *Device, exchange: *Exchange) void {
    exchange.timing.queued_us = device.now();
    exchange.state = .queued;
    if (exchange.events == .wanted) {
        var answer = device.answerOf(exchange);
        answer.eventsHead();
        exchange.events = .begun;
    }
    device.startNext();
    if (device.running) |running| if (waits(device, running)) running.wanted.store(true, .release);
}

pub fn startNext(device: *Device) void {
    while (device.running == null) {
        var next: ?*Exchange = null;
        for (device.exchanges) |*candidate| {
            if (candidate.state != .queued) continue;
            if (candidate == device.exclusive and device.inferenceInProgress()) continue;
            if (next == null or before(candidate, next.?)) next = candidate;
        }
        const exchange = next orelse return;
        if (!rights.holds(device, exchange)) {
            rights.lose(device, exchange);
            continue;
        }
        if (exchange.route.kind == .task) exchange.route.kind.task.start(device, exchange) catch {
            device.fail(exchange);
            continue;
        };
        exchange.state = .running;
        if (exchange.timing.running_us == 0) exchange.timing.running_us = device.now();
        device.running = exchange;
        device.port.start_work(device.port.user);
    }
}

/// The owner's requests first, then as they came.
fn before(a: *const Exchange, b: *const Exchange) bool {
    const strangers = [2]bool{ room.isStranger(a.right), room.isStranger(b.right) };
    return if (strangers[0] != strangers[1]) strangers[1] else a.sequence < b.sequence;
}

/// Whether the owner's request waits for a stranger's, which can let it go first between two model runs.
fn waits(device: *const Device, running: *const Exchange) bool {
    if (running.route.kind != .inference or !running.route.kind.inference.yields or !room.isStranger(running.right)) return false;
    return for (device.exchanges) |*candidate| {
        if (candidate.state == .queued and candidate != device.exclusive and !room.isStranger(candidate.right)) break true;
    } else false;
}

/// On the worker. Touches the running exchange and the model only, both of which the event side leaves alone until workDone.
pub fn work(device: *Device) void {
    const exchange = device.running orelse return;
    const start = device.now();
    device.finished = false;
    device.turn.begin(&device.port, start, &exchange.cancelled);
    while (!device.finished and !exchange.cancelled.load(.acquire)) {
        device.finished = switch (exchange.route.kind) {
            .immediate => unreachable,
            inline .inference, .task => |*kind| kind.step(device, exchange),
        };
        if (exchange.turn_over or device.now() -| start >= limits.work_turn_us) break;
        if (exchange.wanted.load(.acquire) and !device.turn.run_begun) break;
    }
    exchange.timing.inference_us += device.now() -| start;
}

pub fn workDone(device: *Device) void {
    const exchange = device.running orelse return;
    const is_task = exchange.route.kind == .task;
    if (!exchange.undoing and (exchange.ending != .none or !rights.holds(device, exchange))) return endRunning(device, exchange);
    if (!device.finished and (is_task or !exchange.abandoned)) {
        tellProgress(device, exchange);
        if (!device.turn.run_begun and waits(device, exchange)) {
            exchange.wanted.store(false, .release);
            exchange.state = .queued;
            device.running = null;
            return device.startNext();
        }
        return device.port.start_work(device.port.user);
    }
    device.running = null;
    leaveRun(device);
    if (is_task) {
        device.finishTask(exchange);
    } else {
        if (!exchange.abandoned) reply(device, exchange);
        device.release(exchange);
    }
    device.startNext();
    device.updates.advance(device);
}

/// A run of the model may have been left in the middle.
fn leaveRun(device: *Device) void {
    if (device.turn.run_begun) if (device.model) |*model| model.cancel();
    device.turn.run_begun = false;
}

/// What it was about to do is not done; what it had begun is undone, on the worker if that takes long.
fn endRunning(device: *Device, exchange: *Exchange) void {
    if (!rights.holds(device, exchange)) exchange.ending = .right;
    if (exchange.route.kind == .task and exchange.route.kind.task.revoke(device, exchange)) {
        exchange.undoing = true;
        exchange.cancelled.store(false, .release);
        return device.port.start_work(device.port.user);
    }
    device.running = null;
    leaveRun(device);
    rights.end(device, exchange);
    device.startNext();
    device.updates.advance(device);
}

pub fn finishTask(device: *Device, exchange: *Exchange) void {
    var answer = device.answerOf(exchange);
    answer.muted = exchange.abandoned;
    exchange.route.kind.task.finish(device, exchange, &answer) catch answer.problem(&exchange.problem);
    device.release(exchange);
}

fn tellProgress(device: *Device, exchange: *Exchange) void {
    exchange.turn_over = false;
    if (exchange.route.kind != .inference) return;
    const tell = exchange.route.kind.inference.progress orelse return;
    if (exchange.events != .begun) return;
    var answer = device.answerOf(exchange);
    tell(device, exchange, &answer);
}

fn reply(device: *Device, exchange: *Exchange) void {
    device.metrics.inference[routes.indexOf(exchange.route)].observe(exchange.timing.inference_us);
    const mean = device.inference_us_mean;
    device.inference_us_mean = if (mean == 0) exchange.timing.inference_us else (mean * 7 + exchange.timing.inference_us) / 8;
    var answer = device.answerOf(exchange);
    if (exchange.refused) return answer.problem(&exchange.problem);
    const inference = &exchange.route.kind.inference;
    for (inference.results(&device.model.?, exchange)) |value| {
        if (std.math.isFinite(value)) continue;
        exchange.problem = Problem.init(500, .RESULT_NOT_FINITE, "the model answered a number that is not finite", .{}, .{ .expected = "other inputs, or another model" });
        return answer.problem(&exchange.problem);
    }
    if (inference.settle) |settle| settle(device, exchange);
    inference.answer(device, exchange, &answer);
}

pub fn answerOf(device: *const Device, exchange: *const Exchange) Answer {
    return .{ .sink = device.sink(exchange.channel), .metrics = device.metrics, .route = routes.indexOf(exchange.route), .events = exchange.events, .request = exchange.request, .format = exchange.answer_format, .latent_base64 = exchange.latent_base64, .origin = if (exchange.origin.len > 0) &exchange.origin else null };
}

pub fn fail(device: *Device, exchange: *Exchange) void {
    var answer = device.answerOf(exchange);
    answer.muted = exchange.abandoned;
    answer.problem(&exchange.problem);
    device.release(exchange);
}

pub fn release(device: *Device, exchange: *Exchange) void {
    exchange.state = .free;
    if (device.exclusive == exchange) device.exclusive = null else if (device.exclusive != null) device.startNext();
}

pub fn requestClosed(device: *Device, request: u32) void {
    device.mqtt.outbox.forget(request);
    const exchange = device.find(request) orelse return;
    device.metrics.abandoned +%= 1;
    const is_task = exchange.route.kind == .task;
    switch (exchange.state) {
        .free => {},
        .receiving => {
            if (is_task) exchange.route.kind.task.left(device, exchange);
            device.release(exchange);
        },
        .queued => if (is_task) {
            exchange.abandoned = true;
        } else device.release(exchange),
        .decoding => exchange.abandoned = true,
        .running => {
            exchange.abandoned = true;
            if (!is_task) exchange.cancelled.store(true, .release);
        },
    }
}

pub fn tick(device: *Device, now_us: u64) void {
    for (device.exchanges) |*exchange| {
        if (exchange.state != .receiving) continue;
        const is_task = exchange.route.kind == .task;
        const idle = now_us -| exchange.last_activity_us > limits.receive_idle_us_max;
        const unhurried = is_task and exchange.route.kind.task.unhurried;
        const total_us: u64 = if (exchange.right.basis == .unclaimed) limits.claim_total_us_max else limits.receive_total_us_max;
        const slow = !unhurried and now_us -| exchange.timing.started_us > total_us;
        if (!idle and !slow) continue;
        exchange.problem = Problem.init(408, .BODY_TIMEOUT, "the body did not arrive in time", .{}, .{ .expected = .{ "data at least every {d} s", .{limits.receive_idle_us_max / 1_000_000} } });
        if (!unhurried) exchange.problem.expected.print(", all of it within {d} s", .{total_us / 1_000_000});
        if (is_task) exchange.route.kind.task.left(device, exchange);
        device.fail(exchange);
    }
    device.mqtt.tick(device, now_us);
    device.updates.advance(device);
    if (!device.healthy and now_us -| device.started_us >= limits.healthy_after_us) device.sayHealthy();
}
