//! Where an answer goes: to an HTTP client through the port, into an MQTT message, or back into the core.
const ports = @import("../port.zig");
const Problem = @import("../wire/problem.zig").Problem;

pub const Sink = struct {
    user: ?*const anyopaque,
    calls: *const Calls,

    pub const Calls = struct {
        head: *const fn (user: ?*const anyopaque, request: u32, status: u16, headers: []const ports.Header) void,
        chunk: *const fn (user: ?*const anyopaque, request: u32, bytes: []const u8) void,
        /// Nothing follows.
        end: *const fn (user: ?*const anyopaque, request: u32) void,
        /// How a sink whose answers are messages tells events; without it they are server-sent events.
        events: ?Events = null,
        /// Takes errors as they are, in place of their text.
        problem: ?*const fn (user: ?*const anyopaque, request: u32, problem: *const Problem) void = null,
    };

    pub const Events = struct {
        begin: *const fn (user: ?*const anyopaque, request: u32, name: []const u8, status: u16) void,
        end: *const fn (user: ?*const anyopaque, request: u32) void,
    };

    pub fn http(port: *const ports.Port) Sink {
        return .{ .user = port, .calls = &http_calls };
    }
};

const http_calls: Sink.Calls = .{
    .head = struct {
        fn call(user: ?*const anyopaque, request: u32, status: u16, headers: []const ports.Header) void {
            const port = of(user);
            port.send_head(port.user, request, status, headers.ptr, headers.len);
        }
    }.call,
    .chunk = struct {
        fn call(user: ?*const anyopaque, request: u32, bytes: []const u8) void {
            const port = of(user);
            port.send_chunk(port.user, request, bytes.ptr, bytes.len);
        }
    }.call,
    .end = struct {
        fn call(user: ?*const anyopaque, request: u32) void {
            const port = of(user);
            port.end(port.user, request);
        }
    }.call,
};

fn of(user: ?*const anyopaque) *const ports.Port {
    return @ptrCast(@alignCast(user.?));
}
