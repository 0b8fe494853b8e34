//! A file that is part of the firmware, served whole: compressed by the build, known by its etag. Flash is dear, so it
//! is kept plain as well only when its clients may be such that cannot decompress.
const std = @import("std");
const Answer = @import("../request/answer.zig").Answer;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const Request = @import("../request/route.zig").Request;
const http = @import("../wire/http.zig");

pub const Asset = struct {
    content_type: []const u8,
    plain: ?[]const u8,
    compressed: []const u8,
    /// Changes whenever the file does.
    etag: []const u8,

    pub fn init(comptime content_type: []const u8, comptime plain: []const u8, comptime compressed: []const u8) Asset {
        return .{ .content_type = content_type, .plain = plain, .compressed = compressed, .etag = etagOf(compressed) };
    }

    pub fn initCompressed(comptime content_type: []const u8, comptime compressed: []const u8) Asset {
        return .{ .content_type = content_type, .plain = null, .compressed = compressed, .etag = etagOf(compressed) };
    }

    fn etagOf(comptime compressed: []const u8) []const u8 {
        @setEvalBranchQuota(10_000_000);
        return std.fmt.comptimePrint("\"{x:0>16}\"", .{std.hash.Fnv1a_64.hash(compressed)});
    }

    pub fn send(
        comptime asset: Asset,
        request: Request,
        answer: *Answer,
        problem: *Problem,
        comptime extra: []const [2][]const u8,
    ) ProblemError!void {
        const always = [_][2][]const u8{
            .{ "etag", asset.etag },
            .{ "cache-control", "no-cache" },
            .{ "vary", "accept-encoding" },
        } ++ extra[0..extra.len].*;
        if (http.header(request.headers, "if-none-match")) |known| {
            if (std.mem.indexOf(u8, known, asset.etag) != null) {
                answer.head(304, asset.content_type, &always);
                return answer.end();
            }
        }
        const codings = http.header(request.headers, "accept-encoding");
        // Who names no codings takes any: RFC 9110, section 12.5.3.
        const compressed = http.acceptsGzip(codings) or (asset.plain == null and codings == null);
        if (compressed) {
            answer.head(200, asset.content_type, &(always ++ [_][2][]const u8{.{ "content-encoding", "gzip" }}));
            answer.raw(asset.compressed);
        } else if (asset.plain) |plain| {
            answer.head(200, asset.content_type, &always);
            answer.raw(plain);
        } else {
            return problem.fail(
                406,
                .NOT_ACCEPTABLE,
                "the page is here in compressed form only",
                .{},
                .{ .field = "accept-encoding", .expected = "gzip" },
            );
        }
        answer.end();
    }
};
