//! synapse/{device}/event/...: what happened, once. Each says its kind in `event_type`, as Home Assistant's event entities want it.
const Device = @import("../device.zig").Device;
const version = @import("../device.zig").version;
const Mqtt = @import("mqtt.zig").Mqtt;
const Answer = @import("../answer.zig").Answer;
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
    message.field("firmware", version);
    message.fieldBoolean("safe_mode", if (device.storage) |storage| storage.slots.safe_mode else false);
    end(mqtt, &message, "boot");
}

/// Another model runs, or one was refused and why.
pub fn model(mqtt: *Mqtt, slot: []const u8, code: ?[]const u8, detail: []const u8) void {
    var message = begin(mqtt, if (code == null) "activated" else "refused");
    message.field("slot", slot);
    if (code) |text| {
        message.field("code", text);
        message.field("detail", detail);
    }
    end(mqtt, &message, "model");
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
