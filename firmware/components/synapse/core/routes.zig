//! The route table. A route is one file; adding one is a file and a line here.
const std = @import("std");
const Answer = @import("request/answer.zig").Answer;
const Device = @import("request/device.zig").Device;
const Exchange = @import("request/exchange.zig").Exchange;
const Level = @import("board/access.zig").Level;
const BodyType = @import("request/exchange.zig").BodyType;
const Model = @import("model/model.zig").Model;
const Problem = @import("wire/problem.zig").Problem;
const ProblemError = @import("wire/problem.zig").Error;
const Header = @import("port.zig").Header;
const Target = @import("wire/http.zig").Target;
const limits = @import("limits.zig");
const media_types = @import("request/answer.zig").media_types;

pub const Method = enum { GET, POST, PUT, DELETE };

/// What a route without a body sees of its request.
pub const Request = struct {
    headers: []const Header,
    target: Target,
    /// What stands for `*` in the route's path.
    wildcard: []const u8,
};

/// Answered at once, on the event side.
pub const Immediate = struct {
    /// Media types it can answer with.
    offers: []const []const u8,
    /// Writes the whole answer, or fills the problem.
    answer: *const fn (device: *Device, request: Request, answer: *Answer, problem: *Problem) ProblemError!void,
};

/// Answered after work: parse on the event side, step on the worker, answer on the event side.
pub const Inference = struct {
    /// Media types of the body; none for a route that takes no body.
    accepts: []const BodyType,
    /// What the body is, whatever its type says: for clients that do not say it.
    assumes: ?BodyType = null,
    /// Media types it can answer with.
    offers: []const []const u8 = &media_types,
    /// Whether the model has what the route needs.
    available: *const fn (model: *const Model) bool,
    /// Reads the body into the exchange, or fills exchange.problem.
    parse: *const fn (device: *const Device, exchange: *Exchange) ProblemError!void,
    /// One model run; true when there is nothing left to do. Touches the exchange, the model and what belongs to it, nothing else.
    step: *const fn (device: *Device, exchange: *Exchange) bool,
    /// Result rows that the answer will show, to be checked for numbers that JSON cannot hold.
    results: *const fn (model: *const Model, exchange: *Exchange) []const f32,
    /// Puts into effect what the answer tells, once it is sure that there is one: on the event side, before `answer`.
    settle: ?*const fn (device: *Device, exchange: *Exchange) void = null,
    answer: *const fn (device: *const Device, exchange: *Exchange, answer: *Answer) void,
    /// Predictions that the parsed request asks for, where that is its client's choice.
    predictions: ?*const fn (exchange: *const Exchange) u64 = null,
    /// Between two steps others may use the worker and the model.
    yields: bool = false,
    /// Tells how far the work is, between two turns, when the client takes server-sent events.
    progress: ?*const fn (device: *const Device, exchange: *Exchange, answer: *Answer) void = null,
};

/// Changes what the board holds: reads its body as it arrives, works, and goes on to its end when the client leaves after the body.
/// All functions but `step` run on the event side.
pub const Task = struct {
    /// Media types of the body, which may also come without one; none for a route that takes no body.
    accepts: []const BodyType,
    offers: []const []const u8 = &media_types,
    /// Statuses of success.
    success: []const u16,
    /// Waits until no inference is in progress, and lets none begin before it is over.
    exclusive: bool = false,
    /// Its body may take as long as it needs, as long as something comes.
    unhurried: bool = false,
    /// Looks at the head; what it refuses has changed nothing.
    begin: *const fn (device: *Device, exchange: *Exchange, request: Request) ProblemError!void,
    /// The next bytes of the body. Failing ends the request.
    chunk: *const fn (device: *Device, exchange: *Exchange, bytes: []const u8) ProblemError!void,
    /// The body has ended; true when there is work to do before the answer.
    received: *const fn (device: *Device, exchange: *Exchange) ProblemError!bool,
    /// The client left, or was too slow, before its body had ended.
    left: *const fn (device: *Device, exchange: *Exchange) void,
    /// The right to it is gone, at any point before its end: undoes what has taken effect, if it must. True when the worker has to do that; then `step` and
    /// `finish` follow. The worker is not in it meanwhile.
    revoke: *const fn (device: *Device, exchange: *Exchange) bool,
    /// The worker's turn has come.
    start: *const fn (device: *Device, exchange: *Exchange) ProblemError!void,
    /// On the worker; true when there is nothing left to do.
    step: *const fn (device: *Device, exchange: *Exchange) bool,
    /// Puts the work into effect and answers, or fills exchange.problem. The client may have left; the answer then goes nowhere.
    finish: *const fn (device: *Device, exchange: *Exchange, answer: *Answer) ProblemError!void,
};

pub const Route = struct {
    method: Method,
    /// Matched literally, segment by segment; `*` stands for one segment.
    path: []const u8,
    access: Level,
    kind: union(enum) { immediate: Immediate, inference: Inference, task: Task },
};

