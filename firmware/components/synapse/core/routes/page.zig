//! GET /: the page, one self-contained asset.
const Answer = @import("../answer.zig").Answer;
const Device = @import("../device.zig").Device;
const Problem = @import("../problem.zig").Problem;
const ProblemError = @import("../problem.zig").Error;
const routes = @import("../routes.zig");
const Asset = @import("asset.zig").Asset;

const page: Asset = .init("text/html; charset=utf-8", @embedFile("page_html"), @embedFile("page_html_gz"));

pub const route: routes.Route = .{ .method = .GET, .path = "/", .access = .public, .kind = .{ .immediate = .{
    .offers = &.{page.content_type},
    .answer = send,
} } };

fn send(_: *Device, request: routes.Request, answer: *Answer, _: *Problem) ProblemError!void {
    // The page needs itself and the board, nothing else: no other origin can be loaded, called or framed.
    page.send(request, answer, &.{.{ "content-security-policy", "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'" }});
}
