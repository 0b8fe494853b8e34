//! An error answer: RFC 9457 problem details with a stable `code`, the offending field, and what would be right.
const std = @import("std");
pub const Code = @import("code.zig").Code;
const size = @import("byte_text.zig").size;

/// What code returns that has filled a problem.
pub const Error = error{Problem};

pub const Problem = struct {
    status: u16 = 500,
    /// Stable and machine-readable; part of the contract with clients.
    code: Code = .INTERNAL,
    detail: Bounded(240) = .{},
    /// Where in the request: a header, a query parameter, or a path in the body such as `actions[3][1]`.
    field: Bounded(96) = .{},
    expected: Bounded(240) = .{},
    /// Methods of the resource, for 405.
    allow: []const u8 = "",
    retry_after_s: u32 = 0,

    /// `hint` may name the `field` and what is `expected` there: each a text, or a format and its arguments.
    pub inline fn init(status: u16, code: Code, comptime detail: []const u8, args: anytype, hint: anytype) Problem {
        var problem: Problem = .{};
        problem.fill(status, code, detail, args, hint);
        return problem;
    }

    /// The one way to fail: `return problem.fail(..)`, with what `init` takes.
    pub inline fn fail(
        problem: *Problem,
        status: u16,
        code: Code,
        comptime detail: []const u8,
        args: anytype,
        hint: anytype,
    ) Error {
        problem.fill(status, code, detail, args, hint);
        return error.Problem;
    }

    /// Fails with what somebody else found.
    pub fn failWith(problem: *Problem, found: Problem) Error {
        problem.* = found;
        return error.Problem;
    }

    inline fn fill(
        problem: *Problem,
        status: u16,
        code: Code,
        comptime detail: []const u8,
        args: anytype,
        hint: anytype,
    ) void {
        problem.begin(status, code);
        problem.detail.print(detail, args);
        inline for (@typeInfo(@TypeOf(hint)).@"struct".field_names) |name| {
            if (comptime !std.mem.eql(u8, name, "field") and !std.mem.eql(u8, name, "expected")) @compileError(
                "a hint has a field and what is expected there, and no " ++ name,
            );
            write(&@field(problem, name), @field(hint, name));
        }
    }

    noinline fn begin(problem: *Problem, status: u16, code: Code) void {
        problem.* = .{ .status = status, .code = code };
    }

    inline fn write(text: anytype, what: anytype) void {
        if (@typeInfo(@TypeOf(what)) == .@"struct") text.print(what[0], what[1]) else text.append(what);
    }
};

/// Text in a fixed buffer; what does not fit is cut at a character's start.
pub fn Bounded(comptime byte_count: usize) type {
    return struct {
        const Self = @This();
        bytes: [byte_count]u8 = undefined,
        len: usize = 0,

        pub fn slice(self: *const Self) []const u8 {
            return self.bytes[0..self.len];
        }

        pub noinline fn append(self: *Self, text: []const u8) void {
            var n = @min(text.len, byte_count - self.len);
            while (n > 0 and n < text.len and text[n] & 0xc0 == 0x80) n -= 1;
            @memcpy(self.bytes[self.len..][0..n], text[0..n]);
            self.len += n;
        }

        pub inline fn print(self: *Self, comptime format: []const u8, args: anytype) void {
            if (args.len == 0) self.append(
                comptime std.fmt.comptimePrint(format, .{}),
            ) else self.printWith(format, args);
        }

        noinline fn printWith(self: *Self, comptime format: []const u8, args: anytype) void {
            var buffer: [512]u8 = undefined;
            var writer: std.Io.Writer = .fixed(&buffer);
            writer.print(format, args) catch {}; // A full buffer is a cut text.
            self.append(writer.buffered());
        }
    };
}

/// Of a body, or what of it a head announces.
pub fn bodyTooLarge(bytes_max: usize, problem: *Problem) Error {
    return problem.fail(
        413,
        .BODY_TOO_LARGE,
        "the body is larger than the board takes",
        .{},
        .{ .field = "content-length", .expected = .{ "at most {f}", .{size(bytes_max)} } },
    );
}

/// Reason phrases of the statuses that the core answers.
pub fn title(status: u16) []const u8 {
    return switch (status) {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        else => "Internal Server Error",
    };
}

test "texts are cut between characters" {
    var text: Bounded(4) = .{};
    text.append("abc");
    text.append("\u{20ac}");
    try std.testing.expectEqualStrings("abc", text.slice());
}
