//! GET /: the page, one self-contained asset. The build compresses it; a client without gzip gets it plain.
const std = @import("std");
const Answer = @import("../answer.zig").Answer;
const Device = @import("../device.zig").Device;
const Problem = @import("../problem.zig").Problem;
const ProblemError = @import("../problem.zig").Error;
const routes = @import("../routes.zig");
const http = @import("../http.zig");

const plain = @embedFile("page_html");
const compressed = @embedFile("page_html_gz");

/// Changes whenever the page does.
const etag = tag: {
    @setEvalBranchQuota(10_000_000);
    break :tag std.fmt.comptimePrint("\"{x:0>16}\"", .{std.hash.Fnv1a_64.hash(plain)});
};

pub const route: routes.Route = .{ .method = .GET, .path = "/", .kind = .{ .immediate = .{
    .offers = &.{"text/html; charset=utf-8"},
    .answer = send,
} } };

fn send(_: *Device, request: routes.Request, answer: *Answer, _: *Problem) ProblemError!void {
    const always = [_][2][]const u8{
        .{ "etag", etag },
        .{ "cache-control", "no-cache" },
        .{ "vary", "accept-encoding" },
        // The page needs itself and the board, nothing else: no other origin can be loaded, called or framed.
        .{ "content-security-policy", "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'" },
    };
    const content_type = route.kind.immediate.offers[0];
    if (http.header(request.headers, "if-none-match")) |known| {
        if (std.mem.indexOf(u8, known, etag) != null) {
            answer.head(304, content_type, &always);
            return answer.end();
        }
    }
    if (http.acceptsGzip(http.header(request.headers, "accept-encoding"))) {
        answer.head(200, content_type, &(always ++ [_][2][]const u8{.{ "content-encoding", "gzip" }}));
        answer.raw(compressed);
    } else {
        answer.head(200, content_type, &always);
        answer.raw(plain);
    }
    answer.end();
}
