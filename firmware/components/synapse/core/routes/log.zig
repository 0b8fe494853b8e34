//! GET /v1/log?level=&after=: the lines of the log that are kept, oldest first.
const std = @import("std");
const Answer = @import("../request/answer.zig").Answer;
const media_types = @import("../request/answer.zig").media_types;
const Device = @import("../request/device.zig").Device;
const http = @import("../wire/http.zig");
const LogLevel = @import("../port.zig").LogLevel;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const Request = @import("../request/route.zig").Request;
const Route = @import("../request/device.zig").Route;

pub const route: Route = .{
    .method = .GET,
    .path = "/v1/log",
    .access = .read,
    .kind = .{ .immediate = .{ .offers = &media_types, .answer = report } },
};

fn report(device: *Device, request: Request, answer: *Answer, problem: *Problem) ProblemError!void {
    var least: LogLevel = .info;
    if (request.target.parameter("level")) |text| {
        least = for (std.enums.values(LogLevel)) |level| {
            if (std.mem.eql(u8, text, level.name())) break level;
        } else {
            return problem.fail(
                400,
                .QUERY_INVALID,
                "there is no such level",
                .{},
                .{ .field = "level", .expected = "error, warn or info" },
            );
        };
    }
    var after: u64 = 0;
    if (request.target.parameter("after")) |text| {
        after = http.decimal(text) orelse {
            return problem.fail(
                400,
                .QUERY_INVALID,
                "the sequence number is not one",
                .{},
                .{ .field = "after", .expected = "1 to 15 decimal digits: the \"next\" of an earlier answer" },
            );
        };
    }
    const ring = device.log_ring;
    answer.begin(200);
    answer.objectBegin();
    answer.key("entries");
    answer.arrayBegin();
    var n = @max(ring.first(), after + 1);
    while (n <= ring.written) : (n += 1) {
        const entry = ring.get(n);
        if (@backingInt(entry.level) > @backingInt(least)) continue;
        answer.objectBegin();
        answer.fieldUnsigned("sequence", n);
        answer.fieldUnsigned("uptime_us", entry.time_us -| device.started_us);
        answer.field("level", entry.level.name());
        answer.field("text", entry.text.slice());
        answer.objectEnd();
    }
    answer.arrayEnd();
    answer.fieldUnsigned("next", ring.written);
    // Lines that the client has not seen and that are gone.
    answer.fieldUnsigned("dropped", ring.first() - 1 -| after);
    answer.objectEnd();
    answer.end();
}