pub const table = [_]Route{
    @import("routes/page.zig").route,
    @import("routes/openapi.zig").route,
    @import("routes/device.zig").route,
    @import("routes/models.zig").route,
    @import("routes/models.zig").slot_route,
    @import("routes/upload_model.zig").route,
    @import("routes/activate.zig").route,
    @import("routes/encode.zig").route,
    @import("routes/predict.zig").route,
    @import("routes/rollout.zig").route,
    @import("routes/observe.zig").route,
    @import("routes/plan.zig").route,
    @import("routes/selftest.zig").route,
    @import("routes/metrics.zig").route,
    @import("routes/log.zig").route,
    @import("routes/claim.zig").route,
    @import("routes/claim.zig").release_route,
    @import("routes/settings.zig").route,
    @import("routes/settings.zig").change_route,
    @import("routes/reboot.zig").route,
    @import("routes/upload_firmware.zig").route,
    @import("routes/updates.zig").route,
    @import("routes/updates.zig").cancel_route,
    @import("routes/updates.zig").ask_route,
    @import("routes/requests.zig").route,
    @import("routes/requests.zig").stop_route,
    @import("routes/requests.zig").stop_strangers_route,
    @import("routes/legacy/status.zig").route,
    @import("routes/legacy/encode.zig").route,
    @import("routes/legacy/predict.zig").route,
    @import("routes/legacy/rollout.zig").route,
};

comptime {
    std.debug.assert(table.len <= limits.routes_max);
}

/// A route's number, under which its requests are counted.
pub fn indexOf(route: *const Route) usize {
    return (@intFromPtr(route) - @intFromPtr(&table)) / @sizeOf(Route);
}

pub const Match = union(enum) {
    found: struct { route: *const Route, wildcard: []const u8 },
    /// The path exists with other methods: the value of Allow.
    method_not_allowed: []const u8,
    not_found,
};

/// Values of Allow, by the set of methods.
const allow_texts = texts: {
    const count = std.enums.values(Method).len;
    var texts: [1 << count][]const u8 = undefined;
    for (&texts, 0..) |*text, set| {
        text.* = "";
        for (std.enums.values(Method), 0..) |method, bit| {
            if (set >> bit & 1 == 0) continue;
            text.* = text.* ++ (if (text.len > 0) ", " else "") ++ @tagName(method) ++ (if (method == .GET) ", HEAD" else "");
        }
    }
    break :texts texts;
};

pub fn match(method: []const u8, path: []const u8) Match {
    var allowed: usize = 0;
    for (&table) |*route| {
        const wildcard = matchPath(route.path, path) orelse continue;
        const asked = if (std.mem.eql(u8, method, "HEAD")) "GET" else method;
        if (std.mem.eql(u8, asked, @tagName(route.method))) return .{ .found = .{ .route = route, .wildcard = wildcard } };
        allowed |= @as(usize, 1) << @backingInt(route.method);
    }
    return if (allowed != 0) .{ .method_not_allowed = allow_texts[allowed] } else .not_found;
}

/// What stands for `*`, or an empty text for a path without one.
fn matchPath(pattern: []const u8, path: []const u8) ?[]const u8 {
    const star = std.mem.indexOfScalar(u8, pattern, '*') orelse return if (std.mem.eql(u8, pattern, path)) "" else null;
    const tail = pattern[star + 1 ..];
    if (path.len <= star + tail.len) return null;
    if (!std.mem.startsWith(u8, path, pattern[0..star]) or !std.mem.endsWith(u8, path, tail)) return null;
    const middle = path[star .. path.len - tail.len];
    return if (std.mem.indexOfScalar(u8, middle, '/') == null) middle else null;
}

test "paths match exactly" {
    try std.testing.expect(match("GET", "/v1/device") == .found);
    try std.testing.expect(match("HEAD", "/v1/device") == .found);
    try std.testing.expectEqualStrings("model_a", match("GET", "/v1/models/model_a").found.wildcard);
    try std.testing.expect(match("GET", "/v1/models/a/b") == .not_found);
    try std.testing.expectEqualStrings("a", match("POST", "/v1/models/a/activate").found.wildcard);
    try std.testing.expect(match("POST", "/v1/models//activate") == .not_found);
    try std.testing.expectEqualStrings("GET, HEAD, PUT", match("DELETE", "/v1/models/a").method_not_allowed);
    try std.testing.expectEqualStrings("POST, DELETE", match("GET", "/v1/claim").method_not_allowed);
    try std.testing.expect(match("GET", "/v1/device/") == .not_found);
    try std.testing.expectEqualStrings("POST", match("GET", "/v1/encode").method_not_allowed);
    try std.testing.expectEqualStrings("GET, HEAD", match("DELETE", "/").method_not_allowed);
}
