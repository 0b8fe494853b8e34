//! The update that the board fetches, as far as it is: what was asked for, what of it has come, what it has cost.
//! updates/updates.zig brings it on.
const Bounded = @import("../wire/problem.zig").Bounded;
const Code = @import("../wire/code.zig").Code;
const Effort = @import("effort.zig").Effort;
const Problem = @import("../wire/problem.zig").Problem;
const Right = @import("access.zig").Right;
const limits = @import("../limits.zig");
const Sha256 = @import("../sha256.zig").Sha256;

pub const Kind = enum(u1) { model, firmware };

/// QUEUED: waits for its time, or for another try. VERIFIED: what was downloaded is whole and lies in flash. UPDATING:
/// it is being tried.
pub const State = enum { IDLE, QUEUED, DOWNLOADING, DOWNLOADED, VERIFIED, UPDATING, UPDATED, FAILED };

pub const Update = struct {
    state: State = .IDLE,
    kind: Kind = .model,
    url: Bounded(limits.url_bytes_max) = .{},
    slot: Bounded(limits.slot_name_bytes_max) = .{},
    bytes: u64 = 0,
    sha256: [32]u8 = undefined,
    activate: bool = true,
    /// Of whoever asked for it: without it nothing is fetched, written or run any more.
    right: Right = .{},
    /// Of the file, from its start: written, or about to be.
    received: u64 = 0,
    /// Of what has been received.
    hash: Sha256 = undefined,
    /// The server began the file anew: bytes that are there already and have to come and be the same before more is
    /// taken, and the hash of those that came.
    skip: u64 = 0,
    skipped: Sha256 = undefined,
    /// Where a server that did not say how long its file is has ended it.
    ended_at: ?u64 = null,
    effort: Effort = .{},
    /// The pack that was written and checked, while only its activation is tried again.
    stored: ?[32]u8 = null,
    /// Why the update failed, or waits for another try.
    code: ?Code = null,
    detail: Bounded(240) = .{},
    due_us: u64 = 0,
    told_parts: u64 = 0,
    /// The download under way; 0: none.
    fetch: u32 = 0,
    fetches: u32 = 0,
    /// When the board last asked the server, or heard from it.
    heard_us: u64 = 0,
    /// The request that the board makes of itself; 0: none.
    request: u32 = 0,
    requests: u32 = 0,
    outcome: union(enum) { none, success, problem: Problem } = .none,

    pub fn busy(self: *const Update) bool {
        return switch (self.state) {
            .QUEUED, .DOWNLOADING, .DOWNLOADED, .UPDATING => true,
            .VERIFIED => self.activate,
            .IDLE, .UPDATED, .FAILED => false,
        };
    }
};
