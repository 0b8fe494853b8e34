//! synapse/{device}/status, retained: whether the board is there, and what it runs. The last will says that it is not.
const std = @import("std");
const Device = @import("../request/device.zig").Device;
const Publisher = @import("publisher.zig").Publisher;

/// The last will. What else the status says would not be true any more.
pub const offline = "{\"state\":\"offline\"}";

pub fn publish(publisher: *Publisher, device: *const Device) void {
    const config = &device.config;
    var message = publisher.outbox.compose();
    message.objectBegin();
    message.field("state", "online");
    message.field("id", config.device_id.slice());
    message.field("name", device.name());
    message.field("board", config.board_id.slice());
    message.field("chip", config.chip.slice());
    message.field("firmware", device.firmwareVersion());
    message.fieldBoolean("simulated", config.simulated != 0);
    message.key("model");
    if (device.active.model) |*model| {
        message.objectBegin();
        message.field("slot", device.active.slot.slice());
        message.field("name", model.name());
        message.key("sha256");
        message.hex(&model.info.sha256);
        message.fieldBoolean("untrained", model.untrained);
        message.objectEnd();
    } else message.nothing();
    message.key("groups");
    message.arrayBegin();
    const joined = if (device.storage) |storage| storage.settings.get("groups") orelse "" else "";
    var groups = std.mem.tokenizeScalar(u8, joined, '\n');
    while (groups.next()) |group| message.text(group);
    message.arrayEnd();
    message.fieldBoolean("safe_mode", if (device.storage) |storage| storage.slots.safe_mode else false);
    message.objectEnd();
    publisher.outbox.publish(publisher.topics.status.slice(), &message, .{ .retain = true });
}

/// The board says itself that it goes, so that nobody takes it for a loss.
pub fn leave(publisher: *Publisher, reason: []const u8) void {
    var message = publisher.outbox.compose();
    message.objectBegin();
    message.field("state", "offline");
    message.field("reason", reason);
    message.objectEnd();
    publisher.outbox.publish(publisher.topics.status.slice(), &message, .{ .retain = true });
}
