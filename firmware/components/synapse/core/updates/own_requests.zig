//! Requests that the board makes of itself, to feed a download to the routes that take uploads.
const intake = @import("../request/intake.zig");
const ports = @import("../port.zig");
const Device = @import("../request/device.zig").Device;
const Problem = @import("../wire/problem.zig").Problem;
const Sink = @import("../request/sink.zig").Sink;
const Update = @import("../board/update.zig").Update;

/// Their numbers begin here; ports use those below.
const first_number = 0x8000_0000;

/// Where their answers go.
pub fn sink(update: *Update) Sink {
    return .{ .user = update, .calls = &calls };
}

pub fn ask(device: *Device, method: []const u8, target: []const u8, headers: []const ports.Header) void {
    const update = device.update;
    update.requests = (update.requests + 1) % first_number;
    update.request = first_number + update.requests;
    update.outcome = .none;
    intake.begin(device, update.request, .own, method, target, "", headers);
}

fn of(user: ?*const anyopaque) *Update {
    return @ptrCast(@alignCast(@constCast(user.?)));
}

const calls: Sink.Calls = .{
    .head = struct {
        fn call(_: ?*const anyopaque, _: u32, _: u16, _: []const ports.Header) void {}
    }.call,
    .chunk = struct {
        fn call(_: ?*const anyopaque, _: u32, _: []const u8) void {}
    }.call,
    .end = struct {
        fn call(user: ?*const anyopaque, request: u32) void {
            const update = of(user);
            if (request == update.request) update.outcome = .success;
        }
    }.call,
    .problem = struct {
        fn call(user: ?*const anyopaque, request: u32, problem: *const Problem) void {
            const update = of(user);
            if (request == update.request) update.outcome = .{ .problem = problem.* };
        }
    }.call,
};
