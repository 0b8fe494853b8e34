//! The firmware itself: what runs, and an image on its way to take its place. The port writes; what an image must be is
//! decided here, so that a board in software refuses what a board would.
const app_image = @import("app_image.zig");
const ports = @import("../port.zig");

/// How the firmware that runs came to run.
pub const State = enum(u32) {
    valid = 0,
    /// It was updated, and the next start returns to the one before unless it is confirmed.
    on_trial = 1,
    /// An update was not confirmed before the last start, so the one before it runs again.
    returned = 2,
    _,

    pub fn text(state: State) []const u8 {
        return switch (state) {
            .on_trial => "ON_TRIAL",
            .returned => "RETURNED",
            .valid, _ => "VALID",
        };
    }
};

pub const Firmware = struct {
    state: State = .valid,
    phase: enum { idle, head, body, checking } = .idle,
    bytes: u64 = 0,
    received: u64 = 0,
    reboot: bool = true,
    head: [app_image.head_bytes]u8 = undefined,
    image: app_image.Head = undefined,
    checker: app_image.Checker = .{},
    /// The port's verdict on what it wrote, given on the worker.
    whole: bool = false,

    pub const Error = app_image.HeadError || app_image.FitError || app_image.BodyError || error{FlashFailed};

    pub fn begin(self: *Firmware, bytes: u64) void {
        self.* = .{ .state = self.state, .phase = .head, .bytes = bytes };
    }

    /// Whether a part of an image has come, or none of it yet, and the rest can follow.
    pub fn partial(self: *const Firmware) bool {
        return self.phase == .head or self.phase == .body;
    }

    /// The next bytes of the image. Nothing is erased before its head was seen whole and found right.
    pub fn write(self: *Firmware, port: *const ports.Port, chip_revision: u32, bytes: []const u8) Error!void {
        var rest = bytes;
        if (self.phase == .head) {
            const have: usize = @intCast(self.received);
            const n = @min(rest.len, self.head.len - have);
            @memcpy(self.head[have..][0..n], rest[0..n]);
            self.received += n;
            rest = rest[n..];
            if (self.received < self.head.len) return;
            self.image = try .parse(&self.head);
            try self.image.fits(chip_revision);
            if (port.firmware_begin.?(port.user, @intCast(self.bytes)) != 0) return error.FlashFailed;
            self.phase = .body;
            try self.pass(port, &self.head);
        }
        self.received += rest.len;
        try self.pass(port, rest);
    }

    fn pass(self: *Firmware, port: *const ports.Port, bytes: []const u8) Error!void {
        if (bytes.len == 0) return;
        try self.checker.feed(bytes);
        if (port.firmware_write.?(port.user, bytes.ptr, bytes.len) != 0) return error.FlashFailed;
    }

    pub fn finish(self: *Firmware) Error!void {
        if (self.phase != .body) return error.Incomplete;
        try self.checker.finish();
        self.phase = .checking;
    }

    /// The update goes no further. What runs is untouched.
    pub fn cancel(self: *Firmware, port: *const ports.Port) void {
        const begun = self.phase == .body or self.phase == .checking;
        self.phase = .idle;
        if (begun) port.firmware_abort.?(port.user);
    }

    /// This start was a good one.
    pub fn confirm(self: *Firmware, port: *const ports.Port) bool {
        if (self.state != .on_trial) return false;
        if (port.firmware_confirm.?(port.user) != 0) return false;
        self.state = .valid;
        return true;
    }
};
