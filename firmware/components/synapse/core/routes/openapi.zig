//! GET /openapi.json: what the board says over HTTP, in OpenAPI 3.1. openapi_test.zig holds it against the route table.
const Answer = @import("../request/answer.zig").Answer;
const Device = @import("../request/device.zig").Device;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const Request = @import("../request/route.zig").Request;
const Route = @import("../request/device.zig").Route;
const Asset = @import("asset.zig").Asset;

pub const document: Asset = .init("application/json", @embedFile("openapi_json"), @embedFile("openapi_json_gz"));

pub const route: Route = .{ .method = .GET, .path = "/openapi.json", .access = .public, .kind = .{ .immediate = .{
    .offers = &.{document.content_type},
    .answer = send,
} } };

fn send(_: *Device, request: Request, answer: *Answer, problem: *Problem) ProblemError!void {
    try document.send(request, answer, problem, &.{});
}
