//! Tasks that are done when their body is: no work on the worker.
const Answer = @import("../request/answer.zig").Answer;
const BodyType = @import("../wire/body_type.zig").BodyType;
const Device = @import("../request/device.zig").Device;
const Exchange = @import("../request/device.zig").Exchange;
const JournalError = @import("../flash/journal.zig").Error;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const Request = @import("../request/route.zig").Request;
const Route = @import("../request/device.zig").Route;

const Begin = fn (device: *Device, exchange: *Exchange, request: Request) ProblemError!void;
const Act = fn (device: *Device, exchange: *Exchange, answer: *Answer) ProblemError!void;

pub fn task(
    comptime accepts: []const BodyType,
    comptime success: u16,
    comptime begin: Begin,
    comptime act: Act,
) Route.Task {
    return .{
        .accepts = accepts,
        .success = &.{success},
        .begin = begin,
        .chunk = if (accepts.len == 0) refuseBody else keepBody,
        .received = received,
        .left = left,
        .revoke = revoke,
        .start = start,
        .step = step,
        .finish = act,
    };
}

pub fn beginAny(_: *Device, _: *Exchange, _: Request) ProblemError!void {}

fn keepBody(device: *Device, exchange: *Exchange, bytes: []const u8) ProblemError!void {
    return device.keepBody(exchange, bytes);
}

fn refuseBody(_: *Device, exchange: *Exchange, bytes: []const u8) ProblemError!void {
    if (bytes.len == 0) return;
    return exchange.problem.fail(422, .BODY_INVALID, "the request has a body", .{}, .{ .expected = "no body" });
}

fn received(_: *Device, _: *Exchange) ProblemError!bool {
    return false;
}

fn left(_: *Device, _: *Exchange) void {}

fn revoke(_: *Device, _: *Exchange) bool {
    return false;
}

fn start(_: *Device, _: *Exchange) ProblemError!void {}

fn step(_: *Device, _: *Exchange) bool {
    return true;
}

pub fn settingsProblem(exchange: *Exchange, err: JournalError) ProblemError {
    return switch (err) {
        error.KeyInvalid => unreachable, // Keys are the schema's.
        error.NoSpace => exchange.problem.fail(
            413,
            .SETTINGS_FULL,
            "there is no room for all settings together",
            .{},
            .{ .expected = "shorter or fewer settings" },
        ),
        error.FlashFailed => exchange.problem.fail(
            500,
            .FLASH_FAILED,
            "the flash did not take the settings",
            .{},
            .{ .expected = "another try; a board on which this stays has worn flash" },
        ),
    };
}
