//! POST /v1/models/{slot}/activate: opens the slot's model, runs its golden vectors, and makes it the one that the board runs. If anything is wrong the
//! board returns to the model it had; if the board resets meanwhile, its next boot does.
const std = @import("std");
const Answer = @import("../request/answer.zig").Answer;
const Device = @import("../request/device.zig").Device;
const Opened = @import("../request/active_model.zig").Opened;
const WorkRefusal = @import("../request/active_model.zig").WorkRefusal;
const Exchange = @import("../request/exchange.zig").Exchange;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const Reason = @import("../flash/slots.zig").Reason;
const SlotsError = @import("../flash/slots.zig").Error;
const Storage = @import("../board/storage.zig").Storage;
const SlotIndex = @import("../board/storage.zig").SlotIndex;
const events = @import("../mqtt/events.zig");
const models = @import("models.zig");
const rights = @import("../request/rights.zig");
const routes = @import("../routes.zig");

pub const route: routes.Route = .{ .method = .POST, .path = "/v1/models/*/activate", .access = .owner, .kind = .{ .task = .{
    .accepts = &.{},
    .success = &.{200},
    .exclusive = true,
    .begin = begin,
    .chunk = chunk,
    .received = received,
    .left = left,
    .revoke = revoke,
    .start = start,
    .step = step,
    .finish = finish,
} } };

/// The change under way, of which there is at most one.
pub const Activation = struct {
    phase: enum { open_new, test_new, open_old } = .open_new,
    /// What the board ran before.
    old: ?SlotIndex = null,
    opened: ?Opened = null,
    vectors_passed: u32 = 0,
    /// Why the new model was not taken.
    reason: Reason = .none,
    /// It takes too long for the board, which is no fault of the slot's.
    too_long: ?WorkRefusal = null,
    /// Whoever wanted the new model has no right to it any more; the old one is opened again.
    revoked: bool = false,
};

fn begin(device: *Device, exchange: *Exchange, request: routes.Request) ProblemError!void {
    exchange.slot = try models.find(device, request.wildcard, &exchange.problem);
    const storage = device.storage orelse return models.withoutFlash(&exchange.problem);
    storage.slots.activatable(exchange.slot) catch |err| return refuse(exchange, storage, err);
    // It came before the board had these keys. What the board would run but for safe mode is no other model than it ran.
    if (storage.update_keys.required() and !storage.slots.signed(exchange.slot) and storage.slots.state.active != exchange.slot) {
        return exchange.problem.fail(409, .SIGNATURE_MISSING, "the model in {s} is not signed by one of the board's update keys", .{storage.name(exchange.slot)}, .{ .field = "slot", .expected = "an upload of a signed pack to the slot first" });
    }
    if (device.exclusive != null) return refuse(exchange, storage, error.SlotPending);
}

fn chunk(_: *Device, exchange: *Exchange, bytes: []const u8) ProblemError!void {
    if (bytes.len == 0) return;
    return exchange.problem.fail(422, .BODY_INVALID, "the request has a body", .{}, .{ .expected = "no body" });
}

/// Another request may have been first since the head was looked at.
fn received(device: *Device, exchange: *Exchange) ProblemError!bool {
    const storage = device.storage.?;
    if (device.exclusive != null) return refuse(exchange, storage, error.SlotPending);
    storage.slots.activatable(exchange.slot) catch |err| return refuse(exchange, storage, err);
    return true;
}

fn left(_: *Device, _: *Exchange) void {}

fn revoke(device: *Device, exchange: *Exchange) bool {
    if (exchange.state != .running) return false;
    device.activation.revoked = true;
    device.turn.run_begun = false;
    returnToOld(&device.activation, .none);
    return true;
}

fn start(device: *Device, exchange: *Exchange) ProblemError!void {
    const storage = device.storage.?;
    const old = if (storage.slots.safe_mode) null else storage.slots.state.active;
    storage.slots.activate(exchange.slot) catch |err| return refuse(exchange, storage, err);
    device.unload();
    device.activation = .{ .old = old };
}

/// The device has no model meanwhile, so its memory is the worker's.
fn step(device: *Device, exchange: *Exchange) bool {
    const activation = &device.activation;
    switch (activation.phase) {
        .open_new => {
            activation.opened = device.openSlot(exchange.slot) catch null;
            if (activation.opened) |*opened| {
                activation.too_long = device.workRefusal(&opened.model);
                if (activation.too_long == null) activation.phase = .test_new else returnToOld(activation, .none);
            } else returnToOld(activation, .refused);
        },
        .test_new => {
            const model = &activation.opened.?.model;
            if (activation.vectors_passed == model.info.golden_count) return true;
            const passed = model.selfTest(&device.turn, activation.vectors_passed) orelse return false;
            if (passed) {
                activation.vectors_passed += 1;
            } else returnToOld(activation, .golden);
        },
        .open_old => {
            // Its refusal would hide why the new one was refused.
            const why = device.load_error;
            activation.opened = if (activation.old) |old| device.openSlot(old) catch null else null;
            device.load_error = why;
            return true;
        },
    }
    return false;
}

