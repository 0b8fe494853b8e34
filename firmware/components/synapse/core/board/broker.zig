//! What the board knows of its broker, and shows: whether it is connected, what went wrong, and how many messages there
//! were. mqtt/ keeps it.
const limits = @import("../limits.zig");
const Bounded = @import("../wire/problem.zig").Bounded;
const Access = @import("access.zig").Access;
const Right = @import("access.zig").Right;

/// The last thing that went wrong between board and broker, while they are not connected.
pub const Failure = struct {
    detail: Bounded(limits.mqtt_failure_bytes_max) = .{},
    /// How often in a row, since the board was last connected.
    count: u32 = 0,
    last_us: u64 = 0,
};

pub const Counters = struct {
    received: u32 = 0,
    published: u32 = 0,
    duplicates: u32 = 0,
    refused: u32 = 0,
    lost: u32 = 0,
    connects: u32 = 0,
};

pub const Broker = struct {
    /// Above all topics of the board.
    topic: Bounded(limits.mqtt_topic_bytes_max) = .{},
    connected: bool = false,
    /// Which broker this is, of those that the owner has chosen one after the other:
    /// commands of an earlier one count no more.
    number: u32 = 0,
    failure: Failure = .{},
    counters: Counters = .{},

    /// That of commands which come now.
    pub fn right(broker: *const Broker, access: *const Access) Right {
        var given = access.right(.broker);
        given.broker = broker.number;
        return given;
    }
};
