//! One turn of the worker: how long it may go on before the event side looks at things again. A run of the model is
//! left between two ops when the turn is over or nobody wants the answer any more,
//! and is gone on with in the next turn.
const std = @import("std");
const limits = @import("../limits.zig");
const ports = @import("../port.zig");

pub const Turn = struct {
    port: *const ports.Port = undefined,
    began_us: u64 = 0,
    /// Of the exchange whose turn it is; set on the event side.
    cancelled: *const std.atomic.Value(bool) = &never,
    /// A run of the model is between its first op and its last.
    run_begun: bool = false,

    const never: std.atomic.Value(bool) = .init(false);

    pub fn begin(turn: *Turn, port: *const ports.Port, now_us: u64, cancelled: *const std.atomic.Value(bool)) void {
        turn.* = .{ .port = port, .began_us = now_us, .cancelled = cancelled, .run_begun = turn.run_begun };
    }

    /// Whether a run under way is to be left now.
    pub fn over(turn: *const Turn) bool {
        return turn.cancelled.load(.acquire) or
            turn.port.ticks_us(turn.port.user) -| turn.began_us >= limits.run_turn_us;
    }
};
