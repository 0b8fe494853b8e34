//! GET /: the page, one self-contained asset.
const Answer = @import("../request/answer.zig").Answer;
const Device = @import("../request/device.zig").Device;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const Request = @import("../request/route.zig").Request;
const Route = @import("../request/device.zig").Route;
const Asset = @import("asset.zig").Asset;

const page: Asset = .initCompressed("text/html; charset=utf-8", @embedFile("page_html_gz"));

/// The page needs itself and the board, nothing else: no other origin can be loaded, called or framed, and no script or
/// style runs but the page's own, whose digests the page's build has written down.
const policy = @embedFile("page_policy");

pub const route: Route = .{ .method = .GET, .path = "/", .access = .public, .kind = .{ .immediate = .{
    .offers = &.{page.content_type},
    .answer = send,
} } };

fn send(_: *Device, request: Request, answer: *Answer, problem: *Problem) ProblemError!void {
    try page.send(request, answer, problem, &.{.{ "content-security-policy", policy }});
}
