//! POST /v1/reboot: answers, then starts the board anew.
const Answer = @import("../request/answer.zig").Answer;
const Device = @import("../request/device.zig").Device;
const Exchange = @import("../request/device.zig").Exchange;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const Route = @import("../request/device.zig").Route;
const small_task = @import("small_task.zig");

pub const route: Route = .{
    .method = .POST,
    .path = "/v1/reboot",
    .access = .owner,
    .kind = .{ .task = small_task.task(&.{}, 202, small_task.beginAny, reboot) },
};

fn reboot(device: *Device, exchange: *Exchange, answer: *Answer) ProblemError!void {
    const restart = device.port.reboot orelse {
        return exchange.problem.fail(
            409,
            .NO_REBOOT,
            "this board cannot start itself anew",
            .{},
            .{ .expected = "the power switch" },
        );
    };
    // A reboot that was asked for is no sign of trouble, nor one that a firmware on trial is good.
    device.excuseBoot();
    answer.begin(202);
    answer.objectBegin();
    answer.fieldBoolean("rebooting", true);
    answer.objectEnd();
    answer.end();
    device.tell(.{ .leaving = "reboot" });
    restart(device.port.user);
}
