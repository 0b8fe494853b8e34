//! What the board says by itself goes through here: its names on the broker, and messages on their way there.
const Outbox = @import("outbox.zig").Outbox;
const topics = @import("topics.zig");
const Device = @import("../request/device.zig").Device;

pub const buffer_bytes = @import("outbox.zig").buffer_bytes;

pub const Publisher = struct {
    outbox: Outbox,
    id: topics.DeviceId,
    topics: struct { status: topics.Topic, telemetry: topics.Topic, commands: topics.Topic },

    /// `buffer` has buffer_bytes.
    pub fn init(device: *const Device, buffer: []u8) Publisher {
        const id = topics.deviceId(device.config.device_id.slice());
        return .{
            .outbox = .init(
                &device.port,
                device.metrics,
                &device.broker.counters,
                device.config.device_id.slice(),
                buffer,
            ),
            .id = id,
            .topics = .{
                .status = topics.of(&id, "status"),
                .telemetry = topics.of(&id, "telemetry"),
                .commands = topics.of(&id, "cmd/#"),
            },
        };
    }
};
