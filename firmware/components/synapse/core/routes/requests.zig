//! GET /v1/requests: what is in progress, and who asked for it. DELETE /v1/requests/{id} ends one, DELETE /v1/requests
//! those of strangers.
const Answer = @import("../request/answer.zig").Answer;
const media_types = @import("../request/answer.zig").media_types;
const Device = @import("../request/device.zig").Device;
const Exchange = @import("../request/device.zig").Exchange;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const http = @import("../wire/http.zig");
const schedule = @import("../request/schedule.zig");
const isStranger = @import("../board/access.zig").isStranger;
const Request = @import("../request/route.zig").Request;
const Route = @import("../request/device.zig").Route;
const small_task = @import("small_task.zig");

pub const route: Route = .{
    .method = .GET,
    .path = "/v1/requests",
    .access = .owner,
    .kind = .{ .immediate = .{ .offers = &media_types, .answer = report } },
};
pub const stop_route: Route = .{
    .method = .DELETE,
    .path = "/v1/requests/*",
    .access = .owner,
    .kind = .{ .task = small_task.task(&.{}, 200, begin, stopOne) },
};
pub const stop_strangers_route: Route = .{
    .method = .DELETE,
    .path = "/v1/requests",
    .access = .owner,
    .kind = .{ .task = small_task.task(&.{}, 200, small_task.beginAny, stopStrangers) },
};

fn by(exchange: *const Exchange) []const u8 {
    return switch (exchange.channel) {
        .own => "board",
        .mqtt => "broker",
        .http => switch (exchange.right.basis) {
            .owner => "owner",
            .cable => "cable",
            else => "stranger",
        },
    };
}

fn report(device: *Device, _: Request, answer: *Answer, _: *Problem) ProblemError!void {
    const now = device.now();
    answer.begin(200);
    answer.objectBegin();
    answer.key("requests");
    answer.arrayBegin();
    for (device.requests.places) |*exchange| {
        if (exchange.state == .free) continue;
        answer.objectBegin();
        answer.fieldUnsigned("id", exchange.sequence);
        answer.field("method", @tagName(exchange.route.method));
        answer.field("path", exchange.route.path);
        answer.field("by", by(exchange));
        if (exchange.client.len > 0) answer.field("client", exchange.client.slice());
        answer.field(
            "state",
            if (exchange.abandoned or exchange.ending != .none) "ending" else @tagName(exchange.state),
        );
        answer.fieldUnsigned("age_us", now -| exchange.timing.started_us);
        answer.objectEnd();
    }
    answer.arrayEnd();
    answer.objectEnd();
    answer.end();
}

/// Which request is to end.
const State = struct { id: u64 = 0 };

fn begin(_: *Device, exchange: *Exchange, request: Request) ProblemError!void {
    exchange.begin(State).id = http.decimal(request.wildcard) orelse return unknown(exchange);
}

fn unknown(exchange: *Exchange) ProblemError {
    return exchange.problem.fail(
        404,
        .REQUEST_UNKNOWN,
        "no such request is in progress",
        .{},
        .{ .field = "id", .expected = "an id that GET /v1/requests shows" },
    );
}

fn stopOne(device: *Device, exchange: *Exchange, answer: *Answer) ProblemError!void {
    const found = for (device.requests.places) |*candidate| {
        const is_other = candidate.state != .free and candidate != exchange;
        if (is_other and candidate.sequence == exchange.own(State).id) break candidate;
    } else return unknown(exchange);
    if (found.route.kind == .task and found.state != .receiving) {
        return exchange.problem.fail(
            409,
            .REQUEST_BOUND,
            "the request changes the board, and goes on to its end",
            .{},
            .{ .field = "id", .expected = "inference, or a request whose body is still arriving" },
        );
    }
    tell(answer, 1);
    schedule.stop(device, found, .owner);
    schedule.startNext(device);
}

fn stopStrangers(device: *Device, _: *Exchange, answer: *Answer) ProblemError!void {
    var count: u64 = 0;
    for (device.requests.places) |*candidate| count += @intFromBool(ofStranger(candidate));
    tell(answer, count);
    for (device.requests.places) |*candidate| if (ofStranger(candidate)) schedule.stop(device, candidate, .owner);
    schedule.startNext(device);
}

fn ofStranger(exchange: *const Exchange) bool {
    return exchange.state != .free and exchange.ending == .none and isStranger(exchange.right);
}

fn tell(answer: *Answer, count: u64) void {
    answer.begin(200);
    answer.objectBegin();
    answer.fieldUnsigned("stopped", count);
    answer.objectEnd();
    answer.end();
}