fn returnToOld(activation: *Activation, reason: Reason) void {
    activation.reason = reason;
    activation.phase = .open_old;
    activation.opened = null;
}

fn finish(device: *Device, exchange: *Exchange, answer: *Answer) ProblemError!void {
    const storage = device.storage.?;
    const activation = &device.activation;
    if (activation.revoked) {
        storage.slots.withdraw() catch device.log(.err, "the flash did not take the record of a trial that was withdrawn");
        if (activation.opened != null) {
            run(device, activation.old.?);
        } else if (activation.old) |old| device.giveUp(old, .refused);
        device.mqtt.follow(device);
        return exchange.problem.failWith(rights.lost(device, exchange.channel));
    }
    if (activation.reason == .none and activation.too_long == null) {
        // Whatever the flash does, the model is open and tested; without the record the next boot returns to the old one.
        storage.slots.confirm() catch |err| {
            run(device, exchange.slot);
            device.mqtt.follow(device);
            return refuse(exchange, storage, err);
        };
        run(device, exchange.slot);
    } else {
        if (activation.too_long == null) {
            device.giveUp(exchange.slot, activation.reason);
        } else storage.slots.withdraw() catch device.log(.err, "the flash did not take the record of a model that is not taken");
        if (activation.opened != null) {
            run(device, activation.old.?);
        } else if (activation.old) |old| device.giveUp(old, .refused);
        device.log(.err, "a model was not taken, the board returns to the one it had");
        const failed = refusal(device, exchange);
        tell(device, exchange.slot, &exchange.problem);
        return failed;
    }
    tell(device, exchange.slot, null);
    answer.begin(200);
    answer.objectBegin();
    models.describe(device, exchange.slot, answer);
    answer.fieldUnsigned("vectors_passed", activation.vectors_passed);
    answer.objectEnd();
    answer.end();
}

fn tell(device: *const Device, slot: SlotIndex, problem: ?*const Problem) void {
    if (!device.mqtt.connected) return;
    events.model(device.mqtt, device.storage.?.name(slot), if (problem) |wrong| wrong.code else null, if (problem) |wrong| wrong.detail.slice() else "");
    device.mqtt.follow(device);
}

fn run(device: *Device, slot: SlotIndex) void {
    device.publish(&device.activation.opened.?);
    device.slot = .{};
    device.slot.append(device.storage.?.name(slot));
}

fn refusal(device: *const Device, exchange: *Exchange) ProblemError {
    const problem = &exchange.problem;
    const activation = &device.activation;
    const failed = if (activation.too_long) |*too_long|
        problem.fail(422, .MODEL_TOO_LONG, "{s}", .{too_long.text.slice()}, .{ .field = "slot", .expected = .{ "a smaller model, or a larger model_gmac_max in PUT /v1/settings (now {d})", .{device.gmacMax()} } })
    else if (activation.reason == .golden)
        problem.fail(422, .SELFTEST_FAILED, "golden vector {d} of the model in {s} came out differently", .{ activation.vectors_passed, device.storage.?.name(exchange.slot) }, .{ .field = "slot", .expected = "a pack made for this engine" })
    else
        problem.fail(422, .MODEL_REFUSED, "{s}", .{std.mem.sliceTo(&device.load_error.message, 0)}, .{ .field = "slot", .expected = "a model that the runtime opens and that fits the board" });
    if (device.model != null) problem.expected.print("; the board runs {s} as before", .{device.slot.slice()});
    return failed;
}

fn refuse(exchange: *Exchange, storage: *const Storage, err: SlotsError) ProblemError {
    const name = storage.name(exchange.slot);
    const problem = &exchange.problem;
    return switch (err) {
        error.SlotActive => problem.fail(409, .SLOT_ACTIVE, "the model in {s} is running", .{name}, .{ .field = "slot", .expected = "the other slot" }),
        error.SlotPending => problem.fail(409, .SLOT_PENDING, "the board is changing its model", .{}, .{ .field = "slot", .expected = "the same request later" }),
        error.SlotNotReady => problem.fail(409, .SLOT_NOT_READY, "{s} holds no whole model", .{name}, .{ .field = "slot", .expected = "an upload to the slot first" }),
        error.FlashFailed => problem.fail(500, .FLASH_FAILED, "the flash did not take the record of the change", .{}, .{ .field = "slot", .expected = "another try; a board on which this stays has worn flash" }),
    };
}
