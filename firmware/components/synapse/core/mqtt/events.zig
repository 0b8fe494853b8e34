//! synapse/{device}/event/...: what happened, once. Each says its kind in `event_type`, as Home Assistant's event
//! entities want it.
const Device = @import("../request/device.zig").Device;
const Publisher = @import("publisher.zig").Publisher;
const Code = @import("../wire/code.zig").Code;
const Answer = @import("../request/answer.zig").Answer;
const Event = @import("../request/event.zig").Event;
const Update = @import("../board/update.zig").Update;
const updates = @import("../updates/updates.zig");
const topics = @import("topics.zig");
const limits = @import("../limits.zig");

fn begin(publisher: *Publisher, name: []const u8) Answer {
    var message = publisher.outbox.compose();
    message.objectBegin();
    message.field("event_type", name);
    return message;
}

fn end(publisher: *Publisher, message: *Answer, comptime name: []const u8) void {
    message.objectEnd();
    publisher.outbox.publish(topics.of(&publisher.id, "event/" ++ name).slice(), message, .{});
}

/// The first thing a board says after a start, when it has reached the broker.
pub fn boot(publisher: *Publisher, device: *const Device) void {
    var message = begin(publisher, "boot");
    message.field("reason", device.resetReason());
    message.fieldUnsigned("resets", device.config.reset_count);
    message.field("firmware", device.firmwareVersion());
    message.field("firmware_state", device.firmware.state.text());
    message.fieldBoolean("safe_mode", if (device.storage) |storage| storage.slots.safe_mode else false);
    end(publisher, &message, "boot");
}

/// Another model runs, or one was refused and why.
pub fn model(publisher: *Publisher, change: *const Event.Model) void {
    var message = begin(publisher, if (change.refusal == null) "activated" else "refused");
    message.field("slot", change.slot);
    if (change.refusal) |problem| {
        message.field("code", @tagName(problem.code));
        message.field("detail", problem.detail.slice());
    }
    end(publisher, &message, "model");
}

/// How far an update that the board fetches is.
pub fn update(publisher: *Publisher, current: *const Update) void {
    var message = begin(publisher, @tagName(current.state));
    updates.describe(current, &message);
    end(publisher, &message, "ota");
}

/// What became of a firmware that was on trial.
pub fn firmware(publisher: *Publisher, device: *const Device) void {
    const returned = device.firmware.state == .returned;
    const state = if (returned) "FAILED" else "UPDATED";
    var message = begin(publisher, state);
    message.field("state", state);
    message.field("kind", "firmware");
    message.field("version", device.firmwareVersion());
    if (returned) {
        message.field("code", @tagName(Code.FIRMWARE_RETURNED));
        message.field(
            "detail",
            "the new firmware was not confirmed before the board started anew, so the one before it runs",
        );
    }
    end(publisher, &message, "ota");
}

pub fn isSurprise(observed: *const Event.Observed) bool {
    const z_score = observed.z_score orelse return false;
    return z_score >= limits.surprise_event_deviations and observed.count >= limits.surprise_event_count;
}

/// A frame that the model did not expect.
pub fn surprise(publisher: *Publisher, observed: *const Event.Observed) void {
    if (!isSurprise(observed)) return;
    var message = begin(publisher, "surprise");
    message.field("stream", observed.stream);
    message.fieldUnsigned("frame", observed.frame);
    message.key("surprise");
    message.double(observed.surprise.?);
    message.key("z_score");
    message.double(observed.z_score.?);
    message.key("mean");
    message.double(observed.mean);
    end(publisher, &message, "surprise");
}
