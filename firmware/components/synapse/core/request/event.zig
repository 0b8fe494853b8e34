//! What happens on the board and others may tell: routes and whoever else changes something say it with `device.tell`,
//! and know nobody who listens.
const Problem = @import("../wire/problem.zig").Problem;

pub const Event = union(enum) {
    /// Another model runs, or one was refused and why.
    model: Model,
    /// Something else of what the board says of itself has changed.
    status,
    /// What the owner sets has changed.
    settings,
    /// A frame that the model did not expect, or one that it did.
    observed: Observed,
    /// How far the update is that the board fetches.
    update,
    /// The firmware that runs was confirmed.
    firmware,
    /// The board goes, and why.
    leaving: []const u8,
    /// Nobody waits for the answer of this request any more.
    closed: u32,

    pub const Model = struct { slot: []const u8, refusal: ?*const Problem = null };

    pub const Observed = struct {
        stream: []const u8,
        frame: u64,
        surprise: ?f64,
        z_score: ?f64,
        /// Of the stream's surprises, this one included.
        count: u64,
        mean: f64,
    };
};

/// Who hears of events, as they happen.
pub fn Listener(comptime Device: type) type {
    return struct {
        user: *anyopaque,
        hear: *const fn (user: *anyopaque, device: *const Device, event: Event) void,
    };
}
