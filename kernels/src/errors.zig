//! The one error type of the runtime: a code, a byte offset in the file, and a sentence.

const std = @import("std");

/// The values of `syn_result` in `include/synapse.h`.
pub const Result = enum(i32) {
    /// No error: a run under way has ops left.
    more = 1,
    ok = 0,
    argument = -1,
    out_of_memory = -2,
    not_found = -3,
    cancelled = -4,
    truncated = -10,
    magic = -11,
    version = -12,
    prefix = -13,
    digest = -14,
    cbor = -15,
    header = -16,
    limit = -17,
    tensor = -18,
    op = -19,
    golden = -20,
    _,
};

pub const Error = error{Refused};

/// `syn_error`: the caller sets `size` so that the struct may grow.
pub const CError = extern struct {
    size: u32,
    code: i32,
    offset: u32,
    message: [180]u8,
};

/// Collects what is wrong. Functions that find something wrong fill it and return `error.Refused`, so that the first
/// finding wins and nothing is allocated for it.
pub const Report = struct {
    code: Result = .ok,
    offset: u32 = 0,
    message: [180]u8 = @splat(0),

    pub fn fail(self: *Report, code: Result, offset: usize, comptime format: []const u8, args: anytype) Error {
        self.code = code;
        self.offset = @intCast(@min(offset, std.math.maxInt(u32)));
        // One byte stays 0; a sentence that is too long is cut, not lost.
        var writer = std.Io.Writer.fixed(self.message[0 .. self.message.len - 1]);
        writer.print(format, args) catch {};
        @memset(self.message[writer.end..], 0);
        return error.Refused;
    }

    pub fn toC(self: *const Report, out: ?*CError) Result {
        if (out) |target| {
            if (target.size >= @sizeOf(CError)) {
                target.code = @backingInt(self.code);
                target.offset = self.offset;
                target.message = self.message;
            }
        }
        return self.code;
    }
};
