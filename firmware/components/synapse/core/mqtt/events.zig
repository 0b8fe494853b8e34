//! synapse/{device}/event/...: what happened, once. Each says its kind in `event_type`, as Home Assistant's event entities want it.
const Device = @import("../request/device.zig").Device;
const Mqtt = @import("mqtt.zig").Mqtt;
const Code = @import("../wire/code.zig").Code;
const Answer = @import("../request/answer.zig").Answer;
const Updates = @import("../updates/updates.zig").Updates;
const Observation = @import("../routes/observe.zig").Observation;
const topics = @import("topics.zig");
const limits = @import("../limits.zig");

fn begin(mqtt: *Mqtt, name: []const u8) Answer {
    var message = mqtt.outbox.compose();
    message.objectBegin();
    message.field("event_type", name);
    return message;
}

fn end(mqtt: *Mqtt, message: *Answer, comptime name: []const u8) void {
    message.objectEnd();
    mqtt.outbox.publish(topics.of(&mqtt.id, "event/" ++ name).slice(), message, .{});
}

/// The first thing a board says after a start, when it has reached the broker.
pub fn boot(mqtt: *Mqtt, device: *const Device) void {
    var message = begin(mqtt, "boot");
    message.field("reason", device.resetReason());
    message.fieldUnsigned("resets", device.config.reset_count);
    message.field("firmware", device.firmwareVersion());
    message.field("firmware_state", device.firmware.state.text());
    message.fieldBoolean("safe_mode", if (device.storage) |storage| storage.slots.safe_mode else false);
    end(mqtt, &message, "boot");
}

/// Another model runs, or one was refused and why.
pub fn model(mqtt: *Mqtt, slot: []const u8, code: ?Code, detail: []const u8) void {
    var message = begin(mqtt, if (code == null) "activated" else "refused");
    message.field("slot", slot);
    if (code) |why| {
        message.field("code", @tagName(why));
        message.field("detail", detail);
    }
    end(mqtt, &message, "model");
}

/// How far an update that the board fetches is.
pub fn update(mqtt: *Mqtt, updates: *const Updates) void {
    var message = begin(mqtt, @tagName(updates.state));
    updates.describe(&message);
    end(mqtt, &message, "ota");
}

/// What became of a firmware that was on trial.
pub fn firmware(mqtt: *Mqtt, device: *const Device) void {
    const returned = device.firmware.state == .returned;
    const state = if (returned) "FAILED" else "UPDATED";
    var message = begin(mqtt, state);
    message.field("state", state);
    message.field("kind", "firmware");
    message.field("version", device.firmwareVersion());
    if (returned) {
        message.field("code", @tagName(Code.FIRMWARE_RETURNED));
        message.field("detail", "the new firmware was not confirmed before the board started anew, so the one before it runs");
    }
    end(mqtt, &message, "ota");
}

/// A frame that the model did not expect.
pub fn surprise(mqtt: *Mqtt, observation: *const Observation) void {
    const z_score = observation.z_score orelse return;
    if (z_score < limits.surprise_event_deviations or observation.statistics.count < limits.surprise_event_count) return;
    var message = begin(mqtt, "surprise");
    message.field("stream", observation.name.slice());
    message.fieldUnsigned("frame", observation.frame);
    message.key("surprise");
    message.double(observation.surprise.?);
    message.key("z_score");
    message.double(z_score);
    message.key("mean");
    message.double(observation.statistics.mean);
    end(mqtt, &message, "surprise");
}
