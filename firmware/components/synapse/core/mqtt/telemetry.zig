//! synapse/{device}/telemetry: how the board does, at regular times.
const Device = @import("../request/device.zig").Device;
const Publisher = @import("publisher.zig").Publisher;
const ports = @import("../port.zig");

pub fn publish(publisher: *Publisher, device: *const Device) void {
    const metrics = device.metrics;
    const counters = &device.broker.counters;
    var requests: u64 = 0;
    for (metrics.requests) |row| for (row) |count| {
        requests += count;
    };
    var inferences: u64 = 0;
    for (&metrics.inference) |*histogram| inferences += histogram.count();
    var message = publisher.outbox.compose();
    message.objectBegin();
    message.fieldUnsigned("uptime_s", (device.now() -| device.started_us) / 1_000_000);
    message.fieldUnsigned("resets", device.config.reset_count);
    message.field("reset_reason", device.resetReason());
    message.fieldUnsigned("fast_free_bytes", device.memory.fast.free());
    message.fieldUnsigned("slow_free_bytes", device.memory.slow.free());
    message.fieldUnsigned("requests", requests);
    message.fieldUnsigned("in_progress", device.queueDepth());
    message.fieldUnsigned("inferences", inferences);
    message.fieldUnsigned("inference_us_mean", device.requests.inference_us_mean);
    message.fieldUnsigned("flash_erases", metrics.flash_erases);
    message.fieldUnsigned("mqtt_received", counters.received);
    message.fieldUnsigned("mqtt_published", counters.published);
    message.fieldUnsigned("mqtt_duplicates", counters.duplicates);
    message.fieldUnsigned("mqtt_connects", counters.connects);
    const rssi_dbm = ports.linkOf(&device.port).rssi_dbm;
    if (rssi_dbm != 0) {
        message.key("rssi_dbm");
        message.integer(rssi_dbm);
    }
    message.objectEnd();
    publisher.outbox.publish(publisher.topics.telemetry.slice(), &message, .{ .qos = 0 });
}
