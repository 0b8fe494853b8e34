//! POST /v1/models/{slot}/activate: opens the slot's model, runs its golden vectors, and makes it the one that the
//! board runs. If anything is wrong the board returns to the model it had; if the board resets meanwhile,
//! its next boot does.
const std = @import("std");
const Answer = @import("../request/answer.zig").Answer;
const Device = @import("../request/device.zig").Device;
const Opened = @import("../request/active_model.zig").Opened;
const WorkRefusal = @import("../request/active_model.zig").WorkRefusal;
const Exchange = @import("../request/device.zig").Exchange;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const Reason = @import("../flash/slots.zig").Reason;
const SlotsError = @import("../flash/slots.zig").Error;
const Storage = @import("../board/storage.zig").Storage;
const SlotIndex = @import("../board/storage.zig").SlotIndex;
const active_model = @import("../request/active_model.zig");
const models = @import("models.zig");
const rights = @import("../request/rights.zig");
const Request = @import("../request/route.zig").Request;
const Route = @import("../request/device.zig").Route;

pub const route: Route = .{ .method = .POST, .path = "/v1/models/*/activate", .access = .owner, .kind = .{ .task = .{
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

const State = struct { slot: SlotIndex = 0 };

/// The change under way, in the memory of the body that the request does not have.
const Activation = struct {
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

fn begin(device: *Device, exchange: *Exchange, request: Request) ProblemError!void {
    exchange.begin(State).slot = try models.find(device, request.wildcard, &exchange.problem);
    const storage = device.storage orelse return models.withoutFlash(&exchange.problem);
    storage.slots.activatable(exchange.own(State).slot) catch |err| return refuse(exchange, storage, err);
    // It came before the board had these keys. What the board would run but for safe mode is no
    // other model than it ran.
    if (storage.update_keys.required() and !storage.slots.signed(
        exchange.own(State).slot,
    ) and storage.slots.state.active != exchange.own(State).slot) {
        return exchange.problem.fail(
            409,
            .SIGNATURE_MISSING,
            "the model in {s} is not signed by one of the board's update keys",
            .{storage.name(exchange.own(State).slot)},
            .{ .field = "slot", .expected = "an upload of a signed pack to the slot first" },
        );
    }
    if (device.requests.exclusive != null) return refuse(exchange, storage, error.SlotPending);
}

fn chunk(_: *Device, exchange: *Exchange, bytes: []const u8) ProblemError!void {
    if (bytes.len == 0) return;
    return exchange.problem.fail(422, .BODY_INVALID, "the request has a body", .{}, .{ .expected = "no body" });
}

/// Another request may have been first since the head was looked at.
fn received(device: *Device, exchange: *Exchange) ProblemError!bool {
    const storage = device.storage.?;
    if (device.requests.exclusive != null) return refuse(exchange, storage, error.SlotPending);
    storage.slots.activatable(exchange.own(State).slot) catch |err| return refuse(exchange, storage, err);
    return true;
}

fn left(_: *Device, _: *Exchange) void {}

fn revoke(device: *Device, exchange: *Exchange) bool {
    if (exchange.state != .running) return false;
    const activation = exchange.inBody(Activation);
    activation.revoked = true;
    device.requests.turn.run_begun = false;
    returnToOld(activation, .none);
    return true;
}

fn start(device: *Device, exchange: *Exchange) ProblemError!void {
    const storage = device.storage.?;
    const old = if (storage.slots.safe_mode) null else storage.slots.state.active;
    storage.slots.activate(exchange.own(State).slot) catch |err| return refuse(exchange, storage, err);
    active_model.unload(device);
    exchange.inBody(Activation).* = .{ .old = old };
}

/// The device has no model meanwhile, so its memory is the worker's.
fn step(device: *Device, exchange: *Exchange) bool {
    const activation = exchange.inBody(Activation);
    switch (activation.phase) {
        .open_new => {
            activation.opened = active_model.openSlot(device, exchange.own(State).slot) catch null;
            if (activation.opened) |*opened| {
                activation.too_long = active_model.workRefusal(device, &opened.model);
                if (activation.too_long == null) activation.phase = .test_new else returnToOld(activation, .none);
            } else returnToOld(activation, .refused);
        },
        .test_new => {
            const model = &activation.opened.?.model;
            if (activation.vectors_passed == model.info.golden_count) return true;
            const passed = model.selfTest(&device.requests.turn, activation.vectors_passed) orelse return false;
            if (passed) {
                activation.vectors_passed += 1;
            } else returnToOld(activation, .golden);
        },
        .open_old => {
            // Its refusal would hide why the new one was refused.
            const why = device.active.load_error;
            activation.opened = if (activation.old) |old| active_model.openSlot(device, old) catch null else null;
            device.active.load_error = why;
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
    const activation = exchange.inBody(Activation);
    if (activation.revoked) {
        storage.slots.withdraw() catch device.log(
            .err,
            "the flash did not take the record of a trial that was withdrawn",
        );
        if (activation.opened != null) {
            run(device, exchange, activation.old.?);
        } else if (activation.old) |old| active_model.giveUp(device, old, .refused);
        device.tell(.status);
        return exchange.problem.failWith(rights.lost(device, exchange.channel));
    }
    if (activation.reason == .none and activation.too_long == null) {
        // Whatever the flash does, the model is open and tested;
        // without the record the next boot returns to the old one.
        storage.slots.confirm() catch |err| {
            run(device, exchange, exchange.own(State).slot);
            device.tell(.status);
            return refuse(exchange, storage, err);
        };
        run(device, exchange, exchange.own(State).slot);
    } else {
        if (activation.too_long == null) {
            active_model.giveUp(device, exchange.own(State).slot, activation.reason);
        } else storage.slots.withdraw() catch device.log(
            .err,
            "the flash did not take the record of a model that is not taken",
        );
        if (activation.opened != null) {
            run(device, exchange, activation.old.?);
        } else if (activation.old) |old| active_model.giveUp(device, old, .refused);
        device.log(.err, "a model was not taken, the board returns to the one it had");
        const failed = refusal(device, exchange);
        tell(device, exchange.own(State).slot, &exchange.problem);
        return failed;
    }
    tell(device, exchange.own(State).slot, null);
    answer.begin(200);
    answer.objectBegin();
    models.describe(device, exchange.own(State).slot, answer);
    answer.fieldUnsigned("vectors_passed", activation.vectors_passed);
    answer.objectEnd();
    answer.end();
}

fn tell(device: *const Device, slot: SlotIndex, problem: ?*const Problem) void {
    device.tell(.{ .model = .{ .slot = device.storage.?.name(slot), .refusal = problem } });
}

fn run(device: *Device, exchange: *Exchange, slot: SlotIndex) void {
    active_model.publish(device, &exchange.inBody(Activation).opened.?);
    device.active.slot = .{};
    device.active.slot.append(device.storage.?.name(slot));
}

fn refusal(device: *const Device, exchange: *Exchange) ProblemError {
    const problem = &exchange.problem;
    const activation = exchange.inBody(Activation);
    const failed = if (activation.too_long) |*too_long|
        problem.fail(
            422,
            .MODEL_TOO_LONG,
            "{s}",
            .{too_long.text.slice()},
            .{
                .field = "slot",
                .expected = .{
                    "a smaller model, or a larger model_gmac_max in PUT /v1/settings (now {d})",
                    .{device.gmacMax()},
                },
            },
        )
    else if (activation.reason == .golden)
        problem.fail(
            422,
            .SELFTEST_FAILED,
            "golden vector {d} of the model in {s} came out differently",
            .{ activation.vectors_passed, device.storage.?.name(exchange.own(State).slot) },
            .{ .field = "slot", .expected = "a pack made for this engine" },
        )
    else
        problem.fail(
            422,
            .MODEL_REFUSED,
            "{s}",
            .{std.mem.sliceTo(&device.active.load_error.message, 0)},
            .{ .field = "slot", .expected = "a model that the runtime opens and that fits the board" },
        );
    if (device.active.model != null) problem.expected.print(
        "; the board runs {s} as before",
        .{device.active.slot.slice()},
    );
    return failed;
}

fn refuse(exchange: *Exchange, storage: *const Storage, err: SlotsError) ProblemError {
    const name = storage.name(exchange.own(State).slot);
    const problem = &exchange.problem;
    return switch (err) {
        error.SlotActive => problem.fail(
            409,
            .SLOT_ACTIVE,
            "the model in {s} is running",
            .{name},
            .{ .field = "slot", .expected = "the other slot" },
        ),
        error.SlotPending => problem.fail(
            409,
            .SLOT_PENDING,
            "the board is changing its model",
            .{},
            .{ .field = "slot", .expected = "the same request later" },
        ),
        error.SlotNotReady => problem.fail(
            409,
            .SLOT_NOT_READY,
            "{s} holds no whole model",
            .{name},
            .{ .field = "slot", .expected = "an upload to the slot first" },
        ),
        error.FlashFailed => problem.fail(
            500,
            .FLASH_FAILED,
            "the flash did not take the record of the change",
            .{},
            .{ .field = "slot", .expected = "another try; a board on which this stays has worn flash" },
        ),
    };
}
