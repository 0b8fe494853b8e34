//! homeassistant/device/synapse_{device}/config, retained: tells Home Assistant what of the board to show (its MQTT
//! device discovery). An empty message takes the board out again.
const Device = @import("../request/device.zig").Device;
const version = @import("../request/device.zig").version;
const limits = @import("../limits.zig");
const Publisher = @import("publisher.zig").Publisher;
const Answer = @import("../request/answer.zig").Answer;
const topics = @import("topics.zig");

/// Where Home Assistant says `online` when it has started.
pub const birth_topic = "homeassistant/status";

fn topic(publisher: *const Publisher) topics.Topic {
    var result: topics.Topic = .{};
    result.print("homeassistant/device/synapse_{s}/config", .{publisher.id.slice()});
    return result;
}

pub fn remove(publisher: *Publisher) void {
    publisher.outbox.erase(topic(publisher).slice());
}

pub fn publish(publisher: *Publisher, device: *const Device) void {
    const config = &device.config;
    var message = publisher.outbox.compose();
    message.objectBegin();
    message.key("device");
    message.objectBegin();
    message.key("identifiers");
    message.arrayBegin();
    message.text(uniqueId(publisher, "").slice());
    message.arrayEnd();
    message.field("name", device.name());
    message.field("manufacturer", "Synapse");
    message.field("model", config.board_name.slice());
    message.field("serial_number", config.device_id.slice());
    message.field("sw_version", device.firmwareVersion());
    message.objectEnd();
    message.key("origin");
    message.objectBegin();
    message.field("name", "synapse");
    message.field("sw_version", version);
    message.objectEnd();
    message.field("availability_topic", publisher.topics.status.slice());
    message.field("availability_template", "{{ value_json.state }}");
    message.key("components");
    message.objectBegin();
    component(publisher, &message, "model", "sensor", "Model");
    message.field("state_topic", publisher.topics.status.slice());
    message.field("value_template", "{{ value_json.model.name if value_json.model else 'none' }}");
    message.objectEnd();
    component(publisher, &message, "inference", "sensor", "Inference time");
    message.field("state_topic", publisher.topics.telemetry.slice());
    message.field("value_template", "{{ (value_json.inference_us_mean / 1000) | round(1) }}");
    message.field("device_class", "duration");
    message.field("unit_of_measurement", "ms");
    message.field("state_class", "measurement");
    expiry(&message, device);
    message.objectEnd();
    component(publisher, &message, "uptime", "sensor", "Uptime");
    message.field("state_topic", publisher.topics.telemetry.slice());
    message.field("value_template", "{{ value_json.uptime_s }}");
    message.field("device_class", "duration");
    message.field("unit_of_measurement", "s");
    message.field("entity_category", "diagnostic");
    expiry(&message, device);
    message.objectEnd();
    component(publisher, &message, "surprise", "event", "Surprise");
    message.field("state_topic", topics.of(&publisher.id, "event/surprise").slice());
    message.key("event_types");
    message.arrayBegin();
    message.text("surprise");
    message.arrayEnd();
    message.objectEnd();
    component(publisher, &message, "reboot", "button", "Restart");
    message.field("command_topic", topics.of(&publisher.id, "cmd/reboot").slice());
    message.field("payload_press", "{}");
    message.field("device_class", "restart");
    message.fieldUnsigned("qos", 1);
    message.objectEnd();
    message.objectEnd();
    message.objectEnd();
    publisher.outbox.publish(topic(publisher).slice(), &message, .{ .retain = true });
}

/// What comes with telemetry is not retained: a number of yesterday would look like one of now. It expires when three
/// of them have not come.
fn expiry(message: *Answer, device: *const Device) void {
    const interval_s = device.number("telemetry_s") orelse limits.telemetry_s_default;
    if (interval_s > 0) message.fieldUnsigned("expire_after", 3 * interval_s);
}

fn component(
    publisher: *const Publisher,
    message: *Answer,
    key: []const u8,
    platform: []const u8,
    name: []const u8,
) void {
    message.key(key);
    message.objectBegin();
    message.field("platform", platform);
    message.field("unique_id", uniqueId(publisher, key).slice());
    message.field("name", name);
}

fn uniqueId(publisher: *const Publisher, part: []const u8) topics.Topic {
    var result: topics.Topic = .{};
    result.print("synapse_{s}{s}{s}", .{ publisher.id.slice(), if (part.len > 0) "_" else "", part });
    return result;
}
